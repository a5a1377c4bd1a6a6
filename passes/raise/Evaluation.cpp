#include "passes/raise/Evaluation.h"

#include <algorithm>

#include "compiler/import/Import.h"
#include "compiler/support/Error.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/raise/Matching.h"

namespace quantc::raise {

using namespace mlir;

namespace {

bool mentionsPast(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return false;
  AffineExpr past = symbolExpr(tfm::Symbol::past, type.getContext());
  return llvm::any_of(tfm::dimsOf(tensor), [&](AffineExpr dim) {
    bool found = false;
    dim.walk([&](AffineExpr part) { found |= part == past; });
    return found;
  });
}

}  // namespace

bool Evaluator::hasPast() const {
  bool found = false;
  ModuleOp module = module_;
  module.walk([&](Operation* op) {
    if (auto function = dyn_cast<func::FuncOp>(op))
      found |= llvm::any_of(function.getArgumentTypes(), mentionsPast);
    found |= isa<tfm::CacheAppendOp>(op);
  });
  return found;
}

int64_t Evaluator::context() const {
  auto context = ModuleOp(module_)->getAttrOfType<IntegerAttr>("tfm.context");
  return context ? std::max<int64_t>(1, context.getInt()) : kDefaultContext;
}

/// Arguments that callers may leave alone have their elements.
void Evaluator::bindArguments(tfm::Interpreter& interpreter, const Given* given) {
  for (auto function : module_.getOps<func::FuncOp>()) {
    if (function.isExternal())
      continue;
    for (Value argument : function.getArguments()) {
      const bool isGiven = given && given->argument == argument;
      auto initial = initialOf(argument);
      if (!initial && !isGiven)
        continue;
      RankedTensorType type = typeOf(argument);
      tfm::Array array{type.getElementType(), interpreter.shapeOf(type), {}};
      auto count = tfm::elementCount(array.shape);
      if (!count)
        continue;
      if (isGiven)
        array.values = given->elements;
      else
        array.values.assign(static_cast<size_t>(*count), static_cast<double>(*initial));
      if (array.size() == *count)
        interpreter.bind(argument, std::move(array));
    }
  }
}

std::unique_ptr<tfm::Interpreter> Evaluator::interpreterOf(tfm::StepSize step, const Given* given) {
  if (!opened_ && module_->hasAttr("tfm.files")) {
    opened_ = true;
    try {
      weights_ = std::make_unique<WeightReader>(module_);
    } catch (const UserError& error) {
      reason_ = error.what();
      return nullptr;
    }
  }
  auto interpreter = std::make_unique<tfm::Interpreter>(step, weights_.get());
  bindArguments(*interpreter, given);
  return interpreter;
}

std::optional<tfm::Array> Evaluator::evaluate(Value value, tfm::StepSize step, const Given* given) {
  std::unique_ptr<tfm::Interpreter> interpreter = interpreterOf(step, given);
  const tfm::Array* array = interpreter ? interpreter->evaluate(value) : nullptr;
  if (!array) {
    reason_ = interpreter ? interpreter->reason() : reason_;
    return std::nullopt;
  }
  return *array;
}

}  // namespace quantc::raise
