// Imported checkpoints, and the GGUF files made of them, compute what their authors' code computes: the reference interpreter's logits against stored ones.
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "compiler/weights/WeightReader.h"
#include "dialects/tfm/Interpreter.h"
#include "tests/import/HfModel.h"
#include "tests/support/GgufModel.h"
#include "tests/support/Shared.h"

namespace quantc {
namespace {

struct Reference {
  const char* model;   // in the shared folder, with expected.safetensors beside it
  const char* ids;     // [batch, sequence]
  const char* logits;  // [batch, sequence, vocabulary]
};

void PrintTo(const Reference& reference, std::ostream* out) { *out << reference.model; }

template <typename T> std::vector<T> valuesOf(const WeightFile& file, const char* name) {
  const StoredTensor* tensor = file.find(name);
  if (!tensor || bytesOf(tensor->type) != sizeof(T))
    throw std::runtime_error(std::string("no such tensor of that type: ") + name);
  std::vector<T> values(tensor->bytes / sizeof(T));
  std::memcpy(values.data(), tensor->data, tensor->bytes);
  return values;
}

class HfNumerics : public testing::TestWithParam<Reference> {};
/// Architectures that have no GGUF form here.
class HfCheckpoints : public testing::TestWithParam<Reference> {};

/// Relative RMS error of the logits of an imported model.
double errorOfLogits(const std::filesystem::path& model, const Reference& reference) {
  std::filesystem::path folder = test::sharedFolder() / reference.model;
  test::Imported imported(model);
  WeightReader weights(imported.module());
  auto expectedFile = openWeightFile(folder / "expected.safetensors");
  auto ids = valuesOf<int64_t>(*expectedFile, reference.ids);
  auto expected = valuesOf<float>(*expectedFile, reference.logits);
  int64_t batch = expectedFile->find(reference.ids)->shape[0], sequence = static_cast<int64_t>(ids.size()) / batch;
  size_t logitsPerSequence = expected.size() / static_cast<size_t>(batch);

  auto main = imported.all<mlir::func::FuncOp>().front();
  double squaredError = 0, squaredNorm = 0;
  for (int64_t b = 0; b < batch; ++b) {
    tfm::Caches caches;
    tfm::Interpreter interpreter({sequence, 0, sequence}, &weights, &caches);
    std::vector<double> tokens(ids.begin() + b * sequence, ids.begin() + (b + 1) * sequence);
    interpreter.bind(main.getArgument(0), {mlir::IntegerType::get(main.getContext(), 32), {sequence}, tokens});
    const tfm::Array* logits = interpreter.evaluate(main.getBody().front().getTerminator()->getOperand(0));
    if (!logits || logits->values.size() != logitsPerSequence)
      throw std::runtime_error("no logits: " + interpreter.reason());
    for (size_t i = 0; i < logitsPerSequence; ++i) {
      double right = expected[static_cast<size_t>(b) * logitsPerSequence + i];
      squaredError += (logits->values[i] - right) * (logits->values[i] - right);
      squaredNorm += right * right;
    }
  }
  return std::sqrt(squaredError / squaredNorm);
}

TEST_P(HfNumerics, LogitsAreTheReferences) {
  QUANTC_NEED_SHARED(GetParam().model);
  EXPECT_LT(errorOfLogits(test::sharedFolder() / GetParam().model, GetParam()), 1e-5);
}

TEST_P(HfCheckpoints, LogitsAreTheReferences) {
  QUANTC_NEED_SHARED(GetParam().model);
  EXPECT_LT(errorOfLogits(test::sharedFolder() / GetParam().model, GetParam()), 1e-5);
}

TEST_P(HfNumerics, LogitsOfTheGgufFileAreTheReferences) {
  std::filesystem::path folder = test::sharedFolder() / GetParam().model;
  QUANTC_NEED_SHARED(GetParam().model);
  test::TemporaryFolder temporary;
  std::filesystem::path gguf = folder / "model-f32.gguf";
  if (!std::filesystem::exists(gguf))
    gguf = temporary.write("model.gguf", test::GgufModel(folder).writer.bytes());
  EXPECT_LT(errorOfLogits(gguf, GetParam()), 1e-5);
}

/// How old converters wrote experts.
TEST(Mixtral, LogitsOfAGgufFileWithATensorForEveryExpertAreTheReferences) {
  const Reference reference{"zoo/mixtral", "in.input_ids", "out.logits"};
  QUANTC_NEED_SHARED(reference.model);
  test::TemporaryFolder temporary;
  test::GgufModel model(test::sharedFolder() / reference.model, false, true);
  EXPECT_LT(errorOfLogits(temporary.write("model.gguf", model.writer.bytes()), reference), 1e-5);
}

/// Relative RMS error of the logits of a checkpoint with an encoder, whose only input is `given`.
double errorOfEncoderDecoder(const std::filesystem::path& folder, const std::string& given) {
  test::Imported imported(folder);
  WeightReader weights(imported.module());
  auto file = openWeightFile(folder / "expected.safetensors");
  const StoredTensor& source = *file->find("in." + given);
  std::vector<double> encoded;
  if (source.type == StoredType::f32)
    llvm::append_range(encoded, valuesOf<float>(*file, ("in." + given).c_str()));
  else
    llvm::append_range(encoded, valuesOf<int64_t>(*file, ("in." + given).c_str()));
  auto ids = valuesOf<int64_t>(*file, "in.decoder_input_ids");
  auto expected = valuesOf<float>(*file, "out.logits");
  const int64_t batch = source.shape[0], sequence = static_cast<int64_t>(ids.size()) / batch;
  auto encode = imported.module().lookupSymbol<mlir::func::FuncOp>("encode"),
       main = imported.module().lookupSymbol<mlir::func::FuncOp>("main");
  mlir::BlockArgument input = encode.getArgument(0);
  auto inputType = mlir::cast<mlir::RankedTensorType>(input.getType());
  llvm::SmallVector<int64_t> shape(source.shape.begin() + 1, source.shape.end());
  // Of features there are two for each position.
  const int64_t positions = source.type == StoredType::f32 ? shape.back() / 2 : shape.back();
  const size_t each = encoded.size() / static_cast<size_t>(batch), rows = expected.size() / static_cast<size_t>(batch);
  double squaredError = 0, squaredNorm = 0;
  for (int64_t b = 0; b < batch; ++b) {
    tfm::Caches caches;
    tfm::Interpreter encoder({positions, 0, positions}, &weights, &caches);
    encoder.bind(input, {inputType.getElementType(), shape, {encoded.begin() + b * each, encoded.begin() + (b + 1) * each}});
    for (tfm::SourceWriteOp write : encode.getOps<tfm::SourceWriteOp>())
      if (!encoder.write(write))
        throw std::runtime_error("nothing encoded: " + encoder.reason());
    // In two steps, so that both read what was encoded.
    std::vector<double> logits;
    for (auto [past, count] : {std::pair{int64_t{0}, sequence - 2}, std::pair{sequence - 2, int64_t{2}}}) {
      tfm::Interpreter step({count, past, count, positions}, &weights, &caches);
      std::vector<double> tokens(ids.begin() + b * sequence + past, ids.begin() + b * sequence + past + count);
      step.bind(main.getArgument(0), {mlir::IntegerType::get(main.getContext(), 32), {count}, tokens});
      const tfm::Array* result = step.evaluate(main.getBody().front().getTerminator()->getOperand(0));
      if (!result)
        throw std::runtime_error("no logits: " + step.reason());
      llvm::append_range(logits, result->values);
    }
    if (logits.size() != rows)
      throw std::runtime_error("another number of logits");
    for (size_t i = 0; i < rows; ++i) {
      double right = expected[static_cast<size_t>(b) * rows + i];
      squaredError += (logits[i] - right) * (logits[i] - right);
      squaredNorm += right * right;
    }
  }
  return std::sqrt(squaredError / squaredNorm);
}

class HfEncoderDecoders : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(HfEncoderDecoders, LogitsAreTheReferences) {
  auto [model, given] = GetParam();
  QUANTC_NEED_SHARED(model);
  EXPECT_LT(errorOfEncoderDecoder(test::sharedFolder() / model, given), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Each, HfEncoderDecoders,
                         testing::Values(std::pair{"zoo/t5", "input_ids"}, std::pair{"zoo/switch", "input_ids"},
                                         std::pair{"zoo/whisper", "input_features"}),
                         [](const auto& info) { return std::filesystem::path(info.param.first).filename().string(); });

/// Phi-3 stores Llama's weights in other matrices.
class Phi3 : public testing::Test {
protected:
  void SetUp() override {
    QUANTC_NEED_SHARED("zoo/llama");
    std::filesystem::path llama = test::sharedFolder() / "zoo/llama";
    nlohmann::json config = readJsonFile(llama / "config.json");
    config["model_type"] = "phi3";
    auto weights = openWeightFile(llama / "model.safetensors");
    std::vector<test::TensorToWrite> tensors;
    auto append = [&](const std::string& name, const std::string& to) {
      const StoredTensor& tensor = *weights->find(name);
      std::string bytes(reinterpret_cast<const char*>(tensor.data), tensor.bytes);
      if (tensors.empty() || tensors.back().name != to)
        tensors.push_back({to, "F32", tensor.shape, bytes});
      else {
        tensors.back().shape[0] += tensor.shape[0];
        tensors.back().bytes += bytes;
      }
    };
    for (const StoredTensor& tensor : weights->tensors())
      if (tensor.name.find("self_attn.q_proj") == std::string::npos && tensor.name.find("self_attn.k_proj") == std::string::npos &&
          tensor.name.find("self_attn.v_proj") == std::string::npos && tensor.name.find("gate_proj") == std::string::npos &&
          tensor.name.find("up_proj") == std::string::npos)
        append(tensor.name, tensor.name);
    for (int layer = 0; layer < config["num_hidden_layers"]; ++layer) {
      std::string prefix = "model.layers." + std::to_string(layer) + ".";
      for (const char* name : {"q_proj", "k_proj", "v_proj"})
        append(prefix + "self_attn." + name + ".weight", prefix + "self_attn.qkv_proj.weight");
      for (const char* name : {"gate_proj", "up_proj"})
        append(prefix + "mlp." + name + ".weight", prefix + "mlp.gate_up_proj.weight");
    }
    folder_.write("config.json", config.dump());
    folder_.write("model.safetensors", test::safetensorsBytes(tensors));
  }

