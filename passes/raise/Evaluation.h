// Subgraphs that depend on positions alone, evaluated for several steps to find out what they are.
#pragma once

#include <memory>
#include <vector>

#include "compiler/weights/WeightReader.h"
#include "dialects/tfm/Interpreter.h"
#include "mlir/IR/BuiltinOps.h"

namespace quantc::raise {

/// Opens the module's files when a subgraph reads weights.
class Evaluator {
public:
  explicit Evaluator(mlir::ModuleOp module) : module_(module) {}

  /// Whether the model takes earlier steps into account: positions count from `past` only then.
  bool hasPast() const;
  int64_t context() const;

  /// An argument with these elements, in place of its initial ones if it has any; as many as it has.
  struct Given {
    mlir::Value argument;
    std::vector<double> elements;
  };

  /// nullopt with reason() when the value depends on arguments that have no initial elements (tfm::kInitialAttribute) or is too large.
  std::optional<tfm::Array> evaluate(mlir::Value value, tfm::StepSize step, const Given* given = nullptr);
  /// An interpreter of one step with the arguments' initial elements bound; null with reason() when the weights cannot be opened.
  std::unique_ptr<tfm::Interpreter> interpreterOf(tfm::StepSize step, const Given* given = nullptr);
  const std::string& reason() const { return reason_; }

private:
  void bindArguments(tfm::Interpreter& interpreter, const Given* given);

  mlir::ModuleOp module_;
  std::unique_ptr<WeightReader> weights_;
  bool opened_ = false;
  std::string reason_;
};

}  // namespace quantc::raise
