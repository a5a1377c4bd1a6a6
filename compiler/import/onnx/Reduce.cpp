// Reductions and softmax.
#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;

/// Reduces nothing, whatever keepdims says.
static void keepAsIs(Node& node) {
  node.attribute("keepdims", int64_t(1));
  importIdentity(node);
}

void importReduce(Node& node, tfm::ReduceKind kind) {
  RankedTensorType type = node.type(0);
  SmallVector<int64_t> axes = node.axes(1, type.getRank());
  if (axes.empty()) {
    if (node.attribute("noop_with_empty_axes", int64_t(0)))
      return keepAsIs(node);
    for (int64_t i = 0; i < type.getRank(); ++i)
      axes.push_back(i);
  }
  bool keep = node.attribute("keepdims", int64_t(1)) != 0;
  SmallVector<AffineExpr> dims = tfm::dimsOf(type), kept;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    bool reduced = llvm::is_contained(axes, i);
    if (!reduced || keep)
      kept.push_back(reduced ? constantExpr(1, node.context()) : dims[i]);
  }
  node.set(0, node.create<tfm::ReduceOp>(node.tensorType(kept, type.getElementType()), kind, node.value(0), axes, keep));
}

void importReduceProd(Node& node) {
  Maker make(node);
  RankedTensorType type = node.type(0);
  SmallVector<int64_t> axes = node.axes(1, type.getRank());
  if (axes.empty()) {
    if (node.attribute("noop_with_empty_axes", int64_t(0)))
      return keepAsIs(node);
    axes = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  }
  bool keep = node.attribute("keepdims", int64_t(1)) != 0;
  if (const Known* elements = node.known(0); elements && type.getRank() == 1) {  // the size of a shape
    AffineExpr product = make.number(1);
    for (AffineExpr element : *elements)
      product = product ? foldBinary(tfm::BinaryKind::mul, product, element) : product;
    if (product)
      return node.set(0, RankedTensorType::get(keep ? ArrayRef<int64_t>{1} : ArrayRef<int64_t>{}, type.getElementType()), {product});
  }
  Value x = node.value(0);
  for (int64_t axis : axes)
    x = make.product(x, axis);
  SmallVector<AffineExpr> dims = make.dims(x), kept;
  for (auto [i, dim] : llvm::enumerate(dims))
    if (keep || !llvm::is_contained(axes, static_cast<int64_t>(i)))
      kept.push_back(dim);
  node.set(0, make.reshape(x, kept));
}

/// Element i is the sum over all j of x(j) where j <= i, or < i, >= i, > i.
void importCumSum(Node& node) {
  RankedTensorType type = node.type(0);
  auto constant = constantOf(node.knownScalar(1));
  if (!constant)
    node.fail("has an axis that is computed from the input; export the model with a constant one");
  int64_t rank = type.getRank(), axis = node.axis(*constant, rank);
  bool exclusive = node.attribute("exclusive", int64_t(0)) != 0, reverse = node.attribute("reverse", int64_t(0)) != 0;
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  AffineExpr one = constantExpr(1, node.context()), zero = constantExpr(0, node.context()), length = dims[axis];
  Value numbers = node.create<tfm::IotaOp>(node.tensorType(length, IntegerType::get(node.context(), 64)),
                                           AffineMapAttr::get(tfm::symbolicMap(zero, node.context())), node.builder().getI64IntegerAttr(1));
  // [..., i, j, ...]
  SmallVector<AffineExpr> onlyOne(dims), pairs(dims), sums(dims.size() - axis + 1, one), terms(sums), condition(sums);
  onlyOne.insert(onlyOne.begin() + axis, one);
  pairs.insert(pairs.begin() + axis, length);
  sums[0] = terms[1] = condition[0] = condition[1] = length;
  auto kind = reverse ? (exclusive ? tfm::BinaryKind::greater : tfm::BinaryKind::greater_equal)
                      : (exclusive ? tfm::BinaryKind::less : tfm::BinaryKind::less_equal);
  Value counts = node.create<tfm::BinaryOp>(node.tensorType(condition, node.builder().getI1Type()), kind, node.reshape(numbers, terms),
                                            node.reshape(numbers, sums));
  Value chosen = node.create<tfm::SelectOp>(node.tensorType(pairs, type.getElementType()), counts, node.reshape(node.value(0), onlyOne),
                                            node.scalar(0, type.getElementType()));
  node.set(0, node.create<tfm::ReduceOp>(type, tfm::ReduceKind::sum, chosen, SmallVector<int64_t>{axis + 1}, false));
}

void importSoftmax(Node& node) {
  RankedTensorType type = node.type(0);
  int64_t rank = type.getRank(), axis = node.axis(node.attribute("axis", int64_t(node.opset() < 13 ? 1 : -1)), rank);
  if (node.opset() >= 13 || axis == rank - 1)
    return node.set(0, node.create<tfm::SoftmaxOp>(type, node.value(0), axis));
  // Before opset 13 everything from the axis on is one vector.
  SmallVector<AffineExpr> dims = tfm::dimsOf(type), flat(dims.begin(), dims.begin() + axis);
  AffineExpr inner = tfm::productOf(ArrayRef(dims).drop_front(axis), node.context());
  if (!inner)
    node.fail("joins two dynamic dimensions, which is not supported; export with opset 13 or newer");
  flat.push_back(inner);
  Value value = node.reshape(node.value(0), flat);
  node.set(0, node.reshape(node.create<tfm::SoftmaxOp>(cast<RankedTensorType>(value.getType()), value, axis), dims));
}

}  // namespace quantc::onnx_import
