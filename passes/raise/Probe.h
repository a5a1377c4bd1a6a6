// Where a computation of positions is looked at to find out what it is: at every position, or, where that takes more than linear time, at the ends of the
// context and wherever a constant lets it change.
#pragma once

#include <memory>
#include <vector>

#include "dialects/tfm/ElementInterpreter.h"
#include "passes/raise/Evaluation.h"

namespace quantc::raise {

/// The steps that something is computed in: of at most so many positions, and whether they take earlier steps into account.
struct Extent {
  int64_t positions;
  bool hasPast;
};

/// The steps of the function that an operation is in: those of the model, or the one of its encoder.
Extent extentOf(mlir::Operation* op, const Evaluator& evaluator);

/// How many positions the values can be evaluated for: the tables that they look into may end before the extent does. 0 where they cannot be for one.
int64_t evaluablePositions(llvm::ArrayRef<mlir::Value> values, Extent extent, Evaluator& evaluator);

/// Evaluates values step by step, element by element, within memory that is linear in the context. Keeps what it has evaluated: it must not outlive a change
/// of the values. Not thread-safe.
class Probe {
public:
  /// A step, and the rows of it to look at, ascending.
  struct Step {
    tfm::StepSize size;
    std::vector<int64_t> rows;

    /// Keys that the step's last row can see.
    int64_t total() const { return size.source ? size.source : size.sequence + size.past; }
  };

  /// For `values` and what they are computed from.
  Probe(Evaluator& evaluator, llvm::ArrayRef<mlir::Value> values, Extent extent);

  /// Small ones first, of which the first has two rows at least where the context has; then up to the context, and around every constant.
  const std::vector<Step>& steps() const { return steps_; }

  /// Rows of a step of so many to look at: all where a table may hide anything in one of them, or where all cost no more than a constant times their number.
  std::vector<int64_t> rowsOf(int64_t sequence) const;
  /// First and last rows, and those around every constant.
  std::vector<int64_t> selectedRowsOf(int64_t sequence) const;

  /// Elements of a value with these row-major indices; nullopt with a reason in reason().
  std::optional<std::vector<double>> elements(mlir::Value value, tfm::StepSize step, std::vector<int64_t> indices,
                                              const Evaluator::Given* given = nullptr);
  /// [rows.size(), width] elements of a value that has `width` of them for every row.
  std::optional<std::vector<double>> rows(mlir::Value value, tfm::StepSize step, llvm::ArrayRef<int64_t> rows, int64_t width,
                                          const Evaluator::Given* given = nullptr);
  llvm::SmallVector<int64_t> shapeOf(mlir::Value value, tfm::StepSize step) const;
  const std::string& reason() const { return reason_; }

private:
  void findTurningPoints(llvm::ArrayRef<mlir::Value> values);
  void addSteps();

  Evaluator& evaluator_;
  Extent extent_;
  std::vector<int64_t> turningPoints_;  // positions at which a constant may change what is computed
  bool looksEverywhere_ = true;
  std::vector<Step> steps_;
  std::unique_ptr<tfm::Interpreter> constants_, whole_;
  tfm::StepSize stepOfWhole_;
  const Evaluator::Given* given_ = nullptr;
  std::string reason_;
};

}  // namespace quantc::raise
