// What quantization costs: KL divergence from the float32 model on text it was not trained on, against llama.cpp's figures for the same model,
// text and windows (examples/models/talelm/README.md says how they were measured).
#include <nlohmann/json.hpp>

#include "tests/end_to_end/Programs.h"

using namespace quantc::test;

namespace {

struct Bar {
  const char *quant, *cache;
  double peerMeanKl;  ///< llama.cpp's Q8_0, Q4_0
  double most;        ///< as a multiple of it
};

class Divergence : public testing::TestWithParam<Bar> {};

TEST_P(Divergence, StaysBelowItsShareOfThePeer) {
  QUANTC_NEED_SHARED("models/talelm/validation.txt");
  TemporaryFolder temporary;
  std::filesystem::path artifact = temporary.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(talelm(), GetParam().quant, "host", artifact, {std::string("--kv-cache=") + GetParam().cache}));
  ProcessResult result =
      runProcess({builtProgram("quantc"), "eval", artifact.string(), "--reference", talelm().string(), "--text",
                  (sharedFolder() / "models/talelm/validation.txt").string(), "--window=256", "--max-tokens=27940", "--json"});
  ASSERT_EQ(result.exitCode, 0) << result.err;
  auto report = nlohmann::json::parse(result.out);
  RecordProperty("mean_kl", report["mean_kl"].dump());
  EXPECT_EQ(report["tokens"], 27940);
  EXPECT_GT(report["mean_kl"].get<double>(), 0);
  EXPECT_LE(report["mean_kl"].get<double>(), GetParam().most * GetParam().peerMeanKl);
  // The reference itself: llama.cpp's float32 perplexity is 49.085.
  EXPECT_NEAR(report["reference_perplexity"].get<double>(), 49.085, 0.05);
}

// The last two: an int8 cache alone costs less than half of what int8 weights do, and both together no more than the sum.
INSTANTIATE_TEST_SUITE_P(Schemes, Divergence,
                         testing::Values(Bar{"int8", "f16", 0.000299, 1.15}, Bar{"int4", "f16", 0.011893, 1.0},
                                         Bar{"f32", "int8", 0.000299, 0.4}, Bar{"int8", "int8", 0.000299, 1.5}),
                         [](const testing::TestParamInfo<Bar>& info) {
                           return std::string(info.param.quant) + "_cache_" + info.param.cache;
                         });

}  // namespace
