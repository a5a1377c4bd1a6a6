// Matrix products.
#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

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

void importMatMul(Node& node) { node.set(0, Maker(node).matmul(node.value(0), node.value(1))); }

void importGemm(Node& node) {
  if (node.type(0).getRank() != 2 || node.type(1).getRank() != 2)
    node.fail("needs matrices; the model is damaged, export it again");
  Value a = node.value(0), b = node.value(1);
  if (node.attribute("transA", int64_t(0)))
    a = transposed(node, a);
  if (node.attribute("transB", int64_t(0)))
    b = transposed(node, b);
  Value result = scaled(node, Maker(node).matmul(a, b), node.attribute("alpha", 1.0f));
  if (node.has(2)) {
    Value bias = scaled(node, node.value(2), node.attribute("beta", 1.0f));
    auto type = cast<RankedTensorType>(result.getType());
    result =
        node.create<tfm::BinaryOp>(node.broadcastType({type, node.type(2)}, type.getElementType()), tfm::BinaryKind::add, result, bias);
  }
  node.set(0, result);
}

/// com.microsoft: alpha * products, of operands whose first dimension may go behind the others but the last, and whose last two may change places.
void importFusedMatMul(Node& node) {
  Maker make(node);
  auto operand = [&](unsigned input, const char* transposesBatch, const char* transposes) {
    Value x = node.value(input);
    const int64_t rank = make.type(x).getRank();
    if (node.attribute(transposesBatch, int64_t(0)) && rank > 2) {
      SmallVector<int64_t> order;
      for (int64_t i = 1; i < rank - 1; ++i)
        order.push_back(i);
      order.append({0, rank - 1});
      x = make.transpose(x, order);
    }
    return node.attribute(transposes, int64_t(0)) && rank > 1 ? make.transposeLast(x) : x;
  };
  Value product = make.matmul(operand(0, "transBatchA", "transA"), operand(1, "transBatchB", "transB"));
  node.set(0, make.mul(product, node.attribute("alpha", 1.0f)));
}

void importGemmFastGelu(Node& node) {
  Maker make(node);
  Value product = make.matmul(node.value(0), node.value(1));
  node.set(0, make.unary(tfm::UnaryKind::gelu_tanh, node.has(2) ? make.add(product, node.value(2)) : product));
}

void importBiasGelu(Node& node) {
  Maker make(node);
  node.set(0, make.unary(tfm::UnaryKind::gelu, make.add(node.value(0), node.value(1))));
}

}  // namespace quantc::onnx_import
