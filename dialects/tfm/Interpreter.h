// Reference evaluator of the tfm dialect: slow, plain, demand-driven. Raise passes use it to classify subgraphs, tests as their oracle.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dialects/tfm/Tfm.h"
#include "llvm/ADT/DenseMap.h"

namespace quantc {
class WeightReader;
}

namespace quantc::tfm {

/// A tensor's elements in row-major order. Floats are rounded to their element type after every operation; integers are exact up to 2^53,
/// booleans 0 or 1.
struct Array {
  mlir::Type element;
  llvm::SmallVector<int64_t> shape;
  std::vector<double> values;

  int64_t size() const { return static_cast<int64_t>(values.size()); }
};

/// Number of elements of a shape; nullopt above what the interpreter is willing to hold.
std::optional<int64_t> elementCount(llvm::ArrayRef<int64_t> shape);

/// The nearest value of an element type; floats go to integers by truncation and wrap around below 32 bits, anything to i1 as `!= 0`.
double roundTo(double value, mlir::Type element);

/// Symbols of one step.
struct StepSize {
  int64_t sequence = 1;
  int64_t past = 0;
  int64_t outputs = 1;
  int64_t source = 0;
};

/// Contents of KV caches by name, [past, width], kept between the steps of a sequence, and what an encoder left for them, [source, width].
using Caches = std::map<std::string, Array>;

/// Evaluates values of one function for one step. Not thread-safe.
class Interpreter {
public:
  /// `weights` reads tfm.weight operations and may be null, as may `caches`; both outlive the interpreter.
  explicit Interpreter(StepSize step, const WeightReader* weights = nullptr, Caches* caches = nullptr)
      : step_(step), weights_(weights), caches_(caches) {}

  /// Gives a value (usually an argument) its elements.
  void bind(mlir::Value value, Array array) { known_[value] = std::move(array); }

  /// The value's elements, kept until the interpreter dies; nullptr when it depends on something unknown, see reason().
  const Array* evaluate(mlir::Value value);

  /// Keeps what an encoder writes for the steps that follow, among the caches, which must be there; false when it depends on something unknown, see
  /// reason().
  bool write(SourceWriteOp op);

  const std::string& reason() const { return reason_; }

  /// Dimensions of a type at this step.
  llvm::SmallVector<int64_t> shapeOf(mlir::RankedTensorType type) const;

private:
  std::optional<Array> compute(mlir::Operation* op, llvm::ArrayRef<const Array*> operands);
  std::optional<Array> weight(mlir::Attribute expr);
  std::optional<Array> cacheAppend(CacheAppendOp op, const Array& input);
  std::optional<Array> sourceRead(SourceReadOp op);
  std::nullopt_t decline(mlir::Operation* op, const llvm::Twine& why);

  StepSize step_;
  const WeightReader* weights_;
  Caches* caches_;
  llvm::DenseMap<mlir::Value, Array> known_;
  std::string reason_;
};

}  // namespace quantc::tfm
