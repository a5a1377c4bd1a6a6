// What --compile-to and --emit print, and that IR read back goes on to the same artifact.
#include "tests/driver/Talelm.h"

using testing::HasSubstr;

namespace quantc::test {
namespace {

class Phases : public SharedArtifact, public testing::WithParamInterface<const char*> {};

TEST_P(Phases, IrReadBackGoesOnToTheSameArtifact) {
  const std::filesystem::path ir = folder_->path() / (std::string(GetParam()) + ".mlir"),
                              again = folder_->path() / (std::string(GetParam()) + ".qc");
  const ProcessResult printed = quantc({talelm(), "--target=x86_64,arm64", std::string("--compile-to=") + GetParam(), "-o", ir.string()});
  ASSERT_EQ(printed.exitCode, 0) << printed.err;
  EXPECT_EQ(printed.out, "");
  const ProcessResult result = quantc({ir.string(), "--target=x86_64,arm64", "-o", again.string()});
  ASSERT_EQ(result.exitCode, 0) << result.err;
  EXPECT_TRUE(bytesOfFile(again) == bytesOfFile(artifact())) << "another artifact";
}

INSTANTIATE_TEST_SUITE_P(All, Phases, testing::Values("import", "raise", "compress", "fuse", "lower"),
                         [](const testing::TestParamInfo<const char*>& info) { return std::string(info.param); });

using PhasesText = SharedArtifact;

TEST_F(PhasesText, CacheFollowsTheSchemeOfIrReadBack) {
  const std::string ir = (folder_->path() / "f32.mlir").string(), again = (folder_->path() / "f32-again.qc").string(),
                    once = (folder_->path() / "f32-once.qc").string();
  ASSERT_EQ(quantc({talelm(), "--target=x86_64", "--quant=f32", "--compile-to=fuse", "-o", ir}).exitCode, 0);
  ASSERT_EQ(quantc({ir, "--target=x86_64", "-o", again}).exitCode, 0);
  ASSERT_EQ(quantc({talelm(), "--target=x86_64", "--quant=f32", "-o", once}).exitCode, 0);
  EXPECT_TRUE(bytesOfFile(again) == bytesOfFile(once)) << "another artifact";
}

TEST_F(PhasesText, EachPhaseLooksLikeItself) {
  const auto print = [](const std::string& option) {
    const ProcessResult result = quantc({talelm(), "--target=x86_64", option});
    EXPECT_EQ(result.exitCode, 0) << result.err;
    return result.out;
  };
  EXPECT_THAT(print("--compile-to=import"),
              testing::AllOf(HasSubstr("tfm.linear"), HasSubstr("#tfm.stored"), testing::Not(HasSubstr("tfm.quantize"))));
  EXPECT_THAT(print("--compile-to=compress"), HasSubstr("!tfm.q<\"int4\">"));
  EXPECT_THAT(print("--compile-to=fuse"), HasSubstr("tfm.fused"));
  const std::string lowered = print("--compile-to=lower");
  EXPECT_THAT(lowered, testing::AllOf(HasSubstr("kern.call"), HasSubstr("offset = "), testing::Not(HasSubstr("tfm.linear"))));
  EXPECT_EQ(print("--emit=mlir"), lowered);
}

TEST_F(PhasesText, AssemblyHasEveryKernel) {
  const ProcessResult result = quantc({talelm(), "--target=x86_64", "--emit=asm"});
  ASSERT_EQ(result.exitCode, 0) << result.err;
  EXPECT_THAT(result.out, testing::AllOf(HasSubstr("qc_matmul"), HasSubstr("qc_attention"), HasSubstr("vpmaddubsw"), HasSubstr("pmaddwd")));
}

TEST_F(PhasesText, LaterIrCannotGoBack) {
  const std::filesystem::path ir = folder_->path() / "later.mlir";
  ASSERT_EQ(quantc({talelm(), "--target=x86_64", "--compile-to=fuse", "-o", ir.string()}).exitCode, 0);
  const ProcessResult result = quantc({ir.string(), "--compile-to=compress"});
  EXPECT_EQ(result.exitCode, 1);
  EXPECT_THAT(result.err, HasSubstr("has been through phase fuse, expected at most compress; "));
}

}  // namespace
}  // namespace quantc::test
