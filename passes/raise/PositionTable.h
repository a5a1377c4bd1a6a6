// Tables of which every position looks up a row of its own.
#pragma once

#include "passes/raise/Probe.h"

namespace quantc::raise {

/// offset where the indices are past + offset, past + offset + 1, ... wherever a probe looks, which is everywhere unless they are computed from pairs of
/// positions. `given` makes the elements of an argument that they depend on; nullptr where they depend on none.
std::optional<int64_t> positionOffset(mlir::Value indices, Extent extent, Evaluator& evaluator,
                                      llvm::function_ref<Evaluator::Given(tfm::StepSize)> given = nullptr);

/// Lets the module's context have so many positions at most, where a table that `op` looks into ends.
void endContext(mlir::Operation* op, int64_t positions);

/// Rows `offset`, `offset` + 1, ... of the table [rows, width], in place of what `lookup` gives. The table ends the module's context.
mlir::Value createPositionRows(mlir::OpBuilder& builder, mlir::Operation* lookup, mlir::Attribute table, int64_t offset);

}  // namespace quantc::raise
