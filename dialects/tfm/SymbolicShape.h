// Dimensions of tensors as affine expressions of the step's symbols, kept in the tensor's encoding.
#pragma once

#include <optional>

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinTypes.h"

namespace quantc::tfm {

/// s0, s1, s2 of every shape, and s3 of those that depend on the positions of an encoder's sequence.
enum class Symbol : unsigned { sequence = 0, past = 1, outputs = 2, source = 3 };
constexpr unsigned kSymbols = 3, kMostSymbols = 4;

inline mlir::AffineExpr symbolExpr(Symbol symbol, mlir::MLIRContext* context) {
  return mlir::getAffineSymbolExpr(static_cast<unsigned>(symbol), context);
}

/// A map without dimensions and with the step's three symbols, or four where a result depends on `source`.
inline mlir::AffineMap symbolicMap(llvm::ArrayRef<mlir::AffineExpr> results, mlir::MLIRContext* context) {
  bool fourth = llvm::any_of(results, [](mlir::AffineExpr expr) { return expr.isFunctionOfSymbol(unsigned(Symbol::source)); });
  return mlir::AffineMap::get(0, fourth ? kMostSymbols : kSymbols, results, context);
}

/// The tensor type of these dimensions; no encoding where all are constant.
mlir::RankedTensorType makeTensorType(llvm::ArrayRef<mlir::AffineExpr> dims, mlir::Type element);

/// Whether the functions below can be asked about a type: a ranked tensor whose dimensions are constants or expressions of the symbols, no
/// number in them beyond kLargestDim. Every tfm operation verifies it of its operands and results.
bool hasSymbolicShape(mlir::Type type);
constexpr int64_t kLargestDim = int64_t{1} << 40;

/// One expression per dimension of a type with a symbolic shape.
llvm::SmallVector<mlir::AffineExpr> dimsOf(mlir::RankedTensorType type);

/// Product of the dimensions from `begin` to `end` - 1; a null expression when it is not affine.
mlir::AffineExpr productOf(llvm::ArrayRef<mlir::AffineExpr> dims, mlir::MLIRContext* context);

/// constant + sequence * s0 + past * s1 + outputs * s2 + source * s3
struct LinearSize {
  int64_t constant = 0, sequence = 0, past = 0, outputs = 0, source = 0;
};
/// Nothing when the expression is not linear in the symbols alone, or has a coefficient of magnitude beyond kLargestDim.
std::optional<LinearSize> linearOf(mlir::AffineExpr expr);

/// Value of an expression for given symbols.
int64_t evaluate(mlir::AffineExpr expr, int64_t sequence, int64_t past, int64_t outputs, int64_t source = 0);

/// "s0 + s1", for messages.
std::string toString(mlir::AffineExpr expr);

/// The type with its element type replaced.
inline mlir::RankedTensorType withElement(mlir::RankedTensorType type, mlir::Type element) {
  return mlir::RankedTensorType::get(type.getShape(), element, type.getEncoding());
}

}  // namespace quantc::tfm
