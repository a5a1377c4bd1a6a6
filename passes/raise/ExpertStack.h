// Several computations that differ in their weights alone, as one for the experts that were chosen.
#pragma once

#include "dialects/tfm/Tfm.h"
#include "mlir/IR/Builders.h"

namespace quantc::raise {

/// For values [..., width] that the experts compute, in their order, from one input [..., in], and indices i32 [..., k]: [..., k, width] by tfm.expert_linear and
/// elementwise operations. Null where experts differ in more than weights, compute anything else, or have rows that fill no whole tiles of packed weights; what
/// was created until then has no uses.
mlir::Value stackedExperts(mlir::OpBuilder& builder, const llvm::SmallVector<mlir::Value>& experts, mlir::Value indices);

}  // namespace quantc::raise
