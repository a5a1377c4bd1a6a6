// Quotients of dimensions.
#pragma once

#include "dialects/tfm/SymbolicShape.h"

namespace quantc::tfm {

/// The floor of expr / divisor; linear where the symbols' factors are multiples of it.
mlir::AffineExpr floorDivided(mlir::AffineExpr expr, int64_t divisor);

}  // namespace quantc::tfm
