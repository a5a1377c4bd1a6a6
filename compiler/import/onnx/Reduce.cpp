// Reductions and softmax.
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;

void importReduce(Node& node, tfm::ReduceKind kind) {
  RankedTensorType type = node.type(0);
  SmallVector<int64_t> axes = node.axes(1, type.getRank());
  if (axes.empty()) {
    if (node.attribute("noop_with_empty_axes", int64_t(0)))
      return importIdentity(node);
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
