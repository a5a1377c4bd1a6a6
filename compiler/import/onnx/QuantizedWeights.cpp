#include "compiler/import/onnx/QuantizedWeights.h"

#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"
#include "compiler/weights/FloatConversion.h"
#include "mlir/IR/IRMapping.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

Attribute reshaped(Attribute expr, ArrayRef<int64_t> shape) {
  return tfm::typeOfWeight(expr).getShape() == shape ? expr : Attribute(tfm::ReshapedAttr::get(expr.getContext(), expr, shape));
}

/// A tensor [1, 1, ...] of one number.
Attribute splat(Type element, int64_t rank, int64_t value) {
  auto type = RankedTensorType::get(SmallVector<int64_t>(rank, 1), element);
  const APInt number(element.getIntOrFloatBitWidth(), static_cast<uint64_t>(value), true);
  return tfm::LiteralAttr::get(element.getContext(), DenseElementsAttr::get(type, number));
}

/// The only value of all elements of a stored tensor of integers.
std::optional<int64_t> onlyValue(const StoredTensor* tensor, Type element) {
  if (!tensor || !isa<IntegerType>(element) || tensor->elements() == 0)
    return std::nullopt;
  const int64_t first = integerAt(tensor->type, tensor->data, 0);
  for (int64_t i = 1; i < tensor->elements(); ++i)
    if (integerAt(tensor->type, tensor->data, i) != first)
      return std::nullopt;
  return first;
}

}  // namespace

Value createWeight(Node& node, const QuantizedWeight& weight) {
  auto attr = tfm::DequantizedAttr::get(node.context(), weight.codes, weight.scales, weight.zeros, weight.block);
  RankedTensorType type = tfm::typeOfWeight(attr);
  if (!type)
    node.fail("has scales or zero points that do not fit its codes; the model is damaged, export it again");
  return node.create<tfm::WeightOp>(type, attr);
}

Value centeredConstant(Node& node, unsigned codes, unsigned zeros, int64_t axis) {
  QuantizedWeight weight;
  RankedTensorType type = node.type(codes);
  const int64_t rank = type.getRank();
  weight.codes = node.weightExpr(codes);
  if (!weight.codes || rank < 2)
    return {};
  auto one = RankedTensorType::get(SmallVector<int64_t>(rank, 1), Float32Type::get(node.context()));
  weight.scales = tfm::LiteralAttr::get(node.context(), DenseElementsAttr::get(one, 1.0f));
  if (node.has(zeros)) {
    Attribute given = node.weightExpr(zeros);
    if (!given)
      return {};
    Type element = node.type(zeros).getElementType();
    if (auto only = onlyValue(node.storedInput(zeros), element)) {
      weight.zeros = *only == 0 ? Attribute() : splat(element, rank, *only);
    } else {
      const int64_t at = axis < 0 ? axis + rank : axis;
      SmallVector<int64_t> shape(rank, 1);
      shape[at] = tfm::typeOfWeight(given).getNumElements();
      if (shape[at] != type.getDimSize(at) && shape[at] != 1)
        return {};
      weight.zeros = reshaped(given, shape);
    }
  }
  return createWeight(node, weight);
}

Value dequantizedConstant(Node& node, unsigned codes, unsigned scales, unsigned zeros, int64_t axis, int64_t block) {
  QuantizedWeight weight;
  RankedTensorType type = node.type(codes);
  weight.codes = node.weightExpr(codes);
  weight.scales = node.weightExpr(scales);
  const bool hasZeros = node.has(zeros);
  weight.zeros = hasZeros ? node.weightExpr(zeros) : Attribute();
  if (!weight.codes || !weight.scales || (hasZeros && !weight.zeros))
    return {};
  weight.block = std::max<int64_t>(block, 1);
  const int64_t rank = type.getRank();
  auto shaped = [&](Attribute expr) -> Attribute {
    RankedTensorType own = tfm::typeOfWeight(expr);
    SmallVector<int64_t> shape(rank, 1);
    if (own.getNumElements() == 1)
      return reshaped(expr, shape);
    if (block > 0)
      return expr;
    const int64_t at = node.axis(axis, rank);
    if (own.getRank() != 1 || own.getDimSize(0) != type.getDimSize(at))
      node.fail("has scales or zero points that are neither one number nor one for each index of axis " + std::to_string(at) +
                "; the model is damaged, export it again");
    shape[at] = own.getDimSize(0);
    return reshaped(expr, shape);
  };
  weight.scales = shaped(weight.scales);
  if (auto only = hasZeros ? onlyValue(node.storedInput(zeros), node.type(zeros).getElementType()) : std::nullopt)
    weight.zeros = *only == 0 ? Attribute() : splat(node.type(zeros).getElementType(), rank, *only);
  else if (hasZeros)
    weight.zeros = shaped(weight.zeros);
  return createWeight(node, weight);
}

