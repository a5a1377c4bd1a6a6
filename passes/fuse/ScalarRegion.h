// Building and joining the scalar regions of tfm.fused.
#pragma once

#include "dialects/tfm/Tfm.h"
#include "mlir/IR/PatternMatch.h"

namespace quantc {

/// Emits `kind` of float32 scalars as arith and math operations. Null for kinds that have no float32 form. `pow` takes only constant exponents
/// 2, 3, 0.5 and -0.5 of `rhs`.
mlir::Value emitUnary(mlir::OpBuilder& builder, mlir::Location loc, tfm::UnaryKind kind, mlir::Value x);
mlir::Value emitBinary(mlir::OpBuilder& builder, mlir::Location loc, tfm::BinaryKind kind, mlir::Value lhs, mlir::Value rhs);
/// Emits `kind(a, b) ? lhs : rhs`; null for kinds that are no comparison. Comparisons with a NaN are false. Kernels know "less" and "equal" alone.
mlir::Value emitSelect(mlir::OpBuilder& builder, mlir::Location loc, tfm::BinaryKind kind, mlir::Value a, mlir::Value b, mlir::Value lhs,
                       mlir::Value rhs);

/// A fused operation without a producer; `body` gets the region's arguments and returns the value to yield.
tfm::FusedOp createFused(mlir::OpBuilder& builder, mlir::Location loc, mlir::Type resultType, mlir::ValueRange inputs,
                         llvm::function_ref<mlir::Value(mlir::OpBuilder&, mlir::ValueRange)> body);

/// Of what is computed per element: a kernel has 16 arguments (kMaxArguments of the runtime), a product's own among them.
constexpr unsigned kMostFusedInputs = 8;

/// The index of the region's argument that stands for `input` of a fused operation.
unsigned argumentOfInput(tfm::FusedOp fused, unsigned input);

/// Moves `producer` into `consumer`, whose input number `input` is the producer's result. Where both are products, they are of the same input, and
/// two together at most. Returns the joined operation, which has replaced the consumer; the producer is left without uses.
tfm::FusedOp joinFused(mlir::RewriterBase& rewriter, tfm::FusedOp producer, tfm::FusedOp consumer, unsigned input);

}  // namespace quantc
