#include "passes/raise/PositionTable.h"

#include "passes/raise/Matching.h"

namespace quantc::raise {

using namespace mlir;

std::optional<int64_t> positionOffset(Value indices, Evaluator& evaluator, ArrayRef<tfm::StepSize> steps,
                                      llvm::function_ref<Evaluator::Given(tfm::StepSize)> given) {
  std::optional<int64_t> offset;
  for (tfm::StepSize step : steps) {
    std::optional<Evaluator::Given> elements;
    if (given)
      elements = given(step);
    auto values = evaluator.evaluate(indices, step, elements ? &*elements : nullptr);
    if (!values || values->size() != step.sequence)
      return std::nullopt;
    if (!offset)
      offset = static_cast<int64_t>(values->values[0]) - step.past;
    for (int64_t i = 0; i < step.sequence; ++i)
      if (values->values[i] != static_cast<double>(step.past + i + *offset))
        return std::nullopt;
  }
  return offset;
}

Value createPositionRows(OpBuilder& builder, Operation* lookup, Attribute table, int64_t offset) {
  const int64_t rows = tfm::typeOfWeight(table).getDimSize(0);
  auto module = lookup->getParentOfType<ModuleOp>();
  if (auto context = module->getAttrOfType<IntegerAttr>("tfm.context"); context && context.getInt() > rows - offset)
    module->setAttr("tfm.context", builder.getI64IntegerAttr(rows - offset));
  if (offset > 0)
    table = tfm::SlicedAttr::get(lookup->getContext(), table, 0, offset, rows);
  return builder.create<tfm::PositionRowsOp>(lookup->getLoc(), lookup->getResult(0).getType(),
                                             createWeight(builder, lookup->getLoc(), table));
}

}  // namespace quantc::raise
