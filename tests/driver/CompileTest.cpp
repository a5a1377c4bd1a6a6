// `quantc MODEL`: summaries, what every option does, and that only the options that should decide the bytes.
#include <sys/personality.h>

#include "tests/driver/Talelm.h"

using nlohmann::json;
using testing::HasSubstr;

namespace quantc::test {
namespace {

class Compile : public SharedArtifact {
protected:
  /// Compiles talelm for one architecture, to a new file.
  static ProcessResult compileTo(const std::string& name, std::vector<std::string> more) {
    std::vector<std::string> arguments = {talelm(), "--target=x86_64", "-o", path(name).string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return quantc(arguments);
  }
  static std::filesystem::path path(const std::string& name) { return folder_->path() / name; }
  static json summaryOf(const std::string& name, std::vector<std::string> more) {
    more.push_back("--json");
    const ProcessResult result = compileTo(name, more);
    EXPECT_EQ(result.exitCode, 0) << result.err;
    return result.exitCode == 0 ? json::parse(result.out) : json();
  }
};

TEST_F(Compile, JsonSummaryHasWhatTheFileHas) {
  const json summary = json::parse(compiled_.out);
  EXPECT_EQ(summary["output"], artifact());
  EXPECT_EQ(summary["targets"], "x86_64,arm64");
  EXPECT_EQ(summary["quant"], "int4");
  EXPECT_EQ(summary["bytes_in"], std::filesystem::file_size(talelm() + "/model.safetensors"));
  EXPECT_EQ(summary["bytes_out"], std::filesystem::file_size(artifact()));
  EXPECT_DOUBLE_EQ(summary["ratio"].get<double>(), summary["bytes_in"].get<double>() / summary["bytes_out"].get<double>());
  EXPECT_GT(summary["parameters"].get<int64_t>(), 3'600'000);
  EXPECT_NEAR(summary["bits_per_weight"]["linear"].get<double>(), 4.5, 0.1);
  EXPECT_GT(summary["arena_bytes"].get<int64_t>(), 0);
  EXPECT_GT(summary["resident_bound"].get<int64_t>(), summary["weight_bytes"].get<int64_t>());
  EXPECT_GT(summary["kernels"].get<int>(), 0);
  EXPECT_GT(summary["peak_memory"].get<int64_t>(), 1 << 20);
  for (const char* phase : {"import", "raise", "compress", "fuse", "lower", "generate", "pack", "write"})
    EXPECT_GE(summary["seconds"][phase].get<double>(), 0) << phase;
}

TEST_F(Compile, SummaryForPeopleAndProgressGoWhereTheyBelong) {
  const ProcessResult result = compileTo("people.qc", {});
  ASSERT_EQ(result.exitCode, 0) << result.err;
  for (const char* line : {"bits per weight", "arena", "resident bound", "kernels", "time", "compiler's memory", "quantc-run "})
    EXPECT_THAT(result.out, HasSubstr(line));
  for (const char* phase : {"import", "compress", "fuse", "lower", "emit"})
    EXPECT_THAT(result.err, HasSubstr(phase));
  EXPECT_EQ(result.err.find('\r'), std::string::npos) << "a line that changes, without a terminal";
}

TEST_F(Compile, QuietPrintsNothing) {
  const ProcessResult result = compileTo("quiet.qc", {"--quiet"});
  EXPECT_EQ(result.exitCode, 0);
  EXPECT_EQ(result.out + result.err, "");
}

TEST_F(Compile, SchemesDifferInSize) {
  double before = 40;
  for (const char* quant : {"f32", "f16", "int8", "int4"}) {
    const json summary = summaryOf(std::string(quant) + ".qc", {std::string("--quant=") + quant});
    const double bits = summary["bits_per_weight"]["linear"];
    EXPECT_LT(bits, before) << quant;
    before = bits;
  }
}

TEST_F(Compile, ContextAndStepDecideTheArena) {
  const auto arena = [&](const char* name, const std::string& option) { return summaryOf(name, {option})["arena_bytes"].get<int64_t>(); };
  const int64_t usual = arena("usual.qc", "--max-sequence=64");
  EXPECT_LT(arena("context.qc", "--context=64"), usual);
  EXPECT_LT(arena("step.qc", "--max-sequence=8"), usual);
}

TEST_F(Compile, KvCacheFollowsTheSchemeOrTheOption) {
  const json usual = summaryOf("f16.qc", {}), wide = summaryOf("f32.qc", {"--kv-cache=f32"}),
             narrow = summaryOf("cache-int8.qc", {"--kv-cache=int8"});
  EXPECT_EQ(usual["kv_cache"], "f16");
  EXPECT_EQ(wide["kv_cache"], "f32");
  EXPECT_EQ(narrow["kv_cache"], "int8");
  // Of 4 layers, 4 heads of 32 elements, 512 positions of values and 544 or 528 of keys.
  const int64_t more = int64_t{4} * 4 * 32 * ((512 + 528) * 4 - (512 + 544) * 2);
  EXPECT_EQ(wide["arena_bytes"].get<int64_t>() - usual["arena_bytes"].get<int64_t>(), more);
  // Not equal: the code of the kernels differs too.
  EXPECT_GT(wide["resident_bound"].get<int64_t>() - usual["resident_bound"].get<int64_t>(), more * 9 / 10);
  // A byte an element, and four for the scale of each head of a position.
  const int64_t less = int64_t{4} * 4 * (32 * (512 + 544) * 2 - (32 + 4) * (512 + 576));
  EXPECT_EQ(usual["arena_bytes"].get<int64_t>() - narrow["arena_bytes"].get<int64_t>(), less);
  EXPECT_EQ(summaryOf("f32-weights.qc", {"--quant=f32"})["kv_cache"], "f32");
  EXPECT_EQ(summaryOf("f32-weights-f16.qc", {"--quant=f32", "--kv-cache=f16"})["kv_cache"], "f16");
}

TEST_F(Compile, KernelCacheIsUsedOnTheSecondRun) {
  const std::string cache = "--kernel-cache=" + path("kernels").string();
  const json first = summaryOf("cold.qc", {cache}), second = summaryOf("warm.qc", {cache});
  EXPECT_EQ(first["kernels_from_cache"], 0);
  EXPECT_EQ(second["kernels_from_cache"], second["kernels"]);
  EXPECT_EQ(summaryOf("off.qc", {"--kernel-cache=off"})["kernels_from_cache"], 0);
  EXPECT_EQ(summaryOf("none.qc", {"--kernel-cache="})["kernels_from_cache"], 0);
}

TEST_F(Compile, BytesDoNotDependOnJobsCacheOrderOfTargetsOrAddresses) {
  const std::string expected = bytesOfFile(artifact());
  const auto again = [&](const char* name, std::vector<std::string> options) {
    options.insert(options.begin(), {talelm(), "-o", path(name).string()});
    EXPECT_EQ(quantc(options).exitCode, 0);
    return bytesOfFile(path(name));
  };
  EXPECT_TRUE(again("jobs1.qc", {"--target=x86_64,arm64", "--jobs=1", "--kernel-cache=off"}) == expected) << "one job";
  EXPECT_TRUE(again("jobs2.qc", {"--target=x86_64,arm64", "--jobs=2", "--kernel-cache=off"}) == expected) << "two jobs";
  EXPECT_TRUE(again("order.qc", {"--target=arm64,x86_64,arm64"}) == expected) << "another order of targets";
  const int before = personality(0xffffffff);
  ASSERT_NE(before, -1);
  if (personality(static_cast<unsigned long>(before) | ADDR_NO_RANDOMIZE) == -1)
    GTEST_SKIP() << "address randomization cannot be switched off here";
  EXPECT_TRUE(again("fixed.qc", {"--target=x86_64,arm64", "--kernel-cache=off"}) == expected) << "other addresses";
  personality(static_cast<unsigned long>(before));
}

TEST_F(Compile, DefaultNameIsTheModelsInThePresentFolder) {
  const std::filesystem::path before = std::filesystem::current_path();
  const TemporaryFolder present;
  std::filesystem::current_path(present.path());
  const ProcessResult result = quantc({talelm() + "/", "--target=x86_64", "--quiet"});
  std::filesystem::current_path(before);
  EXPECT_EQ(result.exitCode, 0) << result.err;
  EXPECT_EQ(filesIn(present.path()), std::set<std::string>{"talelm.qc"});
}

TEST_F(Compile, RunsWithTheCommandThatTheSummaryNames) {
  const ProcessResult result =
      runProcess({builtProgram("quantc-run"), artifact(), "--prompt", "Once upon a time", "--max-tokens", "5", "--print-ids"});
#if defined(__x86_64__) || defined(__aarch64__)
  EXPECT_EQ(result.exitCode, 0) << result.err;
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), ','), 4) << result.out;
#else
  EXPECT_EQ(result.exitCode, 1);
#endif
}

}  // namespace
}  // namespace quantc::test
