// float32 artifacts against stored answers: logits within 1e-5, greedy tokens the same up to ties.
#include <list>

#include <nlohmann/json.hpp>

#include "tests/end_to_end/Programs.h"
#include "tests/end_to_end/ZooDecoders.h"

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

std::vector<ModelCase> zooCases() {
  std::vector<ModelCase> cases;
  std::vector<const char*> names(std::begin(kZooDecoders), std::end(kZooDecoders));
  names.insert(names.end(), std::begin(kZooMixtures), std::end(kZooMixtures));
  for (const char* name : names) {
    // The shared folder may be absent here; a case whose file it has not is left out, one whose folder it has not skips.
    static std::list<std::string> folders;
    folders.push_back(std::string("zoo/") + name);
    for (const char* file : {"", "model.onnx", "model_with_past.onnx"})
      if (!*file || std::filesystem::exists(sharedFolder() / folders.back() / file))
        cases.push_back({folders.back().c_str(), file});
  }
  return cases;
}

std::string caseName(const testing::TestParamInfo<ModelCase>& info) {
  std::string name = std::string(info.param.folder) + "_" + (*info.param.file ? info.param.file : "folder");
  for (char& c : name)
    c = isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Models, Accuracy,
                         testing::Values(ModelCase{"models/talelm", ""}, ModelCase{"models/talelm", "model.onnx"},
                                         ModelCase{"models/talelm", "model-f32.gguf"}, ModelCase{"models/talelm", "model_with_past.onnx"},
                                         ModelCase{"models/stories260K", "model-f32.gguf"}, ModelCase{"models/stories260K", ""},
                                         ModelCase{"models/stories260K", "model.onnx"},
                                         ModelCase{"models/stories260K", "model_with_past.onnx"}),
                         caseName);

// The zoo: every architecture from its folder, and from both exports where there are any.
INSTANTIATE_TEST_SUITE_P(Zoo, Accuracy, testing::ValuesIn(zooCases()), caseName);

/// What eight bits cost models whose weights were drawn at random, which is more than it costs trained ones.
class Int8 : public testing::TestWithParam<const char*> {};

TEST_P(Int8, StaysCloseToTheStoredAnswers) {
  std::filesystem::path model = sharedFolder() / "zoo" / GetParam();
  QUANTC_NEED_SHARED(model);
  TemporaryFolder temporary;
  std::filesystem::path artifact = temporary.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(model, "int8", "host", artifact));
  ProcessResult result = runProcess({builtProgram("quantc"), "verify", artifact.string(), "--data",
                                     (model / "expected.safetensors").string(), "--tolerance", "5e-2", "--json"});
  ASSERT_EQ(result.exitCode, 0) << result.err << result.out;
  for (auto& output : nlohmann::json::parse(result.out)["outputs"])
    EXPECT_LT(output["relative_rms"].get<double>(), 5e-2) << output;
}

INSTANTIATE_TEST_SUITE_P(Zoo, Int8, testing::ValuesIn(kZooDecoders), zooName);

}  // namespace
