// Quantized tensors: a number is (code - zero point) * scale.
#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"
#include "compiler/import/onnx/QuantizedWeights.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;
using tfm::ReduceKind;
using tfm::UnaryKind;

namespace {

constexpr unsigned kWidestCode = 16;

/// What a type of codes holds.
struct Range {
  double least, most;
};

Range rangeOf(Type codes) {
  unsigned width = codes.getIntOrFloatBitWidth();
  auto count = static_cast<double>(int64_t{1} << width);
  return codes.isUnsignedInteger() ? Range{0, count - 1} : Range{-count / 2, count / 2 - 1};
}

/// What attribute `name` says, else `otherwise`.
Type elementBy(Node& node, const char* name, Type otherwise) {
  int64_t given = node.attribute(name, int64_t(0));
  return given == 0 ? otherwise : elementOf(given, node.context());
}

/// Scales or zero points of a tensor [dims...] in a shape that broadcasts to it: one for all, one for each index of the axis, or one for each block
/// along it.
Value spread(Node& node, Value value, ArrayRef<AffineExpr> dims) {
  Maker make(node);
  SmallVector<AffineExpr> own = make.dims(value);
  auto rank = static_cast<int64_t>(dims.size()), block = node.attribute("block_size", int64_t(0));
  if (own.empty() || (own.size() == 1 && constantOf(own[0]) == 1))
    return make.reshape(value, {});
  int64_t axis = node.axis(node.attribute("axis", int64_t(1)), rank);
  if (block == 0) {
    if (own.size() != 1 || own[0] != dims[axis])
      node.fail("has scales or zero points that are neither one number nor one for each index of axis " + std::to_string(axis) +
                "; the model is damaged, export it again");
    SmallVector<AffineExpr> line(rank, make.number(1));
    line[axis] = own[0];
    return make.reshape(value, line);
  }
  auto extent = constantOf(dims[axis]);
  if (extent)
    block = std::min(block, std::max<int64_t>(*extent, 1));  // the same, and no size that only a number in the file asks for
  auto blocks = own.size() == dims.size() ? constantOf(own[axis]) : std::nullopt;
  bool fits = block > 0 && extent && blocks && *blocks == (*extent + block - 1) / block;
  for (int64_t i = 0; fits && i < rank; ++i)
    fits = i == axis || own[i] == dims[i];
  if (!fits)
    node.fail("has scales or zero points that are not one for each block of " + std::to_string(block) + " along axis " +
              std::to_string(axis) + "; the model is damaged, export it again");
  SmallVector<AffineExpr> apart(own), repeated(own), joined(own);
  apart.insert(apart.begin() + axis + 1, make.number(1));
  repeated.insert(repeated.begin() + axis + 1, make.number(block));
  joined[axis] = make.number(*blocks * block);
  Value all = make.reshape(make.broadcast(make.reshape(value, apart), repeated), joined);
  return make.slice(all, axis, 0, *extent);
}

/// The codes of `x`: rounded to nearest, ties to even, then saturated.
Value encode(const Maker& make, Value x, Value scale, Value zero, Type codes) {
  Value rounded = make.unary(UnaryKind::round, make.div(x, scale));
  if (zero)
    rounded = make.add(rounded, zero);
  auto [least, most] = rangeOf(codes);
  return make.cast(make.binary(BinaryKind::min, make.binary(BinaryKind::max, rounded, least), most), codes);
}

Type checkedCodes(Node& node, Type codes) {
  if (!isa_and_nonnull<IntegerType>(codes) || codes.getIntOrFloatBitWidth() == 1 || codes.getIntOrFloatBitWidth() > kWidestCode)
    node.fail("makes codes that are no integers of 2 to 16 bits, which is not supported; quantize to int8, uint8, int4 or uint4");
  return codes;
}

}  // namespace

void importQuantizeLinear(Node& node) {
  Maker make(node);
  Type usual = node.has(2) ? node.type(2).getElementType() : Type(IntegerType::get(node.context(), 8, IntegerType::Unsigned));
  Type codes = checkedCodes(node, elementBy(node, "output_dtype", usual));
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0));
  Value x = make.toFloat(node.value(0)), scale = spread(node, make.toFloat(node.value(1)), dims);
  Value zero = node.has(2) ? spread(node, make.toFloat(node.value(2)), dims) : Value();
  node.set(0, encode(make, x, scale, zero, codes));
}

