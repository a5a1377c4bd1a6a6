// Imported ONNX models compute what the reference computed, before and after they are raised, with and without caches; raised ones have nothing left
// but transformer building blocks.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/import/onnx/OnnxImport.h"
#include "compiler/weights/WeightReader.h"
#include "dialects/tfm/Interpreter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "passes/raise/Raise.h"
#include "tests/support/Shared.h"

namespace quantc {
namespace {

struct Reference {
  const char* folder;  // in the shared folder, with expected.safetensors
  const char* ids;     // [batch, sequence]
  const char* logits;  // [batch, sequence, vocabulary]
  bool withPast = false;
};

void PrintTo(const Reference& reference, std::ostream* out) { *out << reference.folder; }

template <typename T> std::vector<T> valuesOf(const WeightFile& file, const char* name) {
  const StoredTensor* tensor = file.find(name);
  if (!tensor || bytesOf(tensor->type) != sizeof(T))
    throw std::runtime_error(std::string("no such tensor of that type: ") + name);
  std::vector<T> values(tensor->bytes / sizeof(T));
  std::memcpy(values.data(), tensor->data, tensor->bytes);
  return values;
}

class OnnxNumerics : public testing::TestWithParam<Reference> {
protected:
  OnnxNumerics() { context_.loadDialect<tfm::TfmDialect, mlir::func::FuncDialect>(); }

  void SetUp() override {
    QUANTC_NEED_SHARED(GetParam().folder);
    std::filesystem::path folder = test::sharedFolder() / GetParam().folder;
    module_ = importOnnx(context_, folder / (GetParam().withPast ? "model_with_past.onnx" : "model.onnx"), {});
    auto file = openWeightFile(folder / "expected.safetensors");
    auto ids = valuesOf<int64_t>(*file, GetParam().ids);
    expected_ = valuesOf<float>(*file, GetParam().logits);
    int64_t batch = file->find(GetParam().ids)->shape[0];
    sequence_ = static_cast<int64_t>(ids.size()) / batch;
    // Two sequences tell enough; the interpreter is slow.
    for (int64_t b = 0; b < std::min<int64_t>(batch, 2); ++b)
      sequences_.emplace_back(ids.begin() + b * sequence_, ids.begin() + (b + 1) * sequence_);
  }

  mlir::func::FuncOp main() { return *module_->getOps<mlir::func::FuncOp>().begin(); }

  void raise() {
    mlir::PassManager manager(&context_);
    buildRaisePipeline(manager);
    ASSERT_TRUE(mlir::succeeded(manager.run(*module_)));
  }

  std::string text() {
    std::string text;
    llvm::raw_string_ostream out(text);
    module_->print(out);
    return text;
  }

  tfm::Array tokens(const std::vector<double>& ids) {
    return {
        mlir::cast<mlir::RankedTensorType>(main().getArgument(0).getType()).getElementType(), {1, static_cast<int64_t>(ids.size())}, ids};
  }

  /// Logits of one sequence that is processed in steps of these many tokens. Results after the first are caches, in the order of the arguments.
  std::vector<double> run(const std::vector<double>& ids, const std::vector<int64_t>& steps) {
    WeightReader weights(*module_);
    tfm::Caches caches;
    std::vector<tfm::Array> past;
    std::vector<double> logits;
    int64_t done = 0;
    for (int64_t count : steps) {
      tfm::Interpreter interpreter({count, done, count}, &weights, &caches);
      interpreter.bind(main().getArgument(0), tokens({ids.begin() + done, ids.begin() + done + count}));
      for (unsigned i = 1; i < main().getNumArguments(); ++i) {
        auto type = mlir::cast<mlir::RankedTensorType>(main().getArgument(i).getType());
        if (main().getArgAttr(i, tfm::kInitialAttribute)) {  // a mask, behind the caches
          tfm::Array ones{type.getElementType(), interpreter.shapeOf(type), {}};
          ones.values.assign(static_cast<size_t>(*tfm::elementCount(ones.shape)), 1);
          interpreter.bind(main().getArgument(i), ones);
          continue;
        }
        interpreter.bind(main().getArgument(i),
                         past.empty() ? tfm::Array{type.getElementType(), interpreter.shapeOf(type), {}} : past[i - 1]);
      }
      past.clear();
      for (mlir::Value result : main().getBody().front().getTerminator()->getOperands()) {
        const tfm::Array* array = interpreter.evaluate(result);
        if (!array) {
          ADD_FAILURE() << interpreter.reason();
          return {};
        }
        if (result == main().getBody().front().getTerminator()->getOperand(0))
          logits.insert(logits.end(), array->values.begin(), array->values.end());
        else
          past.push_back(*array);
      }
      done += count;
    }
    return logits;
  }

