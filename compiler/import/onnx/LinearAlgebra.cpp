// Matrix products.
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

Value matmul(Node& node, Value lhs, Value rhs) {
  auto left = cast<RankedTensorType>(lhs.getType()), right = cast<RankedTensorType>(rhs.getType());
  if (left.getRank() < 1 || right.getRank() < 1)
    node.fail("needs matrices; the model is damaged, export it again");
  SmallVector<AffineExpr> a = tfm::dimsOf(left), b = tfm::dimsOf(right);
  bool vectorA = a.size() == 1, vectorB = b.size() == 1;
  if (vectorA)
    a.insert(a.begin(), constantExpr(1, node.context()));
  if (vectorB)
    b.push_back(constantExpr(1, node.context()));
  if (a.back() != b[b.size() - 2])
    node.fail("multiplies matrices whose inner dimensions differ; the model is damaged, export it again");
  Type element = left.getElementType();
  RankedTensorType leading =
      node.broadcastType({node.tensorType(ArrayRef(a).drop_back(2), element), node.tensorType(ArrayRef(b).drop_back(2), element)}, element);
  SmallVector<AffineExpr> dims = tfm::dimsOf(leading);
  dims.push_back(a[a.size() - 2]);
  dims.push_back(b.back());
  Value product = node.create<tfm::MatmulOp>(node.tensorType(dims, element), node.reshape(lhs, a), node.reshape(rhs, b));
  if (vectorB)
    dims.pop_back();
  if (vectorA)
    dims.erase(dims.end() - (vectorB ? 1 : 2));
  return node.reshape(product, dims);
}

Value transposed(Node& node, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  return node.create<tfm::TransposeOp>(node.tensorType({dims[1], dims[0]}, type.getElementType()), value, ArrayRef<int64_t>{1, 0});
}

Value scaled(Node& node, Value value, float factor) {
  auto type = cast<RankedTensorType>(value.getType());
  return factor == 1 ? value : node.create<tfm::BinaryOp>(type, tfm::BinaryKind::mul, value, node.scalar(factor, type.getElementType()));
}

}  // namespace

void importMatMul(Node& node) { node.set(0, matmul(node, node.value(0), node.value(1))); }

void importGemm(Node& node) {
  if (node.type(0).getRank() != 2 || node.type(1).getRank() != 2)
    node.fail("needs matrices; the model is damaged, export it again");
  Value a = node.value(0), b = node.value(1);
  if (node.attribute("transA", int64_t(0)))
    a = transposed(node, a);
  if (node.attribute("transB", int64_t(0)))
    b = transposed(node, b);
  Value result = scaled(node, matmul(node, a, b), node.attribute("alpha", 1.0f));
  if (node.has(2)) {
    Value bias = scaled(node, node.value(2), node.attribute("beta", 1.0f));
    auto type = cast<RankedTensorType>(result.getType());
    result =
        node.create<tfm::BinaryOp>(node.broadcastType({type, node.type(2)}, type.getElementType()), tfm::BinaryKind::add, result, bias);
  }
  node.set(0, result);
}

}  // namespace quantc::onnx_import