Value dequantizedLookup(Node& node, unsigned codes, unsigned scales, unsigned zeros) {
  Value looked = node.value(codes);
  SmallVector<Operation*> views;  // behind the lookup, the last first
  while (Operation* view = isa_and_nonnull<tfm::TransposeOp, tfm::ReshapeOp>(looked.getDefiningOp()) ? looked.getDefiningOp() : nullptr) {
    views.push_back(view);
    looked = view->getOperand(0);
  }
  auto lookup = looked.getDefiningOp<tfm::GatherOp>();
  QuantizedWeight weight;
  weight.codes = lookup ? exprOf(lookup.getOperand()) : Attribute();
  weight.scales = weight.codes ? node.weightExpr(scales) : Attribute();
  const bool hasZeros = node.has(zeros);
  auto isOne = [](Attribute expr) { return expr && tfm::typeOfWeight(expr).getNumElements() == 1; };
  const auto zero = hasZeros ? constantOf(node.knownScalar(zeros)) : std::optional<int64_t>(0);
  if (!isOne(weight.scales) || !zero)
    return {};
  const int64_t rank = tfm::typeOfWeight(weight.codes).getRank();
  weight.scales = reshaped(weight.scales, SmallVector<int64_t>(rank, 1));
  if (*zero != 0)
    weight.zeros = splat(node.type(zeros).getElementType(), rank, *zero);
  Value rows = Maker(node).gather(createWeight(node, weight), lookup.getIndices(), lookup.getAxis());
  for (Operation* view : llvm::reverse(views)) {
    IRMapping operand;
    operand.map(view->getOperand(0), rows);
    rows = node.builder().clone(*view, operand)->getResult(0);
    rows.setType(tfm::withElement(cast<RankedTensorType>(rows.getType()), node.builder().getF32Type()));
  }
  return rows;
}

/// com.microsoft: a product with a weight [N, blocks, bytes] of several codes to a byte.
void importMatMulNBits(Node& node) {
  Maker make(node);
  const int64_t k = node.attribute("K", int64_t(0)), n = node.attribute("N", int64_t(0)), bits = node.attribute("bits", int64_t(4)),
                block = node.attribute("block_size", int64_t(0));
  constexpr int64_t kMost = int64_t{1} << 31;
  if (bits != 2 && bits != 4 && bits != 8)
    node.fail("has codes of " + std::to_string(bits) + " bits, supported are 2, 4 and 8; quantize it again");
  if (k < 1 || n < 1 || k > kMost || n > kMost || block < 16 || block > kMost || (block & (block - 1)) != 0)
    node.fail("has a weight of " + std::to_string(n) + " rows of " + std::to_string(k) + " in blocks of " + std::to_string(block) +
              "; the model is damaged, export it again");
  const int64_t blocks = (k + block - 1) / block, perByte = 8 / bits, padded = blocks * block;
  if (int64_t codes = 0; llvm::MulOverflow(n, padded, codes))
    node.fail("has a weight of more elements than a file can hold; the model is damaged, export it again");
  MLIRContext* context = node.context();
  QuantizedWeight weight;
  weight.block = block;
  weight.codes = node.weightExpr(1);
  weight.scales = node.weightExpr(2);
  if (!weight.codes || !weight.scales)
    node.fail("has a weight that is computed from the input; export the model with a constant one");
  auto isOf = [](Attribute expr, int64_t count) { return tfm::typeOfWeight(expr).getNumElements() == count; };
  auto isBytes = [](Attribute expr) { return tfm::typeOfWeight(expr).getElementType().isUnsignedInteger(8); };
  if (!isBytes(weight.codes) || !isOf(weight.codes, n * padded / perByte) || !isOf(weight.scales, n * blocks))
    node.fail("has a weight or scales that are not of " + std::to_string(n) + " rows in " + std::to_string(blocks) +
              " blocks; the model is damaged, export it again");
  auto unpacked = [&](Attribute bytes) -> Attribute {
    return bits == 8 ? bytes : Attribute(tfm::UnpackedAttr::get(context, bytes, static_cast<unsigned>(bits)));
  };
  auto firstColumns = [&](Attribute expr, int64_t count) -> Attribute {
    return tfm::typeOfWeight(expr).getDimSize(1) == count ? expr : Attribute(tfm::SlicedAttr::get(context, expr, 1, 0, count));
  };
  weight.codes = firstColumns(unpacked(reshaped(weight.codes, {n, padded / perByte})), k);
  weight.scales = reshaped(weight.scales, {n, blocks});
  Type element = IntegerType::get(context, static_cast<unsigned>(bits), IntegerType::Unsigned);
  weight.zeros = splat(element, 2, int64_t{1} << (bits - 1));
  if (node.has(3)) {
    Attribute zeros = node.weightExpr(3);
    if (!zeros)
      node.fail("has zero points that are computed from the input; export the model with constant ones");
    const int64_t rowBytes = (blocks + perByte - 1) / perByte;
    if (isBytes(zeros) && isOf(zeros, n * rowBytes))
      zeros = firstColumns(unpacked(reshaped(zeros, {n, rowBytes})), blocks);
    else if (isa<FloatType>(tfm::typeOfWeight(zeros).getElementType()) && isOf(zeros, n * blocks))
      zeros = reshaped(zeros, {n, blocks});
    else
      node.fail("has zero points that are not one for each block; the model is damaged, export it again");
    const StoredTensor* stored = node.storedInput(3);
    bool usual = stored && isBytes(zeros) == (bits == 8) && !isa<FloatType>(tfm::typeOfWeight(zeros).getElementType());
    for (int64_t row = 0; usual && row < n; ++row)
      for (int64_t b = 0; usual && b < blocks; ++b)
        usual = (stored->data[row * rowBytes + b / perByte] >> (b % perByte * bits) & ((1 << bits) - 1)) == 1 << (bits - 1);
    if (!usual)
      weight.zeros = zeros;
  }
  if (node.has(4)) {
    const StoredTensor* order = node.storedInput(4);
    bool inOrder = order && order->elements() >= k;
    for (int64_t i = 0; inOrder && i < k; ++i)
      inOrder = integerAt(order->type, order->data, i) == i / block;
    if (!inOrder)
      node.fail("has a g_idx that takes columns out of their order, which is not supported; quantize it without reordering");
  }
  Value product = make.matmul(make.toFloat(node.value(0)), make.transposeLast(createWeight(node, weight)));
  if (node.has(5))
    product = make.add(product, make.toFloat(node.value(5)));
  node.set(0, make.cast(product, node.type(0).getElementType()));
}

