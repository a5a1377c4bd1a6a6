// Indices that count up along each of their dimensions: what a lookup takes by them is a view.
#pragma once

#include "passes/lower/StridedTensor.h"

namespace quantc {

/// start + the sum of steps[d] * (index along dimension d)
struct CountedIndices {
  mlir::AffineExpr start;
  llvm::SmallVector<int64_t> steps;
};

/// Nothing for indices that are no such numbers for every step: sums, differences and multiples of constants and counts.
std::optional<CountedIndices> countedIndices(mlir::Value indices);

/// The elements of `x` at indices of these extents along an axis, which their dimensions take the place of. Nothing where one might lie outside.
std::optional<StridedTensor> takenAt(const StridedTensor& x, int64_t axis, const CountedIndices& indices,
                                     llvm::ArrayRef<mlir::AffineExpr> extents);

}  // namespace quantc