  /// Relative RMS error over all sequences.
  double errorOf(const std::vector<int64_t>& steps) {
    double error = 0, norm = 0;
    for (size_t b = 0; b < sequences_.size(); ++b) {
      std::vector<double> logits = run(sequences_[b], steps);
      if (logits.empty())
        return 1;
      for (size_t i = 0; i < logits.size(); ++i) {
        double reference = expected_[b * logits.size() + i];
        error += (logits[i] - reference) * (logits[i] - reference);
        norm += reference * reference;
      }
    }
    return std::sqrt(error / norm);
  }

  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  std::vector<float> expected_;
  std::vector<std::vector<double>> sequences_;
  int64_t sequence_ = 0;
};

constexpr double kMostError = 1e-5;

TEST_P(OnnxNumerics, ImportedIsTheReference) {
  EXPECT_LT(errorOf({sequence_}), kMostError);
  if (GetParam().withPast) {
    EXPECT_LT(errorOf({3, sequence_ - 4, 1}), kMostError);
  }
}

TEST_P(OnnxNumerics, RaisedIsTheReferenceInAnySteps) {
  raise();
  EXPECT_LT(errorOf({sequence_}), kMostError);
  EXPECT_LT(errorOf({3, sequence_ - 4, 1}), kMostError);
}

TEST_P(OnnxNumerics, RaisedHasNothingLeftButBuildingBlocks) {
  raise();
  std::set<std::string> names;
  module_->walk([&](mlir::Operation* op) { names.insert(op->getName().getStringRef().str()); });
  for (const char* allowed :
       {"builtin.module", "func.func", "func.return", "tfm.weight", "tfm.embed", "tfm.position_rows", "tfm.rms_norm", "tfm.layer_norm",
        "tfm.linear", "tfm.rope", "tfm.cache_append", "tfm.attention", "tfm.binary", "tfm.unary", "tfm.tail"})
    names.erase(allowed);
  EXPECT_THAT(names, testing::IsEmpty());
  EXPECT_EQ(main().getNumArguments(), 1u);
  EXPECT_EQ(main().getNumResults(), 1u);
}

TEST_P(OnnxNumerics, RaisingAgainChangesNothing) {
  raise();
  std::string once = text();
  raise();
  EXPECT_EQ(text(), once);
}

/// Architectures whose raised form may keep operations of its own between the building blocks.
class OnnxArchitectures : public OnnxNumerics {};

TEST_P(OnnxArchitectures, RaisedIsTheReferenceInAnySteps) {
  raise();
  EXPECT_LT(errorOf({sequence_}), kMostError);
  EXPECT_LT(errorOf({3, sequence_ - 4, 1}), kMostError);
}

std::string nameOf(const testing::TestParamInfo<Reference>& info) {
  std::string name = std::filesystem::path(info.param.folder).filename().string() + (info.param.withPast ? "WithPast" : "");
  name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    Each, OnnxNumerics,
    testing::Values(Reference{"zoo/llama", "in.input_ids", "out.logits"}, Reference{"zoo/llama", "in.input_ids", "out.logits", true},
                    Reference{"zoo/llama3-rope", "in.input_ids", "out.logits"},
                    Reference{"zoo/llama3-rope", "in.input_ids", "out.logits", true}, Reference{"zoo/gpt2", "in.input_ids", "out.logits"},
                    Reference{"zoo/gpt2", "in.input_ids", "out.logits", true}, Reference{"models/stories260K", "0.input_ids", "0.logits"},
                    Reference{"models/stories260K", "0.input_ids", "0.logits", true}),
    nameOf);

INSTANTIATE_TEST_SUITE_P(
    Each, OnnxArchitectures,
    testing::Values(Reference{"zoo/mistral", "in.input_ids", "out.logits"}, Reference{"zoo/mistral", "in.input_ids", "out.logits", true},
                    Reference{"zoo/qwen2", "in.input_ids", "out.logits"}, Reference{"zoo/qwen3", "in.input_ids", "out.logits"},
                    Reference{"zoo/qwen3", "in.input_ids", "out.logits", true}, Reference{"zoo/gemma", "in.input_ids", "out.logits"},
                    Reference{"zoo/gemma2", "in.input_ids", "out.logits"}, Reference{"zoo/gemma3", "in.input_ids", "out.logits"},
                    Reference{"zoo/opt", "in.input_ids", "out.logits"}, Reference{"zoo/opt", "in.input_ids", "out.logits", true},
                    Reference{"zoo/bloom", "in.input_ids", "out.logits"}, Reference{"zoo/bloom", "in.input_ids", "out.logits", true}),
    nameOf);

/// Encoders see a whole sequence at once, and keep their mask.
class OnnxEncoders : public OnnxNumerics {};

TEST_P(OnnxEncoders, ImportedAndRaisedAreTheReference) {
  EXPECT_LT(errorOf({sequence_}), kMostError);
  raise();
  EXPECT_LT(errorOf({sequence_}), kMostError);
  int masked = 0;
  module_->walk([&](tfm::AttentionOp attention) {
    EXPECT_EQ(attention.getMaskKind(), tfm::MaskKind::padding);
    EXPECT_EQ(attention.getMask(), main().getArgument(1));
    ++masked;
  });
  EXPECT_EQ(masked, 2);
  EXPECT_EQ(main().getArgAttrOfType<mlir::StringAttr>(1, "tfm.name").getValue(), "attention_mask");
}

INSTANTIATE_TEST_SUITE_P(Each, OnnxEncoders,
                         testing::Values(Reference{"zoo/bert", "in.input_ids", "out.last_hidden_state"},
                                         Reference{"zoo/distilbert", "in.input_ids", "out.last_hidden_state"}),
                         nameOf);

}  // namespace
}  // namespace quantc