/// com.microsoft: Gather from a constant that is held in blocks of codes.
void importGatherBlockQuantized(Node& node) {
  Maker make(node);
  MLIRContext* context = node.context();
  const int64_t bits = node.attribute("bits", int64_t(4)), block = node.attribute("block_size", int64_t(128));
  QuantizedWeight weight;
  weight.codes = node.weightExpr(0);
  weight.scales = node.weightExpr(2);
  weight.zeros = node.has(3) ? node.weightExpr(3) : Attribute();
  if (!weight.codes || !weight.scales || (node.has(3) && !weight.zeros))
    node.fail("has a table that is computed from the input; export the model with a constant one");
  const int64_t rank = node.type(0).getRank(), axis = node.axis(node.attribute("gather_axis", int64_t(0)), rank),
                along = node.axis(node.attribute("quantize_axis", int64_t(1)), rank);
  if (block < 16 || block > int64_t{1} << 31 || (block & (block - 1)) != 0)
    node.fail("has blocks of " + std::to_string(block) + ", expected a power of two from 16 on; the model is damaged, export it again");
  weight.block = block;
  // Bytes hold codes as MatMulNBits has them, with its zero point.
  if (node.type(0).getElementType().isUnsignedInteger(8)) {
    if (bits != 2 && bits != 4 && bits != 8)
      node.fail("has codes of " + std::to_string(bits) + " bits, supported are 2, 4 and 8; quantize it again");
    if (along != rank - 1)
      node.fail("has bytes of several codes along another axis than the last; quantize along the last one");
    Type element = IntegerType::get(context, static_cast<unsigned>(bits), IntegerType::Unsigned);
    auto unpacked = [&](Attribute bytes) -> Attribute {
      return bits == 8 ? bytes : Attribute(tfm::UnpackedAttr::get(context, bytes, static_cast<unsigned>(bits)));
    };
    weight.codes = unpacked(weight.codes);
    if (weight.zeros) {
      weight.zeros = unpacked(weight.zeros);
      RankedTensorType own = tfm::typeOfWeight(weight.zeros);
      int64_t blocks = tfm::typeOfWeight(weight.scales).getRank() == rank ? tfm::typeOfWeight(weight.scales).getDimSize(along) : 0;
      if (own && own.getRank() == rank && own.getDimSize(along) > blocks)
        weight.zeros = tfm::SlicedAttr::get(context, weight.zeros, along, 0, blocks);
    } else {
      weight.zeros = splat(element, rank, int64_t{1} << (bits - 1));
    }
  }
  Value table = createWeight(node, weight);
  node.set(0, make.cast(make.gather(table, node.value(1), axis), node.type(2).getElementType()));
}

}  // namespace quantc::onnx_import
