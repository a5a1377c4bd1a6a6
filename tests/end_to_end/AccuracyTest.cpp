// float32 artifacts against stored answers: logits within 1e-5, greedy tokens the same up to ties.
#include <nlohmann/json.hpp>

#include "tests/end_to_end/Programs.h"

using namespace quantc::test;

namespace {

struct ModelCase {
  const char* folder;  // of the model, in the shared folder
  const char* file;    // within it; empty: the Hugging Face folder
};

class Accuracy : public testing::TestWithParam<ModelCase> {};

TEST_P(Accuracy, Float32AgreesWithTheStoredAnswers) {
  auto [folder, file] = GetParam();
  QUANTC_NEED_SHARED(folder);
  std::filesystem::path model = sharedFolder() / folder / file;
  TemporaryFolder temporary;
  std::filesystem::path artifact = temporary.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(model, "f32", "host", artifact));
  ProcessResult result = runProcess({builtProgram("quantc"), "verify", artifact.string(), "--data",
                                     (sharedFolder() / folder / "expected.safetensors").string(), "--tolerance", "1e-5", "--json"});
  ASSERT_EQ(result.exitCode, 0) << result.err << result.out;
  auto report = nlohmann::json::parse(result.out);
  ASSERT_FALSE(report["outputs"].empty());
  for (auto& output : report["outputs"])
    EXPECT_LT(output["relative_rms"].get<double>(), 1e-5) << output;
  ASSERT_FALSE(report["generations"].empty());
  for (auto& generation : report["generations"]) {
    EXPECT_GT(generation["compared"].get<int>(), 0);
    EXPECT_EQ(generation["same"], generation["compared"]) << generation;
  }
}

std::string caseName(const testing::TestParamInfo<ModelCase>& info) {
  std::string name = std::string(info.param.folder) + "_" + (*info.param.file ? info.param.file : "folder");
  for (char& c : name)
    c = isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Models, Accuracy,
                         testing::Values(ModelCase{"models/talelm", ""}, ModelCase{"models/talelm", "model.onnx"},
                                         ModelCase{"models/talelm", "model-f32.gguf"}, ModelCase{"models/stories260K", "model-f32.gguf"},
                                         ModelCase{"models/talelm", "model_with_past.onnx"}, ModelCase{"models/stories260K", ""},
                                         ModelCase{"models/stories260K", "model.onnx"},
                                         ModelCase{"models/stories260K", "model_with_past.onnx"}, ModelCase{"zoo/llama", ""},
                                         ModelCase{"zoo/llama", "model.onnx"}, ModelCase{"zoo/llama", "model_with_past.onnx"},
                                         ModelCase{"zoo/llama3-rope", ""}, ModelCase{"zoo/llama3-rope", "model.onnx"},
                                         ModelCase{"zoo/llama3-rope", "model_with_past.onnx"}, ModelCase{"zoo/gemma", ""},
                                         ModelCase{"zoo/mistral", ""}, ModelCase{"zoo/qwen2", ""}, ModelCase{"zoo/gpt2", ""},
                                         ModelCase{"zoo/gpt2", "model.onnx"}, ModelCase{"zoo/gpt2", "model_with_past.onnx"}),
                         caseName);

}  // namespace
