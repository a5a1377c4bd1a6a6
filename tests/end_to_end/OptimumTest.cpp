// Encoder-decoders in the files that Optimum writes: the answers of the model as one graph, whatever form its masks have.
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/end_to_end/OptimumForm.h"
#include "tests/end_to_end/Programs.h"

using namespace quantc;
using namespace quantc::test;
using testing::HasSubstr;

namespace {

std::filesystem::path zooT5() { return sharedFolder() / "zoo/t5"; }

std::string nameOf(MaskForm form) {
  switch (form) {
  case MaskForm::conditions: return "conditions";
  case MaskForm::floats: return "floats";
  case MaskForm::filled: return "filled";
  case MaskForm::booleans: return "booleans";
  }
  return {};
}

/// Logits for a few tokens, as a hash.
std::string hashOf(const std::vector<std::string>& runner, const std::filesystem::path& artifact, const char* threads = "1") {
  std::vector<std::string> command = runner;
  command.insert(command.end(), {artifact.string(), "--ids", "5,9,300,7,7,42", "--max-tokens", "12", "--temperature", "0", "--logits-hash",
                                 "--threads", threads});
  ProcessResult result = runProcess(command);
  EXPECT_EQ(result.exitCode, 0) << result.err;
  EXPECT_EQ(result.out.size(), 65u);
  return result.out;
}

class OptimumFolder : public testing::Test {
protected:
  /// The folder `temporary/NAME` with the encoder; for the other files see the tests.
  std::filesystem::path folder(const char* name, const OptimumForm& form) {
    const std::filesystem::path path = temporary_.path() / name;
    std::filesystem::create_directories(path);
    OptimumForm::write(path / "encoder_model.onnx", form.encoder());
    return path;
  }

  void expectAnswers(const std::filesystem::path& model, const std::filesystem::path& artifact, const std::string& targets = "host") {
    ASSERT_NO_FATAL_FAILURE(compile(model, "f32", targets, artifact, {"--kv-cache=f32"}));
    ProcessResult result = runProcess({builtProgram("quantc"), "verify", artifact.string(), "--data",
                                       (zooT5() / "expected.safetensors").string(), "--tolerance", "1e-4", "--json"});
    ASSERT_EQ(result.exitCode, 0) << result.err << result.out;
    auto report = nlohmann::json::parse(result.out);
    ASSERT_EQ(report["outputs"].size(), 1u);
    EXPECT_LT(report["outputs"][0]["relative_rms"].get<double>(), 1e-4);
  }

  std::string errorOf(const std::filesystem::path& model) {
    return runProcess({builtProgram("quantc"), model.string(), "-o", (temporary_.path() / "model.qc").string()}).err;
  }

