#include "compiler/import/onnx/Maker.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;

namespace {

bool isComparison(BinaryKind kind) {
  return kind == BinaryKind::less || kind == BinaryKind::less_equal || kind == BinaryKind::equal || kind == BinaryKind::greater ||
         kind == BinaryKind::greater_equal;
}

}  // namespace

Value Maker::unary(tfm::UnaryKind kind, Value x) const { return node_.create<tfm::UnaryOp>(type(x), kind, x); }

Value Maker::binary(BinaryKind kind, Value a, Value b) const {
  Type element = isComparison(kind) ? Type(node_.builder().getI1Type()) : type(a).getElementType();
  if (isa<FloatType>(type(a).getElementType()) && isa<FloatType>(type(b).getElementType()))
    b = cast(b, type(a).getElementType());
  return node_.create<tfm::BinaryOp>(node_.broadcastType({type(a), type(b)}, element), kind, a, b);
}

Value Maker::select(Value condition, Value a, Value b) const {
  return node_.create<tfm::SelectOp>(node_.broadcastType({type(condition), type(a), type(b)}, type(a).getElementType()), condition, a, b);
}

Value Maker::cast(Value x, Type element) const {
  return type(x).getElementType() == element ? x : node_.create<tfm::CastOp>(tfm::withElement(type(x), element), x);
}

Value Maker::reduce(tfm::ReduceKind kind, Value x, ArrayRef<int64_t> axes, bool keep) const {
  SmallVector<AffineExpr> from = dims(x), kept;
  for (auto [i, extent] : llvm::enumerate(from)) {
    bool reduced = llvm::is_contained(axes, static_cast<int64_t>(i));
    if (!reduced || keep)
      kept.push_back(reduced ? number(1) : extent);
  }
  return node_.create<tfm::ReduceOp>(node_.tensorType(kept, type(x).getElementType()), kind, x, axes, keep);
}

Value Maker::product(Value x, int64_t axis) const {
  auto extent = constantOf(dim(x, axis));
  if (!extent)
    node_.fail("multiplies the elements of a dimension of unknown size, which is not supported; export the model without it");
  if (*extent == 0) {
    SmallVector<AffineExpr> one = dims(x);
    one[axis] = number(1);
    return broadcast(like(1, x), one);
  }
  while (*extent > 1) {
    int64_t half = *extent / 2;
    Value rest = *extent % 2 ? slice(x, axis, 2 * half, 1) : Value();
    x = mul(slice(x, axis, 0, half), slice(x, axis, half, half));
    if (rest)
      x = concat({x, rest}, axis);
    extent = half + (rest ? 1 : 0);
  }
  return x;
}

Value Maker::softmax(Value x, int64_t axis) const {
  return node_.create<tfm::SoftmaxOp>(type(x), x, axis < 0 ? axis + type(x).getRank() : axis);
}

Value Maker::matmul(Value lhs, Value rhs) const {
  SmallVector<AffineExpr> a = dims(lhs), b = dims(rhs);
  if (a.empty() || b.empty())
    node_.fail("needs matrices; the model is damaged, export it again");
  bool vectorA = a.size() == 1, vectorB = b.size() == 1;
  if (vectorA)
    a.insert(a.begin(), number(1));
  if (vectorB)
    b.push_back(number(1));
  if (a.back() != b[b.size() - 2])
    node_.fail("multiplies matrices whose inner dimensions differ; the model is damaged, export it again");
  Type element = type(lhs).getElementType();
  RankedTensorType leading = node_.broadcastType(
      {node_.tensorType(ArrayRef(a).drop_back(2), element), node_.tensorType(ArrayRef(b).drop_back(2), element)}, element);
  SmallVector<AffineExpr> result = tfm::dimsOf(leading);
  result.push_back(a[a.size() - 2]);
  result.push_back(b.back());
  Value product = node_.create<tfm::MatmulOp>(node_.tensorType(result, element), reshape(lhs, a), reshape(rhs, b));
  if (vectorB)
    result.pop_back();
  if (vectorA)
    result.erase(result.end() - (vectorB ? 1 : 2));
  return reshape(product, result);
}

