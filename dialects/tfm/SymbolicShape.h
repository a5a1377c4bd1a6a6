// Dimensions of tensors as affine expressions of the step's symbols, kept in the tensor's encoding.
#pragma once

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinTypes.h"

namespace quantc::tfm {

/// s0, s1, s2 of every shape.
enum class Symbol : unsigned { sequence = 0, past = 1, outputs = 2 };
constexpr unsigned kSymbols = 3;

inline mlir::AffineExpr symbolExpr(Symbol symbol, mlir::MLIRContext* context) {
  return mlir::getAffineSymbolExpr(static_cast<unsigned>(symbol), context);
}

/// A map without dimensions and with the step's three symbols.
inline mlir::AffineMap symbolicMap(llvm::ArrayRef<mlir::AffineExpr> results, mlir::MLIRContext* context) {
  return mlir::AffineMap::get(0, kSymbols, results, context);
}

/// The tensor type of these dimensions; no encoding where all are constant.
mlir::RankedTensorType makeTensorType(llvm::ArrayRef<mlir::AffineExpr> dims, mlir::Type element);

/// One expression per dimension. A dynamic dimension of a tensor without encoding is an error of ours (the verifier refuses it).
llvm::SmallVector<mlir::AffineExpr> dimsOf(mlir::RankedTensorType type);

/// Product of the dimensions from `begin` to `end` - 1; a null expression when it is not affine.
mlir::AffineExpr productOf(llvm::ArrayRef<mlir::AffineExpr> dims, mlir::MLIRContext* context);

/// Value of an expression for given symbols.
int64_t evaluate(mlir::AffineExpr expr, int64_t sequence, int64_t past, int64_t outputs);

/// "s0 + s1", for messages.
std::string toString(mlir::AffineExpr expr);

/// The type with its element type replaced.
inline mlir::RankedTensorType withElement(mlir::RankedTensorType type, mlir::Type element) {
  return mlir::RankedTensorType::get(type.getShape(), element, type.getEncoding());
}

}  // namespace quantc::tfm
