// Tables of which every position looks up a row of its own.
#pragma once

#include "passes/raise/Evaluation.h"

namespace quantc::raise {

/// offset where the indices are past + offset, past + offset + 1, ... at every one of `steps`. `given` makes the elements of an argument that they
/// depend on; nullptr where they depend on none.
std::optional<int64_t> positionOffset(mlir::Value indices, Evaluator& evaluator, llvm::ArrayRef<tfm::StepSize> steps,
                                      llvm::function_ref<Evaluator::Given(tfm::StepSize)> given = nullptr);

/// Rows `offset`, `offset` + 1, ... of the table [rows, width], in place of what `lookup` gives. The table ends the module's context.
mlir::Value createPositionRows(mlir::OpBuilder& builder, mlir::Operation* lookup, mlir::Attribute table, int64_t offset);

}  // namespace quantc::raise