Value Maker::transpose(Value x, ArrayRef<int64_t> order) const {
  SmallVector<AffineExpr> from = dims(x), result;
  for (int64_t axis : order)
    result.push_back(from[axis]);
  return node_.create<tfm::TransposeOp>(node_.tensorType(result, type(x).getElementType()), x, order);
}

Value Maker::transposeLast(Value x) const {
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, type(x).getRank()));
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return transpose(x, order);
}

Value Maker::channelsLast(Value x) const {
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, type(x).getRank()));
  std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return transpose(x, order);
}

Value Maker::channelsFirst(Value x) const {
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, type(x).getRank()));
  std::rotate(order.begin() + 1, order.end() - 1, order.end());
  return transpose(x, order);
}

Value Maker::broadcast(Value x, Dims dims) const {
  RankedTensorType to = node_.tensorType(dims, type(x).getElementType());
  return to == x.getType() ? x : node_.create<tfm::BroadcastOp>(to, x);
}

Value Maker::slice(Value x, int64_t axis, AffineExpr begin, AffineExpr count, int64_t step) const {
  SmallVector<AffineExpr> result = dims(x);
  if (axis < 0)
    axis += static_cast<int64_t>(result.size());
  auto first = constantOf(begin), size = constantOf(count), extent = constantOf(result[axis]);
  if (first && size && extent && (*first < 0 || *size < 0 || *first + (*size - 1) * step >= *extent) && *size != 0)
    node_.fail("reaches past the end of one of its tensors; the model is damaged, export it again");
  if (count == result[axis] && step == 1)
    return x;
  result[axis] = count;
  return node_.create<tfm::SliceOp>(node_.tensorType(result, type(x).getElementType()), x, axis, tfm::symbolicMap(begin, node_.context()),
                                    step);
}

Value Maker::concat(ArrayRef<Value> values, int64_t axis) const {
  SmallVector<AffineExpr> result = dims(values.front());
  if (axis < 0)
    axis += static_cast<int64_t>(result.size());
  for (Value value : values.drop_front()) {
    SmallVector<AffineExpr> other = dims(value);
    bool fits = other.size() == result.size() && type(value).getElementType() == type(values.front()).getElementType();
    for (size_t i = 0; fits && i < other.size(); ++i)
      fits = static_cast<int64_t>(i) == axis || other[i] == result[i];
    if (!fits)
      node_.fail("puts tensors together whose shapes do not fit; the model is damaged, export it again");
    result[axis] = foldBinary(BinaryKind::add, result[axis], other[axis]);
  }
  return values.size() == 1
             ? values.front()
             : node_.create<tfm::ConcatOp>(node_.tensorType(result, type(values.front()).getElementType()), ValueRange(values), axis);
}

Value Maker::pad(Value x, int64_t axis, int64_t before, int64_t after, Value fill) const {
  SmallVector<Value> parts{x};
  SmallVector<AffineExpr> sizes = dims(x);
  auto add = [&](int64_t count, Value* place) {
    sizes[axis] = number(count);
    if (count != 0)
      parts.insert(place, broadcast(fill, sizes));
  };
  add(before, parts.begin());
  add(after, parts.end());
  return concat(parts, axis);
}

Value Maker::gather(Value x, Value indices, int64_t axis) const {
  SmallVector<AffineExpr> from = dims(x), inner = dims(indices), result(from.begin(), from.begin() + axis);
  result.append(inner);
  result.append(from.begin() + axis + 1, from.end());
  return node_.create<tfm::GatherOp>(node_.tensorType(result, type(x).getElementType()), x, indices, axis);
}

Value Maker::iota(AffineExpr count, AffineExpr start) const {
  RankedTensorType to = node_.tensorType(count, IntegerType::get(node_.context(), 64));
  return node_.create<tfm::IotaOp>(to, AffineMapAttr::get(tfm::symbolicMap(start, node_.context())), node_.builder().getI64IntegerAttr(1));
}

}  // namespace quantc::onnx_import
