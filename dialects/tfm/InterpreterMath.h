// What the interpreter computes with: operations on arrays, without IR.
#pragma once

#include "dialects/tfm/Interpreter.h"

namespace quantc::tfm::interpret {

/// Zeros of a type.
Array makeArray(mlir::Type element, llvm::ArrayRef<int64_t> shape);

/// Row-major strides; 0 for dimensions of extent 1 that the `result` shape repeats (right-aligned as NumPy does).
llvm::SmallVector<int64_t> stridesOf(llvm::ArrayRef<int64_t> shape);
llvm::SmallVector<int64_t> broadcastStrides(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> result);

/// Element i of the result lies at base + index(i) . strides of the operand.
Array strided(const Array& operand, int64_t base, llvm::ArrayRef<int64_t> strides, llvm::ArrayRef<int64_t> shape);

Array unary(UnaryKind kind, const Array& operand);
Array binary(BinaryKind kind, const Array& lhs, const Array& rhs, mlir::Type element, llvm::ArrayRef<int64_t> shape);
Array select(const Array& condition, const Array& lhs, const Array& rhs, llvm::ArrayRef<int64_t> shape);
Array reduce(ReduceKind kind, const Array& operand, llvm::ArrayRef<int64_t> axes, llvm::ArrayRef<int64_t> shape);
Array softmax(const Array& operand, int64_t axis);
Array concat(llvm::ArrayRef<const Array*> operands, int64_t axis, llvm::ArrayRef<int64_t> shape);
/// Negative indices count from the end; nullopt for one that is out of range.
std::optional<Array> gather(const Array& operand, const Array& indices, int64_t axis, llvm::ArrayRef<int64_t> shape);
/// Of arrays whose shapes are the same but for the axis.
std::optional<Array> gatherElements(const Array& operand, const Array& indices, int64_t axis);

/// [..., m, k] x [..., k, n]; sums in double.
Array matmul(const Array& lhs, const Array& rhs, llvm::ArrayRef<int64_t> shape);
/// [..., in] x [out, in].
Array linear(const Array& input, const Array& weight, llvm::ArrayRef<int64_t> shape);
/// Along the last dimension; `bias` null means RMS norm (no mean, no bias).
Array norm(const Array& input, const Array& weight, const Array* bias, double epsilon);
/// Of [batch, positions..., channels].
Array patches(const Array& input, PatchesOp op, llvm::ArrayRef<int64_t> shape);
/// Over all rows of a group of channels of the last dimension.
Array groupNorm(const Array& input, int64_t groups, double epsilon);
Array rope(const Array& input, RopeOp op, int64_t past);
/// `mask` [..., sequence, total] may be null.
/// `mask` and `bias` (the elements of the attention's table) may be null.
Array attention(AttentionOp op, const Array& query, const Array& key, const Array& value, const Array* mask, const Array* bias,
                llvm::ArrayRef<int64_t> shape);
Array windows(const Array& input, WindowsOp op, llvm::ArrayRef<int64_t> shape);
/// Values and indices of tfm.top_k.
std::pair<Array, Array> topK(const Array& input, int64_t k, bool normalize, mlir::Type indexType);
/// nullopt when an index is no expert.
std::optional<Array> expertLinear(const Array& input, const Array& weight, const Array& indices, int64_t experts,
                                  llvm::ArrayRef<int64_t> shape);
Array combine(const Array& input, const Array& factors, llvm::ArrayRef<int64_t> shape);

}  // namespace quantc::tfm::interpret