  test::TemporaryFolder folder_;
  Reference reference_{"zoo/llama", "in.input_ids", "out.logits"};
};

TEST_F(Phi3, LogitsAreThoseOfLlamaWithTheSameWeights) { EXPECT_LT(errorOfLogits(folder_.path(), reference_), 1e-5); }

TEST_F(Phi3, LogitsOfTheGgufFileAreThoseOfLlamaWithTheSameWeights) {
  EXPECT_LT(errorOfLogits(folder_.write("model.gguf", test::GgufModel(folder_.path()).writer.bytes()), reference_), 1e-5);
}

std::string nameOf(const testing::TestParamInfo<Reference>& info) {
  std::string name = std::filesystem::path(info.param.model).filename().string();
  name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    Each, HfNumerics,
    testing::Values(Reference{"zoo/llama", "in.input_ids", "out.logits"}, Reference{"zoo/llama3-rope", "in.input_ids", "out.logits"},
                    Reference{"zoo/gpt2", "in.input_ids", "out.logits"}, Reference{"zoo/gemma", "in.input_ids", "out.logits"},
                    Reference{"zoo/mistral", "in.input_ids", "out.logits"}, Reference{"zoo/qwen2", "in.input_ids", "out.logits"},
                    Reference{"zoo/qwen3", "in.input_ids", "out.logits"}, Reference{"zoo/gemma2", "in.input_ids", "out.logits"},
                    Reference{"zoo/mixtral", "in.input_ids", "out.logits"}, Reference{"zoo/gemma3", "in.input_ids", "out.logits"},
                    Reference{"zoo/bloom", "in.input_ids", "out.logits"}, Reference{"models/stories260K", "0.input_ids", "0.logits"},
                    Reference{"models/talelm", "0.input_ids", "0.logits"}),
    nameOf);

INSTANTIATE_TEST_SUITE_P(Each, HfCheckpoints,
                         testing::Values(Reference{"zoo/gemma2", "in.input_ids", "out.logits"},
                                         Reference{"zoo/gemma3", "in.input_ids", "out.logits"},
                                         Reference{"zoo/opt", "in.input_ids", "out.logits"},
                                         Reference{"zoo/bloom", "in.input_ids", "out.logits"},
                                         Reference{"zoo/glm4", "in.input_ids", "out.logits"}),
                         nameOf);

}  // namespace
}  // namespace quantc