void importDequantizeLinear(Node& node) {
  Maker make(node);
  auto codes = dyn_cast<IntegerType>(node.type(0).getElementType());
  Type element = elementBy(node, "output_dtype", node.type(1).getElementType());
  if (!codes || codes.getWidth() == 1 || !isa_and_nonnull<FloatType>(element))
    node.fail("takes codes that are no integers, which is not supported; quantize to int8, uint8, int4 or uint4");
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0));
  // A constant of several elements stays as the file holds it; a single one folds. Wide codes are subtracted as integers, unless there is nothing to
  // subtract.
  auto zero = node.has(2) ? constantOf(node.knownScalar(2)) : 0;
  const bool several = !node.type(0).hasStaticShape() || node.type(0).getNumElements() > 1;
  if (several && (codes.getWidth() <= kWidestCode || zero == 0)) {
    if (Value weight = dequantizedConstant(node, 0, 1, 2, node.attribute("axis", int64_t(1)), node.attribute("block_size", int64_t(0))))
      return node.set(0, make.cast(weight, element));
    if (Value rows = dequantizedLookup(node, 0, 1, 2))
      return node.set(0, make.cast(rows, element));
  }
  const Unrounded* source = node.unrounded(0);
  if (source && node.has(2) && source->zeros == node.inputName(2) && node.value(1) == source->scale)
    return node.set(0, make.cast(source->real, element));
  Value x = node.value(0), scale = spread(node, make.toFloat(node.value(1)), dims);
  if (codes.getWidth() > kWidestCode) {  // beyond what floats hold exactly
    if (node.has(2))
      x = make.sub(x, spread(node, node.value(2), dims));
    x = make.toFloat(x);
  } else {
    x = make.toFloat(x);
    if (node.has(2))
      x = make.sub(x, spread(node, make.toFloat(node.value(2)), dims));
  }
  node.set(0, make.cast(make.mul(x, scale), element));
}

/// uint8 codes whose range is that of the values and 0.
void importDynamicQuantizeLinear(Node& node) {
  Maker make(node);
  Type codes = IntegerType::get(node.context(), 8, IntegerType::Unsigned);
  auto [least, most] = rangeOf(codes);
  Value x = node.value(0);
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, node.type(0).getRank()));
  Value largest = make.binary(BinaryKind::max, make.reduce(ReduceKind::max, x, axes, false), 0.0);
  Value smallest = make.binary(BinaryKind::min, make.reduce(ReduceKind::min, x, axes, false), 0.0);
  Value width = make.div(make.sub(largest, smallest), make.like(most - least, x));
  Value scale = make.select(make.binary(BinaryKind::equal, width, 0.0), make.like(1, x), width);  // all zeros
  Value start = make.sub(make.like(least, x), make.div(smallest, scale));
  Value zero = make.unary(UnaryKind::round, make.binary(BinaryKind::min, make.binary(BinaryKind::max, start, least), most));
  node.set(0, encode(make, x, scale, zero, codes));
  if (node.outputs() > 2)
    node.setUnrounded(0, {x, scale, node.outputName(2)});
  if (node.wants(1))
    node.set(1, scale);
  if (node.wants(2))
    node.set(2, make.cast(zero, codes));
}

namespace {

/// Codes less their zero points, as int32. Zero points of a vector are one for each row, or one for each column.
Value centered(Node& node, unsigned codes, unsigned zeros, bool rows) {
  Maker make(node);
  Type i32 = IntegerType::get(node.context(), 32);
  Value x = make.cast(node.value(codes), i32);
  if (!node.has(zeros))
    return x;
  Value zero = make.cast(node.value(zeros), i32);
  SmallVector<AffineExpr> dims = make.dims(zero);
  if (dims.size() == 1)
    zero = constantOf(dims[0]) == 1 ? make.reshape(zero, {}) : rows ? make.reshape(zero, {dims[0], make.number(1)}) : zero;
  return make.sub(x, zero);
}

/// A scale of one number, or of one for each row or column of a product.
Value scaleOf(Node& node, unsigned input, bool rows) {
  Maker make(node);
  Value scale = make.toFloat(node.value(input));
  SmallVector<AffineExpr> dims = make.dims(scale);
  if (dims.size() != 1)
    return scale;
  return constantOf(dims[0]) == 1 ? make.reshape(scale, {}) : rows ? make.reshape(scale, {dims[0], make.number(1)}) : scale;
}

/// The product of the floats that were quantized while the model runs, with the codes of a constant less their zero points. Null for other products.
/// The caller's rounding of activations is left out: those of a linear with such a weight are quantized as everywhere.
Value dynamicProduct(Node& node, unsigned input, unsigned inputZero, unsigned weight, unsigned weightZero) {
  const Unrounded* source = node.unrounded(input);
  if (!source || !node.has(inputZero) || source->zeros.empty() || source->zeros != node.inputName(inputZero))
    return {};
  Value codes = centeredConstant(node, weight, weightZero);
  return codes ? Maker(node).matmul(source->real, codes) : Value();
}

}  // namespace