  TemporaryFolder temporary_;
};

class Optimum : public OptimumFolder, public testing::WithParamInterface<MaskForm> {};

TEST_P(Optimum, AgreesWithTheStoredAnswersMergedAndNot) {
  QUANTC_NEED_SHARED("zoo/t5");
  const OptimumForm form(zooT5() / "model.onnx", GetParam());
  const std::filesystem::path merged = folder("merged", form), pair = folder("pair", form), artifact = temporary_.path() / "model.qc";
  OptimumForm::write(merged / "decoder_model_merged.onnx", form.merged());
  OptimumForm::write(pair / "decoder_model.onnx", form.decoder());
  // For steps of single tokens; a decoder of any number of them says the same.
  temporary_.write("pair/decoder_with_past_model.onnx", "not read");
  for (const std::filesystem::path& model : {merged, pair})
    ASSERT_NO_FATAL_FAILURE(expectAnswers(model, artifact));
}

TEST_P(Optimum, HasTheBitsOfOneGraphEverywhere) {
  QUANTC_NEED_SHARED("zoo/t5");
  const OptimumForm form(zooT5() / "model.onnx", GetParam());
  const std::filesystem::path merged = folder("merged", form), artifact = temporary_.path() / "model.qc";
  OptimumForm::write(merged / "decoder_model_merged.onnx", form.merged());
  ASSERT_NO_FATAL_FAILURE(compile(zooT5() / "model.onnx", "int8", "host", artifact));
  const std::string expected = hashOf({builtProgram("quantc-run")}, artifact);
  ASSERT_NO_FATAL_FAILURE(compile(merged, "int8", "x86_64,arm64,riscv64", artifact));
  for (Architecture architecture : {Architecture::x86_64, Architecture::arm64, Architecture::riscv64}) {
    const std::vector<std::string> runner = runnerOf(architecture, "");
    for (const char* threads : {"1", "3"})
      if (!runner.empty()) {
        EXPECT_EQ(hashOf(runner, artifact, threads), expected) << architectureName(architecture) << " " << threads;
      }
  }
}

INSTANTIATE_TEST_SUITE_P(Masks, Optimum, testing::Values(MaskForm::conditions, MaskForm::floats, MaskForm::filled, MaskForm::booleans),
                         [](const auto& info) { return nameOf(info.param); });

TEST_F(OptimumFolder, MergedDecoderIsPreferred) {
  QUANTC_NEED_SHARED("zoo/t5");
  const OptimumForm form(zooT5() / "model.onnx", MaskForm::floats);
  const std::filesystem::path model = folder("all", form);
  OptimumForm::write(model / "decoder_model_merged.onnx", form.merged());
  for (const char* file : {"all/decoder_model.onnx", "all/decoder_with_past_model.onnx"})
    temporary_.write(file, "not read");
  expectAnswers(model, temporary_.path() / "model.qc");
}

TEST_F(OptimumFolder, GraphsLieInASubFolderOnAHub) {
  QUANTC_NEED_SHARED("zoo/t5");
  const OptimumForm form(zooT5() / "model.onnx", MaskForm::floats);
  const std::filesystem::path graphs = folder("hub/onnx", form), artifact = temporary_.path() / "model.qc";
  OptimumForm::write(graphs / "decoder_model.onnx", form.decoder());
  temporary_.write("hub/config.json", R"({"model_type": "t5", "decoder_start_token_id": 3, "n_positions": 77})");
  for (const std::filesystem::path& model : {graphs.parent_path(), graphs}) {
    ASSERT_NO_FATAL_FAILURE(expectAnswers(model, artifact));
    ProcessResult result = runProcess({builtProgram("quantc"), "inspect", artifact.string()});
    EXPECT_THAT(result.out, HasSubstr("hub"));
    EXPECT_THAT(result.out, HasSubstr("77"));
  }
}

TEST_F(OptimumFolder, WhatIsMissingIsListed) {
  QUANTC_NEED_SHARED("zoo/t5");
  const OptimumForm form(zooT5() / "model.onnx", MaskForm::floats);
  const std::filesystem::path model = folder("part", form);
  temporary_.write("part/decoder_with_past_model.onnx", "not read");
  EXPECT_THAT(errorOf(model), HasSubstr("has decoder_with_past_model.onnx, expected encoder_model.onnx and decoder_model_merged.onnx or "
                                        "decoder_model.onnx; put the files together that Optimum wrote"));
  std::filesystem::create_directory(temporary_.path() / "alone");
  temporary_.write("alone/decoder_model.onnx", "not read");
  EXPECT_THAT(errorOf(temporary_.path() / "alone"), HasSubstr("has decoder_model.onnx, expected encoder_model.onnx and"));
  // Inputs that are none of an encoder-decoder.
  onnx::ModelProto decoder = form.decoder();
  decoder.mutable_graph()->mutable_input(1)->set_name("encoder_layer_mask");
  OptimumForm::write(model / "decoder_model.onnx", decoder);
  EXPECT_THAT(errorOf(model), HasSubstr("is an input, expected token ids [batch, sequence], encoder_hidden_states, masks"));
  decoder = form.decoder();
  decoder.mutable_graph()->mutable_input(2)->mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(1)->set_dim_value(1);
  OptimumForm::write(model / "decoder_model.onnx", decoder);
  EXPECT_THAT(errorOf(model), HasSubstr("decoder_model.onnx:input_ids: has a fixed dimension of 1, expected a dynamic batch and length"));
}

/// Steps would forget what came before.
TEST_F(OptimumFolder, DecoderMustBeCausal) {
  QUANTC_NEED_SHARED("zoo/t5");
  const OptimumForm form(zooT5() / "model.onnx", MaskForm::floats);
  const std::filesystem::path model = folder("full", form);
  onnx::ModelProto decoder = form.decoder();
  for (onnx::TensorProto& tensor : *decoder.mutable_graph()->mutable_initializer())
    if (tensor.name() == "mask.lowest")
      tensor.set_raw_data(std::string(sizeof(float), 0));
  OptimumForm::write(model / "decoder_model.onnx", decoder);
  EXPECT_THAT(errorOf(model), HasSubstr("keys and values of earlier steps cannot be kept"));
}

}  // namespace
