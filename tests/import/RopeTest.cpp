// Expected frequencies were computed with NumPy in float32, by the formulas of the models' own code.
#include "compiler/import/hf/Rope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/ErrorOf.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc {
namespace {

using test::errorOf;
using testing::HasSubstr;
using testing::Pointwise;

RopeParameters rope(const std::string& config, int64_t headDim) {
  test::TemporaryFolder folder;
  return ropeParameters(ConfigJson(folder.write("config.json", config)), headDim);
}

std::vector<float> frequencies(const std::string& config, int64_t headDim) { return rope(config, headDim).inverseFrequencies; }

const std::vector<float> kTheta10000 = {1.0f, 0.100000001f, 0.00999999978f, 0.00100000005f};

TEST(Rope, Default) {
  for (const char* config : {R"({})", R"({"rope_theta": 10000.0})", R"({"rope_theta": 10000, "rope_scaling": null})",
                             R"({"rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}})",
                             R"({"rope_theta": 10000.0, "rope_parameters": {"rope_type": "default"}})"})
    EXPECT_THAT(frequencies(config, 8), Pointwise(testing::FloatEq(), kTheta10000)) << config;
}

TEST(Rope, Linear) {
  std::vector<float> expected = {0.25f, 0.0250000004f, 0.00249999994f, 0.000250000012f};
  for (const char* config :
       {R"({"rope_scaling": {"type": "linear", "factor": 4.0}})", R"({"rope_scaling": {"rope_type": "linear", "factor": 4}})",
        R"({"rope_parameters": {"rope_type": "linear", "factor": 4, "rope_theta": 10000}})"})
    EXPECT_THAT(frequencies(config, 8), Pointwise(testing::FloatEq(), expected)) << config;
}

TEST(Rope, Llama3StretchesLongAndKeepsShortWavelengths) {
  std::vector<float> expected = {
      1.0f, 0.0242403448f, 0.00470075384f, 0.000911583134f, 0.000176776681f, 3.42810235e-05f, 6.64787058e-06f, 1.28917316e-06f};
  EXPECT_THAT(frequencies(R"({"rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                              "high_freq_factor": 4.0, "original_max_position_embeddings": 32}})",
                          16),
              Pointwise(testing::FloatEq(), expected));
}

TEST(Rope, Llama3InterpolatesBetween) {
  std::vector<float> expected = {0.00729266508f,  0.00483942125f,  0.00321144611f,  0.00129054801f,  0.000429556705f, 9.70828623e-05f,
                                 1.94616387e-05f, 1.29147684e-05f, 8.57025589e-06f, 5.68723181e-06f, 3.77405445e-06f, 2.50446692e-06f};
  std::vector<float> all =
      frequencies(R"({"rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0,
                                           "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}})",
                  64);
  ASSERT_EQ(all.size(), 32u);
  EXPECT_THAT(std::vector<float>(all.begin() + 12, all.begin() + 24), Pointwise(testing::FloatEq(), expected));
}

TEST(Rope, PartOfTheHead) {
  RopeParameters partial = rope(R"({"rope_parameters": {"partial_rotary_factor": 0.5}})", 16);
  EXPECT_EQ(partial.rotaryDim, 8);
  EXPECT_THAT(partial.inverseFrequencies, Pointwise(testing::FloatEq(), kTheta10000));
}

TEST(Rope, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(errorOf([] { rope(R"({"rope_scaling": {"type": "dynamic", "factor": 2.0}})", 8); }),
              HasSubstr("'rope_scaling.type' is 'dynamic', supported are default, linear, llama3; export the model to ONNX"));
  EXPECT_THAT(errorOf([] { rope(R"({"rope_parameters": {"rope_type": "yarn"}})", 8); }),
              HasSubstr("'rope_parameters.rope_type' is 'yarn'"));
  EXPECT_THAT(errorOf([] { rope(R"({"rope_parameters": {"full_attention": {"rope_theta": 1.0}}})", 8); }), HasSubstr("differs by layer"));
  EXPECT_THAT(errorOf([] { rope(R"({"rope_parameters": {"rope_type": "linear"}})", 8); }), HasSubstr("'rope_parameters.factor' is absent"));
  EXPECT_THAT(errorOf([] { rope(R"({"rope_theta": -1})", 8); }), HasSubstr("expected a positive number"));
  EXPECT_THAT(errorOf([] { rope(R"({})", 7); }), HasSubstr("expected an even number"));
}

}  // namespace
}  // namespace quantc
