// What the runtime takes on a board: built for arm64 with MinSizeRel (-Os) by the target `runtimes`.
#include <regex>

#include "tests/end_to_end/Programs.h"

using namespace quantc::test;

namespace {

std::string smallBuild() { return std::string(QUANTC_BINARY_DIR) + "/runtime/arm64-small"; }

/// "aarch64-linux-gnu-g++ (Debian 12.2.0-14) 12.2.0": sizes mean little without it.
std::string compilerVersion() {
  const std::string text = runProcess({"aarch64-linux-gnu-g++", "--version"}).out;
  return text.substr(0, text.find('\n'));
}

class RuntimeSize : public testing::Test {
protected:
  void SetUp() override {
    if (!std::filesystem::exists(smallBuild() + "/bin/quantc-run"))
      GTEST_SKIP() << "needs the small runtime (cmake --build build --target runtime_arm64_small)";
  }
};

TEST_F(RuntimeSize, CoreHasAtMost64KilobytesOfTextAndReadOnlyData) {
  constexpr uint64_t kMost = 64 << 10;  // 45.5 kB when this was written
  const ProcessResult sizes = runProcess({"aarch64-linux-gnu-size", "-t", smallBuild() + "/runtime/libquantc_rt.a"});
  ASSERT_EQ(sizes.exitCode, 0) << sizes.err;
  std::smatch match;
  ASSERT_TRUE(std::regex_search(sizes.out, match, std::regex("(\\d+)\\s+\\d+\\s+\\d+\\s+\\d+\\s+[0-9a-f]+\\s+\\(TOTALS\\)"))) << sizes.out;
  const uint64_t bytes = std::stoull(match[1]);
  EXPECT_GT(bytes, 10000u) << "that is no runtime\n" << sizes.out;
  EXPECT_LE(bytes, kMost) << "loader, executor and pool, -Os, " << compilerVersion() << "\n" << sizes.out;
}

TEST_F(RuntimeSize, ToolHasAtMost400Kilobytes) {
  constexpr uint64_t kMost = 400'000;  // 265 kB when this was written
  const std::string program = smallBuild() + "/bin/quantc-run";
  const uint64_t bytes = std::filesystem::file_size(program);
  EXPECT_LE(bytes, kMost) << "quantc-run with tokenizer, stripped, C++ library inside, C library shared, -Os, " << compilerVersion();
  EXPECT_GT(bytes, 50000u);
  const ProcessResult needed = runProcess({"aarch64-linux-gnu-readelf", "-d", program});
  ASSERT_EQ(needed.exitCode, 0) << needed.err;
  EXPECT_NE(needed.out.find("[libc.so.6]"), std::string::npos) << needed.out;
  EXPECT_EQ(needed.out.find("[libstdc++"), std::string::npos) << needed.out;
  const ProcessResult sections = runProcess({"aarch64-linux-gnu-readelf", "-S", program});
  EXPECT_EQ(sections.out.find(".symtab"), std::string::npos) << "it is not stripped";
}

TEST_F(RuntimeSize, SmallToolRuns) {
  if (!std::filesystem::exists("/usr/aarch64-linux-gnu/lib/libc.so.6") || runProcess({"qemu-aarch64", "--version"}).exitCode != 0)
    GTEST_SKIP() << "needs qemu-aarch64 and arm64's C library";
  TemporaryFolder folder;
  const std::filesystem::path artifact = folder.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(talelm(), "int8", "host,arm64", artifact));
  const std::vector<std::string> more = {artifact.string(), "--prompt", "The old king", "--max-tokens", "4", "--logits-hash"};
  std::vector<std::string> here = {builtProgram("quantc-run")},
                           there = {"qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", smallBuild() + "/bin/quantc-run"};
  here.insert(here.end(), more.begin(), more.end());
  there.insert(there.end(), more.begin(), more.end());
  const ProcessResult small = runProcess(there);
  EXPECT_EQ(small.exitCode, 0) << small.err;
  EXPECT_EQ(small.out, runProcess(here).out);
}

}  // namespace
