// Arithmetic on dimensions and on small integer tensors that depend on nothing else: the shape computations of ONNX graphs.
#pragma once

#include <optional>

#include "dialects/tfm/Tfm.h"

namespace quantc::onnx_import {

/// Elements of an integer or boolean tensor, in row-major order.
using Known = llvm::SmallVector<mlir::AffineExpr>;
constexpr int64_t kMostKnown = 64;

/// Whether a tensor of this type has few enough elements to be known one by one.
bool isSmall(mlir::RankedTensorType type);

mlir::AffineExpr constantExpr(int64_t value, mlir::MLIRContext* context);
std::optional<int64_t> constantOf(mlir::AffineExpr expr);
std::optional<llvm::SmallVector<int64_t>> constantsOf(llvm::ArrayRef<mlir::AffineExpr> exprs);

/// What an expression can be for sequence >= 1, past >= 0, outputs >= 1; an end that is not known is empty.
struct Bounds {
  std::optional<int64_t> least, most;
};
Bounds boundsOf(mlir::AffineExpr expr);
std::optional<bool> isEqual(mlir::AffineExpr a, mlir::AffineExpr b);
std::optional<bool> isLess(mlir::AffineExpr a, mlir::AffineExpr b);

/// One element of an elementwise operation (comparisons give 0 or 1); null when the result is not an affine expression.
mlir::AffineExpr foldBinary(tfm::BinaryKind kind, mlir::AffineExpr a, mlir::AffineExpr b);

/// product(numerator) / product(denominator); null when that is not an affine expression.
mlir::AffineExpr quotientOf(llvm::ArrayRef<mlir::AffineExpr> numerator, llvm::ArrayRef<mlir::AffineExpr> denominator,
                            mlir::MLIRContext* context);

/// Index into an operand of `shape` of each element of `result` that it broadcasts to.
llvm::SmallVector<int64_t> broadcastIndices(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> result);

}  // namespace quantc::onnx_import
