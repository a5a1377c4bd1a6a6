// What the raise passes look at values with, and folding builders, so that views which undo each other never come into being.
#pragma once

#include <optional>

#include "dialects/tfm/Tfm.h"
#include "mlir/IR/PatternMatch.h"

namespace quantc::raise {

/// Fails a match and leaves the reason with the operation, for the error of a model that cannot do without (tfm::kReasonAttribute).
mlir::LogicalResult declined(mlir::PatternRewriter& rewriter, mlir::Operation* op, const llvm::Twine& why);

mlir::RankedTensorType typeOf(mlir::Value value);
mlir::RankedTensorType withLastDim(mlir::RankedTensorType type, int64_t size);

/// The one value of a constant or of a broadcast, cast or reshaped one.
std::optional<double> scalarOf(mlir::Value value);

/// Weight expression of a tfm.weight or tfm.constant; null for anything else.
mlir::Attribute weightExprOf(mlir::Value value);
/// The expression as [n] when the value is a weight with n elements along the last dimension and 1 along the others; null otherwise.
mlir::Attribute vectorExprOf(mlir::Value value, int64_t n);

mlir::Attribute permuted(mlir::Attribute expr, llvm::ArrayRef<int64_t> order);
mlir::Attribute reshaped(mlir::Attribute expr, llvm::ArrayRef<int64_t> shape);
/// Floats of whatever type become float32 as they are read.
mlir::Value createWeight(mlir::OpBuilder& builder, mlir::Location loc, mlir::Attribute expr);

/// The value of an argument's elements unless the caller sets them (tfm::kInitialAttribute); nullopt for any other value.
std::optional<int64_t> initialOf(mlir::Value value);

/// Values computed from no argument but such whose caller may leave them alone: constants, weights, positions, masks.
bool isPositional(mlir::Value value);

/// Visits what `values` are computed from, every operation once, in no particular order. `visit` says whether to go on behind an operation.
void visitProducers(llvm::ArrayRef<mlir::Value> values, llvm::function_ref<bool(mlir::Operation*)> visit);

/// Operand pairs of a commutative operation in both orders.
struct OperandPair {
  mlir::Value first, second;
};
std::array<OperandPair, 2> bothOrders(tfm::BinaryOp op);
/// The operation behind a value if it is a tfm.binary of this kind; null otherwise.
tfm::BinaryOp binaryOf(mlir::Value value, tfm::BinaryKind kind);
tfm::UnaryOp unaryOf(mlir::Value value, tfm::UnaryKind kind);

/// NumPy's broadcast of these dimensions; nullopt when they do not fit.
std::optional<llvm::SmallVector<mlir::AffineExpr>> broadcastDims(llvm::ArrayRef<mlir::RankedTensorType> types);

mlir::Value makeReshape(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value value, mlir::RankedTensorType type);
/// Whether a transpose moves dimensions of extent 1 alone, as a reshape can.
bool keepsElementOrder(mlir::RankedTensorType type, llvm::ArrayRef<int64_t> order);
mlir::Value makeTranspose(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value value, llvm::ArrayRef<int64_t> order);

/// Tensors that hold heads: [1, heads, rows, head_dim] or [heads, rows, head_dim] with rowAxis = rank - 2, [1, rows, heads, head_dim] or
/// [rows, heads, head_dim] with rowAxis = rank - 3.
bool holdsHeads(mlir::RankedTensorType type, int64_t rowAxis);
int64_t headsOf(mlir::RankedTensorType type, int64_t rowAxis);
/// To and from the flat form [1, rows, heads * head_dim].
mlir::Value toRows(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value heads, int64_t rowAxis);
mlir::Value fromRows(mlir::OpBuilder& builder, mlir::Location loc, mlir::Value rows, mlir::RankedTensorType type, int64_t rowAxis);

}  // namespace quantc::raise
