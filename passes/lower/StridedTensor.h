// A tensor as it lies in a buffer, one stride per dimension: what the generic kernels read and write.
#pragma once

#include "passes/lower/KernBuilder.h"

namespace quantc {

struct StridedTensor {
  mlir::Value buffer;
  mlir::Type element;                                                   ///< f32 or i32
  int64_t offset = 0;                                                   ///< elements before the first one
  llvm::SmallVector<std::pair<mlir::AffineExpr, int64_t>> starts = {};  ///< further ones that depend on the step: expression times stride
  llvm::SmallVector<mlir::AffineExpr> extents = {};                     ///< outermost first, as the tensor's dimensions
  llvm::SmallVector<int64_t> strides = {};                              ///< 0 where one element is repeated

  size_t rank() const { return strides.size(); }
};

/// What the artifact computes with: float32 for floats, int32 for integers and booleans; null for others.
mlir::Type heldAs(mlir::Type element, mlir::MLIRContext* context);

bool isOne(mlir::AffineExpr extent);
/// Whether there is no element, in any step.
bool isEmpty(llvm::ArrayRef<mlir::AffineExpr> extents);
bool broadcastsTo(llvm::ArrayRef<mlir::AffineExpr> from, llvm::ArrayRef<mlir::AffineExpr> to);
/// An extent of one can have any stride: that of dense arrays suits kernels best.
void preferDense(StridedTensor& tensor);

/// Row-major strides without gaps; nothing where one would depend on the step.
std::optional<llvm::SmallVector<int64_t>> denseStrides(llvm::ArrayRef<mlir::AffineExpr> extents);

/// Views of the same elements; nothing where the elements do not lie so.
std::optional<StridedTensor> reshaped(const StridedTensor& tensor, llvm::ArrayRef<mlir::AffineExpr> extents);
StridedTensor transposed(const StridedTensor& tensor, llvm::ArrayRef<int64_t> order);
/// Right-aligned, as NumPy broadcasts.
StridedTensor broadcast(const StridedTensor& tensor, llvm::ArrayRef<mlir::AffineExpr> extents);
StridedTensor sliced(const StridedTensor& tensor, int64_t axis, mlir::AffineExpr begin, mlir::AffineExpr count, int64_t step);

/// Tensors of the same extents with dimensions joined that lie behind one another in all of them and those of one element dropped.
/// At least one dimension stays, and where a tensor begins at a place that no dimension's stride divides, an outermost one of one element is there to tell it.
void joinDimensions(llvm::ArrayRef<StridedTensor*> tensors);

/// Letters of a tensor in the parameters of generic kernels.
std::string formOf(const StridedTensor& tensor);

/// A view with the tensor's dimensions, innermost first. Null where a start fits no dimension.
mlir::Value viewOf(KernBuilder& kb, const StridedTensor& tensor, int64_t splitDim = -1);

}  // namespace quantc
