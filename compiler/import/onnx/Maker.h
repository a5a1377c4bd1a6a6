// Makes operations of a node that is imported as several, with shapes that follow from the operands.
#pragma once

#include "compiler/import/onnx/GraphImporter.h"

namespace quantc::onnx_import {

class Maker {
public:
  using Value = mlir::Value;
  using Dims = llvm::ArrayRef<mlir::AffineExpr>;

  explicit Maker(Node& node) : node_(node) {}

  mlir::RankedTensorType type(Value x) const { return mlir::cast<mlir::RankedTensorType>(x.getType()); }
  llvm::SmallVector<mlir::AffineExpr> dims(Value x) const { return tfm::dimsOf(type(x)); }
  mlir::AffineExpr dim(Value x, int64_t axis) const { return dims(x)[axis < 0 ? axis + type(x).getRank() : axis]; }
  mlir::AffineExpr number(int64_t value) const { return constantExpr(value, node_.context()); }
  mlir::Type f32() const { return node_.builder().getF32Type(); }

  Value unary(tfm::UnaryKind kind, Value x) const;
  /// Comparisons give booleans. Operands have the same elements.
  Value binary(tfm::BinaryKind kind, Value a, Value b) const;
  Value binary(tfm::BinaryKind kind, Value a, double b) const { return binary(kind, a, like(b, a)); }
  Value add(Value a, Value b) const { return binary(tfm::BinaryKind::add, a, b); }
  Value sub(Value a, Value b) const { return binary(tfm::BinaryKind::sub, a, b); }
  Value mul(Value a, Value b) const { return binary(tfm::BinaryKind::mul, a, b); }
  Value div(Value a, Value b) const { return binary(tfm::BinaryKind::div, a, b); }
  Value add(Value a, double b) const { return add(a, like(b, a)); }
  Value mul(Value a, double b) const { return b == 1 ? a : mul(a, like(b, a)); }
  Value div(double a, Value b) const { return div(like(a, b), b); }
  Value select(Value condition, Value a, Value b) const;
  Value select(Value condition, Value a, double b) const { return select(condition, a, like(b, a)); }
  /// A scalar with the elements of `other`.
  Value like(double value, Value other) const { return node_.scalar(value, type(other).getElementType()); }
  Value cast(Value x, mlir::Type element) const;
  Value toFloat(Value x) const { return cast(x, f32()); }

  Value reduce(tfm::ReduceKind kind, Value x, llvm::ArrayRef<int64_t> axes, bool keep = true) const;
  /// The product along an axis of constant extent, which stays with extent 1: of halves, of their halves and so on.
  Value product(Value x, int64_t axis) const;
  Value softmax(Value x, int64_t axis) const;
  Value matmul(Value a, Value b) const;

  Value reshape(Value x, Dims dims) const { return node_.reshape(x, dims); }
  Value transpose(Value x, llvm::ArrayRef<int64_t> order) const;
  /// The last two dimensions change places.
  Value transposeLast(Value x) const;
  /// [batch, channels, positions...] to [batch, positions..., channels], and back.
  Value channelsLast(Value x) const;
  Value channelsFirst(Value x) const;
  Value broadcast(Value x, Dims dims) const;
  Value slice(Value x, int64_t axis, mlir::AffineExpr begin, mlir::AffineExpr count, int64_t step = 1) const;
  Value slice(Value x, int64_t axis, int64_t begin, int64_t count, int64_t step = 1) const {
    return slice(x, axis, number(begin), number(count), step);
  }
  Value concat(llvm::ArrayRef<Value> values, int64_t axis) const;
  /// `before` and `after` elements of the scalar `fill` around those along an axis.
  Value pad(Value x, int64_t axis, int64_t before, int64_t after, Value fill) const;
  Value gather(Value x, Value indices, int64_t axis) const;
  /// start, start + 1, ... as int64.
  Value iota(mlir::AffineExpr count, mlir::AffineExpr start) const;

private:
  Node& node_;
};

}  // namespace quantc::onnx_import
