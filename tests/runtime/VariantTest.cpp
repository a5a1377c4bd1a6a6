#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quantc/runtime.h"
#include "runtime/src/cpu_features.h"
#include "tests/runtime/TinyModel.h"

namespace quantc::test {
namespace {

using testing::HasSubstr;

struct Choice {
  qc_status status;
  std::string variant, message;
};

Choice open_with(const ArtifactSpec& spec, const char* forced = nullptr) {
  const TemporaryFile file(artifact_bytes(spec));
  qc_model_options options = {};
  options.variant = forced;
  qc_model* model = nullptr;
  qc_error error = {};
  const qc_status status = qc_model_open(file.path(), &options, &model, &error);
  if (status != QC_OK)
    return {status, "", error.message};
  qc_model_info info;
  qc_model_get_info(model, &info);
  const Choice choice = {status, info.variant, ""};
  qc_model_close(model);
  return choice;
}

/// The tiny model with variants that differ in name, features and priority.
ArtifactSpec with_variants(const std::vector<std::pair<std::string, std::vector<std::string>>>& variants) {
  ArtifactSpec spec = tiny_model();
  const VariantSpec like = spec.variants[0];
  spec.variants.clear();
  for (const auto& [name, features] : variants) {
    spec.variants.push_back(like);
    spec.variants.back().name = name;
    spec.variants.back().features = features;
    spec.variants.back().priority = static_cast<uint32_t>(spec.variants.size());
  }
  return spec;
}

TEST(Variant, TakesTheHighestPriorityThatTheProcessorRuns) {
  EXPECT_EQ(open_with(with_variants({{"baseline", {}}, {"better", {}}})).variant, "better");
  EXPECT_EQ(open_with(with_variants({{"baseline", {}}, {"future", {"quantum"}}})).variant, "baseline");
  ArtifactSpec reversed = with_variants({{"first", {}}, {"second", {}}});
  std::swap(reversed.variants[0].priority, reversed.variants[1].priority);
  EXPECT_EQ(open_with(reversed).variant, "first");
}

TEST(Variant, AsksForAllFeatures) {
#if defined(__x86_64__)
  if (!rt::cpu_has("sse41"))
    GTEST_SKIP() << "needs SSE4.1";
  EXPECT_EQ(open_with(with_variants({{"baseline", {}}, {"sse41", {"sse41"}}})).variant, "sse41");
  EXPECT_EQ(open_with(with_variants({{"baseline", {}}, {"more", {"sse41", "quantum"}}})).variant, "baseline");
#else
  GTEST_SKIP() << "needs x86-64";
#endif
}

TEST(Variant, CanBeForced) {
  const ArtifactSpec spec = with_variants({{"baseline", {}}, {"better", {}}, {"future", {"quantum"}}});
  EXPECT_EQ(open_with(spec, "baseline").variant, "baseline");
  const Choice unknown = open_with(spec, "worse");
  EXPECT_EQ(unknown.status, QC_ERROR_ARGUMENT);
  EXPECT_THAT(unknown.message, HasSubstr("has no code variant 'worse'"));
  EXPECT_THAT(unknown.message, HasSubstr("it has: baseline, better, future"));
  const Choice lacking = open_with(spec, "future");
  EXPECT_EQ(lacking.status, QC_ERROR_ARCHITECTURE);
  EXPECT_THAT(lacking.message, HasSubstr("needs the processor feature quantum"));
}

TEST(Variant, NamesTheArchitectures) {
  ArtifactSpec spec = tiny_model();
  spec.programs[0].architecture = spec.variants[0].architecture = another_machine();
  const Choice choice = open_with(spec);
  EXPECT_EQ(choice.status, QC_ERROR_ARCHITECTURE);
  const std::string machine = rt::architecture_name(this_machine());
  EXPECT_EQ(choice.message, std::string("artifact is for ") + rt::architecture_name(another_machine()) + ", this machine is " + machine +
                                "; compile with --target=" + machine);
}

TEST(Variant, NeedsAProcessorThatRunsOne) {
  const Choice choice = open_with(with_variants({{"future", {"quantum"}}}));
  EXPECT_EQ(choice.status, QC_ERROR_ARCHITECTURE);
  EXPECT_THAT(choice.message, HasSubstr("needs the processor feature quantum"));
}

}  // namespace
}  // namespace quantc::test