void importMatMulInteger(Node& node) {
  Value product = dynamicProduct(node, 0, 2, 1, 3);
  node.set(0, Maker(node).matmul(centered(node, 0, 2, true), centered(node, 1, 3, false)));
  if (product)
    node.setUnrounded(0, {product, node.unrounded(0)->scale, ""});
}

bool castUnrounded(Node& node, Type element) {
  const Unrounded* source = node.unrounded(0);
  if (!source || !source->zeros.empty() || !element.isF32())
    return false;
  Unrounded unrounded = *source;
  node.set(0, Maker(node).div(unrounded.real, unrounded.scale));
  node.setUnrounded(0, unrounded);
  return true;
}

bool scaleUnrounded(Node& node) {
  for (unsigned i = 0; i < 2; ++i) {
    const Unrounded* source = node.type(i).getElementType().isF32() ? node.unrounded(i) : nullptr;
    auto factors = source ? node.value(1 - i).getDefiningOp<tfm::BinaryOp>() : tfm::BinaryOp();
    if (!factors || factors.getKind() != BinaryKind::mul || (factors.getLhs() != source->scale && factors.getRhs() != source->scale))
      continue;
    Value real = source->real, factor = factors.getLhs() == source->scale ? factors.getRhs() : factors.getLhs();
    node.set(0, Maker(node).mul(real, factor));
    return true;
  }
  return false;
}

/// com.microsoft: DynamicQuantizeLinear, MatMulInteger, the scales and a bias in one.
void importDynamicQuantizeMatMul(Node& node) {
  Maker make(node);
  Value codes = centeredConstant(node, 1, 3);
  if (!codes)
    node.fail("has a weight that is computed from the input; export the model with a constant one");
  Value product = make.mul(make.matmul(node.value(0), codes), scaleOf(node, 2, false));
  node.set(0, node.has(4) ? make.add(product, node.value(4)) : product);
}

/// com.microsoft: MatMulInteger, the scales and a bias in one.
void importMatMulIntegerToFloat(Node& node) {
  Maker make(node);
  Value product = dynamicProduct(node, 0, 4, 1, 5), scale = scaleOf(node, 3, false);
  if (product && node.value(2) == node.unrounded(0)->scale)
    product = make.mul(product, scale);
  else
    product = make.mul(make.toFloat(make.matmul(centered(node, 0, 4, true), centered(node, 1, 5, false))),
                       make.mul(scaleOf(node, 2, true), scale));
  node.set(0, make.cast(node.has(6) ? make.add(product, make.toFloat(node.value(6))) : product, node.type(2).getElementType()));
}

void importQLinearMatMul(Node& node) {
  Maker make(node);
  Type codes = checkedCodes(node, node.type(7).getElementType());
  Value weight = centeredConstant(node, 3, 5);  // then a linear, of numbers that float32 has exactly
  Value product = weight ? make.matmul(make.toFloat(centered(node, 0, 2, true)), weight)
                         : make.toFloat(make.matmul(centered(node, 0, 2, true), centered(node, 3, 5, false)));
  Value scale = make.div(make.mul(scaleOf(node, 1, true), scaleOf(node, 4, false)), scaleOf(node, 6, true));
  Value rounded = make.add(make.unary(UnaryKind::round, make.mul(product, scale)), scaleOf(node, 7, true));
  auto [least, most] = rangeOf(codes);
  node.set(0, make.cast(make.binary(BinaryKind::min, make.binary(BinaryKind::max, rounded, least), most), codes));
}

}  // namespace quantc::onnx_import
