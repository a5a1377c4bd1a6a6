// What the artifact holds per weight, and that only the inputs decide its bytes.
#include <nlohmann/json.hpp>

#include "tests/end_to_end/Programs.h"

using namespace quantc::test;

namespace {

std::string bytesOf(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

void expectLinearBits(const std::string& quant, double most) {
  TemporaryFolder temporary;
  std::filesystem::path artifact = temporary.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(talelm(), quant, "host", artifact));
  ProcessResult result = runProcess({builtProgram("quantc"), "inspect", artifact.string(), "--json"});
  ASSERT_EQ(result.exitCode, 0) << result.err;
  double bytes = 0, parameters = 0;
  auto description = nlohmann::json::parse(result.out);
  for (auto& tensor : description["tensors"]) {
    if (!tensor["linear"].get<bool>())
      continue;
    bytes += tensor["bytes"].get<double>();
    parameters += tensor["parameters"].get<double>();
  }
  ASSERT_GT(parameters, 3e6);
  EXPECT_LE(8 * bytes / parameters, most);
}

TEST(Size, Int8TakesAtMost8Point6BitsPerLinearWeight) { expectLinearBits("int8", 8.6); }
TEST(Size, Int4TakesAtMost4Point6BitsPerLinearWeight) { expectLinearBits("int4", 4.6); }

TEST(Size, SameInputsSameBytesWithAnyJobs) {
  TemporaryFolder temporary;
  std::filesystem::path one = temporary.path() / "one.qc", again = temporary.path() / "again.qc", two = temporary.path() / "two.qc";
  ASSERT_NO_FATAL_FAILURE(compile(talelm(), "int4", "x86_64,arm64", one, {"--jobs=1"}));
  ASSERT_NO_FATAL_FAILURE(compile(talelm(), "int4", "x86_64,arm64", again, {"--jobs=1", "--kernel-cache=off"}));
  ASSERT_NO_FATAL_FAILURE(compile(talelm(), "int4", "x86_64,arm64", two, {"--jobs=2", "--kernel-cache=off"}));
  EXPECT_TRUE(bytesOf(one) == bytesOf(again)) << "kernels from the cache and new ones differ";
  EXPECT_TRUE(bytesOf(one) == bytesOf(two)) << "one and two jobs differ";
}

}  // namespace
