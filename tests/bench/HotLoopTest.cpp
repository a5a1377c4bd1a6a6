// The loop that static-analysis weighs, and the multiply-adds that it counts.
#include <gtest/gtest.h>

#include "bench/support/HotLoop.h"

namespace quantc::bench {
namespace {

constexpr const char* kNested = R"(
.LBB0_1:                                // outer
	smull	v0.8h, v1.8b, v2.8b
.LBB0_2:                                // inner
	ldr	q1, [x0, #16]
	sdot	v22.4s, v8.16b, v26.16b   // 16
	sdot	v3.2s, v4.8b, v5.8b
	subs	x1, x1, #1
	b.ne	.LBB0_2
	b.ne	.LBB0_1
.LBB0_3:
	smlal2	v0.8h, v1.16b, v2.16b
	cbnz	x2, .LBB0_3
)";

TEST(HotLoop, IsTheInnermostWithTheMostProducts) {
  const HotLoop loop = findHotLoop(kNested, Architecture::arm64);
  EXPECT_EQ(loop.label, ".LBB0_2");
  EXPECT_EQ(loop.multiplyAdds, 24);
  ASSERT_EQ(loop.lines.size(), 5u);
  EXPECT_EQ(loop.lines[0], "ldr\tq1, [x0, #16]");
}

TEST(HotLoop, KnowsWhatIsAroundIt) {
  const HotLoop loop = findHotLoop(R"(
.LBB0_0:
	mov	x9, x8
.LBB0_1:
	and	v0.16b, v0.16b, v1.16b
	b.ne	.LBB0_1
	ldr	q7, [x2]
.LBB0_2:
	sdot	v0.4s, v1.16b, v2.4b[0]
	b.ne	.LBB0_2
	str	q0, [x1]
	b.ne	.LBB0_0
	ret
)",
                                   Architecture::arm64);
  EXPECT_EQ(loop.label, ".LBB0_2");
  ASSERT_EQ(loop.around.size(), 1u);
  EXPECT_EQ(loop.around[0].own.lines, (std::vector<std::string>{"mov\tx9, x8", "ldr\tq7, [x2]", "str\tq0, [x1]", "b.ne\t.LBB0_0"}));
  ASSERT_EQ(loop.around[0].others.size(), 1u);
  EXPECT_EQ(loop.around[0].others[0].label, ".LBB0_1");
}

TEST(HotLoop, CountsEveryDotFormOfArm) {
  const auto count = [](const std::string& instruction) {
    return findHotLoop(".L1:\n\tsdot\tv0.4s, v1.16b, v2.16b\n\t" + instruction + "\n\tb.ne\t.L1\n", Architecture::arm64).multiplyAdds - 16;
  };
  EXPECT_EQ(count("smmla\tv0.4s, v1.16b, v2.16b"), 32);
  EXPECT_EQ(count("usmmla\tv0.4s, v1.16b, v2.16b"), 32);
  EXPECT_EQ(count("udot\tv0.4s, v1.16b, v2.4b[1]"), 16);
  EXPECT_EQ(count("smull2\tv0.8h, v1.16b, v2.16b"), 8);
  EXPECT_EQ(count("umlal\tv0.8h, v1.8b, v2.8b"), 8);
  EXPECT_EQ(count("sadalp\tv0.4s, v1.8h"), 0);
  EXPECT_EQ(count("fmul\tv0.4s, v1.4s, v2.4s"), 0);
}

TEST(HotLoop, VectorsCountByTheirLength) {
  const HotLoop loop = findHotLoop(R"(
	vsetivli	zero, 16, e8, m1, ta, ma
.LBB0_1:                                # loop
	mul	a1, a1, a2
	vwmul.vx	v8, v9, a0
	vwmaccsu.vx	v8, a0, v10
	vsetvli	zero, zero, e32, m4, ta, ma
	vmul.vv	v12, v12, v16
	vsetvli	zero, zero, e8, m1, ta, ma
	bne	a0, a1, .LBB0_1
)",
                                   Architecture::riscv64);
  EXPECT_EQ(loop.multiplyAdds, 32);
  EXPECT_EQ(loop.vectorState, "vsetivli\tzero, 16, e8, m1, ta, ma");
}

TEST(HotLoop, WithoutProductsThereIsNone) {
  EXPECT_THROW(findHotLoop(".L1:\n\tadd\tx0, x0, #1\n\tcbnz\tx0, .L1\n", Architecture::arm64), std::runtime_error);
}

}  // namespace
}  // namespace quantc::bench
