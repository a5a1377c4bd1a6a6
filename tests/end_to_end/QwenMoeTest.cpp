// Qwen's mixtures of experts, from folders and from GGUF files: imported they are what their description says, and so is what artifacts compute.
#include <gmock/gmock.h>

#include "compiler/evaluate/Artifact.h"
#include "compiler/weights/WeightReader.h"
#include "dialects/tfm/Interpreter.h"
#include "tests/end_to_end/Programs.h"
#include "tests/import/QwenMoe.h"
#include "tests/support/ErrorOf.h"
#include "tests/support/GgufModel.h"

using namespace quantc;
using namespace quantc::test;

namespace {

using Row = std::vector<double>;

double relativeRms(const Row& got, const Row& expected) {
  EXPECT_EQ(got.size(), expected.size());
  double error = 0, norm = 0;
  for (size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    error += (got[i] - expected[i]) * (got[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(error / norm);
}

/// Logits of all tokens.
Row interpreted(const std::filesystem::path& path, const std::vector<int32_t>& ids) {
  Imported imported(path);
  WeightReader weights(imported.module());
  auto main = imported.all<mlir::func::FuncOp>().front();
  tfm::Caches caches;
  const auto count = static_cast<int64_t>(ids.size());
  tfm::Interpreter interpreter({count, 0, count}, &weights, &caches);
  interpreter.bind(main.getArgument(0), {mlir::IntegerType::get(main.getContext(), 32), {count}, Row(ids.begin(), ids.end())});
  const tfm::Array* logits = interpreter.evaluate(main.getBody().front().getTerminator()->getOperand(0));
  return logits ? logits->values : throw std::runtime_error("no logits: " + interpreter.reason());
}

class QwenMoe : public testing::TestWithParam<bool> {
protected:
  std::filesystem::path write(const HfModel& model) {
    model.write(folder_);
    return folder_.path();
  }
  std::filesystem::path writeGguf(const HfModel& model) { return folder_.write("model.gguf", GgufModel(write(model)).writer.bytes()); }
  Row run(const std::filesystem::path& model, const std::string& quant, const std::vector<int32_t>& ids, size_t chunk) {
    const std::filesystem::path artifact = folder_.path() / "model.qc";
    compile(model, quant, "host", artifact);
    ArtifactRun run(artifact, "", 2);
    Row logits;
    for (size_t done = 0; done < ids.size(); done += chunk) {
      std::vector<float> rows;
      run.run(ids.data() + done, std::min<size_t>(chunk, ids.size() - done), 0, rows);
      logits.insert(logits.end(), rows.begin(), rows.end());
    }
    return logits;
  }

  const std::vector<int32_t> ids_ = {3, 41, 7, 7, 58, 0, 22, 19, 35};
  TemporaryFolder folder_;
};

TEST_P(QwenMoe, IsWhatItsDescriptionSays) {
  for (const int64_t denseLayer : {-1, 0, 1}) {
    const HfModel model = smallQwenMoe(GetParam(), 2, denseLayer);
    const std::filesystem::path path = write(model);
    for (const int32_t id : ids_)
      EXPECT_LT(relativeRms(interpreted(path, {id}), PlainQwenMoe(model).logits(id)), 1e-6) << id << ", dense layer " << denseLayer;
  }
}

TEST_P(QwenMoe, OfAGgufFileIsTheFolders) {
  const HfModel model = smallQwenMoe(GetParam());
  const Row expected = interpreted(write(model), ids_);
  EXPECT_LT(relativeRms(interpreted(writeGguf(model), ids_), expected), 1e-7);
}

TEST_P(QwenMoe, ArtifactsComputeIt) {
  const HfModel model = smallQwenMoe(GetParam());
  const std::filesystem::path gguf = writeGguf(model);
  const Row expected = interpreted(gguf, ids_);
  EXPECT_LT(relativeRms(run(gguf, "f32", ids_, 16), expected), 1e-5);
  EXPECT_LT(relativeRms(run(gguf, "f32", ids_, 1), expected), 1e-5) << "token by token";
}

TEST_P(QwenMoe, ArtifactsOfEightBitsAreClose) {
  const HfModel model = smallQwenMoe(GetParam(), kMoeExperts);  // no choice can flip where all are taken
  const std::filesystem::path gguf = writeGguf(model);
  EXPECT_LT(relativeRms(run(gguf, "int8", ids_, 16), interpreted(gguf, ids_)), 5e-2);
}

TEST_P(QwenMoe, RefusesWhatDoesNotFit) {
  const auto error = [&](const char* key, const nlohmann::json& value) {
    HfModel model = smallQwenMoe(GetParam());
    model.config[key] = value;
    return errorOf([&] { Imported imported(write(model)); });
  };
  EXPECT_EQ(error("num_experts", kMoeExperts), "no error");
  EXPECT_THAT(error("num_experts", 1), testing::HasSubstr("'num_experts_per_tok' is 2, expected at most num_experts, which is 1; "));
  EXPECT_THAT(error("mlp_only_layers", {2}), testing::HasSubstr("'mlp_only_layers' has 2.000000, expected numbers of layers; "));
  EXPECT_THAT(error("num_experts", 7), testing::HasSubstr("model.layers.0.mlp.gate.weight: has shape [6, 64], "));
  EXPECT_THAT(error("decoder_sparse_step", 2), testing::HasSubstr("layers.0.mlp.gate_proj.weight: there is no such tensor, "));
  EXPECT_THAT(error("moe_intermediate_size", 49), testing::HasSubstr("mlp.experts.0.gate_proj.weight: has shape [48, 64], "));
}

INSTANTIATE_TEST_SUITE_P(, QwenMoe, testing::Bool(), [](const auto& info) { return info.param ? "Qwen3" : "Qwen2"; });

}  // namespace
