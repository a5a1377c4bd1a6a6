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

TEST_P(HfNumerics, LogitsOfTheGgufFileAreTheReferences) {
  std::filesystem::path folder = test::sharedFolder() / GetParam().model;
  QUANTC_NEED_SHARED(GetParam().model);
  test::TemporaryFolder temporary;
  std::filesystem::path gguf = folder / "model-f32.gguf";
  if (!std::filesystem::exists(gguf))
    gguf = temporary.write("model.gguf", test::GgufModel(folder).writer.bytes());
  EXPECT_LT(errorOfLogits(gguf, GetParam()), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Each, HfNumerics,
                         testing::Values(Reference{"zoo/llama", "in.input_ids", "out.logits"},
                                         Reference{"zoo/llama3-rope", "in.input_ids", "out.logits"},
                                         Reference{"zoo/gpt2", "in.input_ids", "out.logits"},
                                         Reference{"models/stories260K", "0.input_ids", "0.logits"},
                                         Reference{"models/talelm", "0.input_ids", "0.logits"}),
                         [](const auto& info) {
                           std::string name = std::filesystem::path(info.param.model).filename().string();
                           name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
                           return name;
                         });

}  // namespace
}  // namespace quantc
