// Convolutions along a sequence, and norms over all of it. ONNX has channels before positions, [1, channels, n]; tfm has rows of channels.
#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"
#include "dialects/tfm/Quotient.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

constexpr const char* kExport = "; export the model without it";

SmallVector<int64_t> attributeOr(Node& node, const char* name, ArrayRef<int64_t> absent) {
  SmallVector<int64_t> values = node.attributeInts(name).value_or(SmallVector<int64_t>(absent));
  if (values.size() != absent.size())
    node.fail(std::string("has ") + std::to_string(values.size()) + " " + name + ", expected " + std::to_string(absent.size()) + kExport);
  return values;
}

}  // namespace

bool isAlongSequence(Node& node) {
  RankedTensorType type = node.type(0), weight = node.type(1);
  if (type.getRank() != 3 || weight.getRank() != 3 || !weight.hasStaticShape() || weight.getNumElements() == 0)
    return false;
  const onnx::AttributeProto* automatic = node.find("auto_pad");
  bool padsItself = automatic && automatic->s() != "NOTSET" && automatic->s() != "VALID";
  SmallVector<int64_t> pads = attributeOr(node, "pads", {0, 0}), dilations = attributeOr(node, "dilations", {1});
  int64_t kernel = weight.getDimSize(2);
  return node.attribute("group", int64_t(1)) == 1 && dilations[0] == 1 && !padsItself && pads[0] < kernel && pads[1] < kernel &&
         tfm::dimsOf(type)[0] == constantExpr(1, node.context());
}

void importConv1d(Node& node) {
  Maker make(node);
  RankedTensorType type = node.type(0), weight = node.type(1);
  int64_t out = weight.getDimSize(0), channels = weight.getDimSize(1), kernel = weight.getDimSize(2);
  SmallVector<int64_t> pads = attributeOr(node, "pads", {0, 0}), strides = attributeOr(node, "strides", {1});
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  if (dims[1] != constantExpr(channels, node.context()) || strides[0] < 1 || pads[0] < 0 || pads[1] < 0)
    node.fail("has an input, kernel or padding that do not fit together; the model is damaged, export it again");
  AffineExpr rows = tfm::floorDivided(dims[2] + (pads[0] + pads[1] - kernel), strides[0]) + 1;
  Type element = type.getElementType();
  Value windows = node.create<tfm::WindowsOp>(node.tensorType({dims[0], rows, constantExpr(kernel * channels, node.context())}, element),
                                              make.channelsLast(node.value(0)), node.builder().getI64IntegerAttr(kernel),
                                              node.builder().getI64IntegerAttr(strides[0]), node.builder().getI64IntegerAttr(pads[0]),
                                              node.builder().getI64IntegerAttr(pads[1]));
  Value matrix =
      node.reshape(make.channelsLast(node.value(1)), {constantExpr(out, node.context()), constantExpr(kernel * channels, node.context())});
  RankedTensorType result = node.tensorType({dims[0], rows, constantExpr(out, node.context())}, element);
  Value product = node.create<tfm::LinearOp>(result, windows, matrix);
  if (node.has(2))
    product = node.create<tfm::BinaryOp>(result, tfm::BinaryKind::add, product, node.value(2));
  node.set(0, make.channelsFirst(product));
}

void importGlobalNormalization(Node& node) {
  RankedTensorType type = node.type(0);
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  auto one = constantExpr(1, node.context());
  // The order of elements does not matter: a reshape in front of it stands behind it instead.
  Value input = node.value(0);
  while (auto reshape = input.getDefiningOp<tfm::ReshapeOp>())
    input = reshape.getOperand();
  Value normed =
      node.create<tfm::GroupNormOp>(cast<RankedTensorType>(input.getType()), input,
                                    node.builder().getF32FloatAttr(node.attribute("epsilon", 1e-5f)), node.builder().getI64IntegerAttr(1));
  normed = node.reshape(normed, dims);
  SmallVector<AffineExpr> vector(type.getRank() - 1, one);
  Value scaled = node.create<tfm::BinaryOp>(type, tfm::BinaryKind::mul, normed, node.reshape(node.value(1), vector));
  node.set(0, node.create<tfm::BinaryOp>(type, tfm::BinaryKind::add, scaled, node.reshape(node.value(2), vector)));
}

}  // namespace quantc::onnx_import
