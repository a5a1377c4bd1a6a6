// Reference evaluator of single elements: a row of a mask takes the memory of a row, not that of the mask.
#pragma once

#include <memory>

#include "dialects/tfm/Interpreter.h"

namespace quantc::tfm {

struct CumulativeSum;

/// Evaluates elements of values of one function for one step, as Interpreter does whole values. Operations of which an element depends on many others
/// (products, sums over long axes) are evaluated whole. Not thread-safe.
class ElementInterpreter {
public:
  /// `whole` has the values that are bound and evaluates what cannot be done by elements of this step, `constants` weights and constants, which are the same
  /// in every step. Both outlive this.
  ElementInterpreter(StepSize step, Interpreter& whole, Interpreter& constants) : step_(step), whole_(whole), constants_(constants) {}

  /// The elements with these row-major indices, each within the value's shape; nullopt when they depend on something unknown, see reason().
  std::optional<std::vector<double>> evaluate(mlir::Value value, std::vector<int64_t> indices);

  const std::string& reason() const { return reason_; }

private:
  using Indices = std::shared_ptr<const std::vector<int64_t>>;
  using Elements = std::vector<double>;

  const Elements* elements(mlir::Value value, const Indices& indices);
  std::optional<Elements> compute(mlir::Operation* op, mlir::Value value, const Indices& indices);
  std::optional<Elements> computeWhole(mlir::Value value, const Indices& indices, Interpreter& interpreter);
  std::optional<Elements> concat(ConcatOp op, const Indices& indices);
  std::optional<Elements> gather(GatherOp op, const Indices& indices);
  std::optional<Elements> reduce(ReduceOp op, const Indices& indices);
  std::optional<Elements> cumulate(const CumulativeSum& sum, ReduceOp op, const Indices& indices);
  /// Elements of an operand at base + index . strides, `strides` per dimension of `shape`.
  const Elements* strided(mlir::Value operand, const Indices& indices, llvm::ArrayRef<int64_t> shape, int64_t base,
                          llvm::ArrayRef<int64_t> strides);
  const Elements* broadcast(mlir::Value operand, const Indices& indices, llvm::ArrayRef<int64_t> shape);
  llvm::SmallVector<int64_t> shapeOf(mlir::Value value) const;
  /// The one copy of equal lists, so that what is computed for it is found again.
  Indices intern(std::vector<int64_t> indices);
  std::nullopt_t decline(mlir::Operation* op, const llvm::Twine& why);

  StepSize step_;
  Interpreter &whole_, &constants_;
  llvm::DenseMap<std::pair<mlir::Value, const std::vector<int64_t>*>, std::unique_ptr<Elements>> known_;
  std::multimap<size_t, Indices> lists_;
  std::string reason_;
};

}  // namespace quantc::tfm
