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

std::vector<tfm::StepSize> Evaluator::smallSteps() const {
  std::vector<tfm::StepSize> steps{{2, 0}, {5, 0}, {1, 0}};
  if (hasPast())
    steps.insert(steps.end(), {{1, 1}, {3, 4}, {2, 9}});
  steps.erase(std::remove_if(steps.begin(), steps.end(), [&](const tfm::StepSize& step) { return step.sequence + step.past > context(); }),
              steps.end());
  return steps;
}

std::vector<tfm::StepSize> Evaluator::longSteps(bool wholeContext) const {
  std::vector<tfm::StepSize> steps = smallSteps();
  steps.push_back({wholeContext ? context() : std::min(context(), kLongestUsualSquare), 0});
  if (hasPast() && context() > 7)
    steps.push_back({7, context() - 7});
  return steps;
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

std::optional<tfm::Array> Evaluator::evaluate(Value value, tfm::StepSize step, const Given* given) {
  if (!opened_ && module_->hasAttr("tfm.files")) {
    opened_ = true;
    try {
      weights_ = std::make_unique<WeightReader>(module_);
    } catch (const UserError& error) {
      reason_ = error.what();
      return std::nullopt;
    }
  }
  tfm::Interpreter interpreter(step, weights_.get());
  bindArguments(interpreter, given);
  const tfm::Array* array = interpreter.evaluate(value);
  if (!array) {
    reason_ = interpreter.reason();
    return std::nullopt;
  }
  return *array;
}

}  // namespace quantc::raise
