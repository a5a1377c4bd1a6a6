#include "passes/raise/PositionTable.h"

#include "passes/raise/Matching.h"
#include "passes/raise/Probe.h"

namespace quantc::raise {

using namespace mlir;

std::optional<int64_t> positionOffset(Value indices, Extent extent, Evaluator& evaluator,
                                      llvm::function_ref<Evaluator::Given(tfm::StepSize)> given) {
  std::optional<int64_t> offset;
  Probe probe(evaluator, indices, extent);
  for (const Probe::Step& step : probe.steps()) {
    std::optional<Evaluator::Given> elements;
    if (given)
      elements = given(step.size);
    if (tfm::elementCount(probe.shapeOf(indices, step.size)) != step.size.sequence)
      return std::nullopt;
    auto values = probe.rows(indices, step.size, step.rows, 1, elements ? &*elements : nullptr);
    if (!values)
      return std::nullopt;
    if (!offset)
      offset = static_cast<int64_t>(values->front()) - step.size.past - step.rows.front();
    for (auto [row, value] : llvm::zip_equal(step.rows, *values))
      if (value != static_cast<double>(step.size.past + row + *offset))
        return std::nullopt;
  }
  return offset;
}

void endContext(Operation* op, int64_t positions) {
  auto module = op->getParentOfType<ModuleOp>();
  if (auto context = module->getAttrOfType<IntegerAttr>("tfm.context"); context && context.getInt() > positions)
    module->setAttr("tfm.context", IntegerAttr::get(context.getType(), positions));
}

Value createPositionRows(OpBuilder& builder, Operation* lookup, Attribute table, int64_t offset) {
  const int64_t rows = tfm::typeOfWeight(table).getDimSize(0);
  endContext(lookup, rows - offset);
  if (offset > 0)
    table = tfm::SlicedAttr::get(lookup->getContext(), table, 0, offset, rows);
  return builder.create<tfm::PositionRowsOp>(lookup->getLoc(), lookup->getResult(0).getType(),
                                             createWeight(builder, lookup->getLoc(), table));
}

}  // namespace quantc::raise
