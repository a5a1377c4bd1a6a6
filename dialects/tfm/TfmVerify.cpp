// What operations and weight expressions must satisfy.
#include "dialects/tfm/Tfm.h"

#include "dialects/schemes/BlockFormat.h"
#include "dialects/schemes/Scheme.h"
#include "dialects/tfm/Quotient.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

namespace quantc::tfm {

using namespace mlir;

namespace {

constexpr int64_t kLargestLiteral = 64 * 1024;

RankedTensorType ranked(Value value) { return cast<RankedTensorType>(value.getType()); }

int64_t lastDim(Value value) {
  RankedTensorType type = ranked(value);
  return type.getRank() == 0 ? 1 : type.getShape().back();
}

/// Dimensions of the value without its last `count`.
SmallVector<AffineExpr> leadingDims(Value value, unsigned count = 1) {
  SmallVector<AffineExpr> dims = dimsOf(ranked(value));
  dims.truncate(dims.size() >= count ? dims.size() - count : 0);
  return dims;
}

bool isPermutation(ArrayRef<int64_t> order) {
  SmallVector<bool> seen(order.size(), false);
  for (int64_t i : order) {
    if (i < 0 || i >= static_cast<int64_t>(order.size()) || seen[i])
      return false;
    seen[i] = true;
  }
  return true;
}

LogicalResult checkLiteralSize(Operation* op, ShapedType type) {
  int64_t bytes = type.getNumElements() * ((type.getElementTypeBitWidth() + 7) / 8);
  if (bytes > kLargestLiteral)
    return op->emitOpError("holds ") << bytes << " bytes, at most " << kLargestLiteral << " are allowed; make it a weight of a file";
  return success();
}

constexpr int64_t kLargestWeight = int64_t{1} << 48;

/// Null when a size is negative or there are more elements than sizes in bytes can be computed of.
RankedTensorType weightType(ArrayRef<int64_t> shape, Type element) {
  int64_t count = 1;
  for (int64_t size : shape)
    if (size < 0 || size > kLargestWeight || llvm::MulOverflow(count, size, count) || count > kLargestWeight)
      return {};
  return RankedTensorType::get(shape, element);
}

RankedTensorType concatenatedType(ConcatenatedAttr concat) {
  RankedTensorType first;
  int64_t total = 0;
  for (Attribute inner : concat.getInners()) {
    RankedTensorType type = typeOfWeight(inner);
    if (!type || concat.getAxis() < 0 || concat.getAxis() >= type.getRank())
      return {};
    total += type.getDimSize(concat.getAxis());
    if (!first)
      first = type;
    SmallVector<int64_t> expected(first.getShape()), actual(type.getShape());
    if (expected.size() != actual.size() || first.getElementType() != type.getElementType())
      return {};
    expected[concat.getAxis()] = actual[concat.getAxis()] = 0;
    if (expected != actual)
      return {};
  }
  if (!first)
    return {};
  SmallVector<int64_t> shape(first.getShape());
  shape[concat.getAxis()] = total;
  return weightType(shape, first.getElementType());
}

/// One for all, one for every code, or one for every `block` codes along each dimension.
bool fitsCodes(RankedTensorType type, RankedTensorType codes, int64_t block) {
  if (!type || type.getRank() != codes.getRank())
    return false;
  for (auto [own, extent] : llvm::zip(type.getShape(), codes.getShape()))
    if (own != 1 && own != extent && own != extent / block + (extent % block != 0))
      return false;
  return true;
}

RankedTensorType dequantizedType(DequantizedAttr attr) {
  RankedTensorType codes = typeOfWeight(attr.getCodes()), scales = typeOfWeight(attr.getScales());
  RankedTensorType zeros = attr.getZeros() ? typeOfWeight(attr.getZeros()) : scales;
  bool fits = codes && isa<IntegerType>(codes.getElementType()) && attr.getBlock() >= 1 && fitsCodes(scales, codes, attr.getBlock()) &&
              isa<FloatType>(scales.getElementType()) && fitsCodes(zeros, codes, attr.getBlock()) &&
              (!attr.getZeros() || isa<IntegerType, FloatType>(zeros.getElementType()));
  return fits ? RankedTensorType::get(codes.getShape(), Float32Type::get(attr.getContext())) : RankedTensorType();
}

RankedTensorType unpackedType(UnpackedAttr attr) {
  RankedTensorType inner = typeOfWeight(attr.getInner());
  if (!inner || inner.getRank() == 0 || !inner.getElementType().isUnsignedInteger(8) || (attr.getBits() != 2 && attr.getBits() != 4))
    return {};
  SmallVector<int64_t> shape(inner.getShape());
  if (llvm::MulOverflow(shape.back(), int64_t{8 / attr.getBits()}, shape.back()))
    return {};
  return weightType(shape, IntegerType::get(attr.getContext(), attr.getBits(), IntegerType::Unsigned));
}

CodeRange rangeOf(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.getWidth() > 16)
    return {0, 0};
  int64_t count = int64_t{1} << integer.getWidth();
  return integer.isUnsigned() ? CodeRange{0, count - 1} : CodeRange{-count / 2, count / 2 - 1};
}

bool fitsBlocks(RankedTensorType type, StringAttr blocks) {
  const BlockFormat* format = findBlockFormat(blocks.str());
  return format && type.getElementType().isF32() && type.getRank() > 0 && type.getShape().back() % format->elements == 0;
}

}  // namespace

RankedTensorType typeOfWeight(Attribute expr) {
  return llvm::TypeSwitch<Attribute, RankedTensorType>(expr)
      .Case([](StoredAttr stored) {
        auto type = dyn_cast<RankedTensorType>(stored.getType());
        if (!type || !type.hasStaticShape() || (stored.getBlocks() && !fitsBlocks(type, stored.getBlocks())))
          return RankedTensorType();
        return weightType(type.getShape(), type.getElementType());
      })
      .Case([](PermutedAttr permuted) {
        RankedTensorType inner = typeOfWeight(permuted.getInner());
        if (!inner || static_cast<int64_t>(permuted.getOrder().size()) != inner.getRank() || !isPermutation(permuted.getOrder()))
          return RankedTensorType();
        SmallVector<int64_t> shape;
        for (int64_t i : permuted.getOrder())
          shape.push_back(inner.getDimSize(i));
        return RankedTensorType::get(shape, inner.getElementType());
      })
      .Case([](ReshapedAttr reshaped) {
        RankedTensorType inner = typeOfWeight(reshaped.getInner());
        RankedTensorType type = inner ? weightType(reshaped.getShape(), inner.getElementType()) : inner;
        return type && type.getNumElements() == inner.getNumElements() ? type : RankedTensorType();
      })
      .Case([](SlicedAttr sliced) {
        RankedTensorType inner = typeOfWeight(sliced.getInner());
        if (!inner || sliced.getAxis() < 0 || sliced.getAxis() >= inner.getRank() || sliced.getBegin() < 0 ||
            sliced.getEnd() < sliced.getBegin() || sliced.getEnd() > inner.getDimSize(sliced.getAxis()))
          return RankedTensorType();
        SmallVector<int64_t> shape(inner.getShape());
        shape[sliced.getAxis()] = sliced.getEnd() - sliced.getBegin();
        return RankedTensorType::get(shape, inner.getElementType());
      })
      .Case([](ConcatenatedAttr concat) { return concatenatedType(concat); })
      .Case([](UnpackedAttr unpacked) { return unpackedType(unpacked); })
      .Case([](DequantizedAttr dequantized) { return dequantizedType(dequantized); })
      .Case([](LiteralAttr literal) { return dyn_cast<RankedTensorType>(literal.getValues().getType()); })
      .Case([](RopeTableAttr table) {
        return weightType({table.getPositions(), table.getFrequencies().size()}, Float32Type::get(table.getContext()));
      })
      .Default([](Attribute) { return RankedTensorType(); });
}

CodeRange codeRangeOf(DequantizedAttr attr) {
  RankedTensorType type = typeOfWeight(attr.getCodes());
  CodeRange codes = type ? rangeOf(type.getElementType()) : CodeRange{0, 0}, zeros{0, 0};
  if (codes.least == codes.most || !attr.getZeros())
    return codes;
  auto literal = dyn_cast<LiteralAttr>(attr.getZeros());
  if (literal && literal.getValues().isSplat() && isa<IntegerType>(literal.getValues().getElementType())) {
    const APInt zero = literal.getValues().getSplatValue<APInt>();
    bool isUnsigned = literal.getValues().getElementType().isUnsignedInteger();
    zeros.least = zeros.most = isUnsigned ? static_cast<int64_t>(zero.getLimitedValue(INT32_MAX)) : zero.getSExtValue();
  } else if (RankedTensorType own = typeOfWeight(attr.getZeros())) {
    zeros = rangeOf(own.getElementType());
    if (zeros.least == zeros.most)
      return zeros;
  }
  return {codes.least - zeros.most, codes.most - zeros.least};
}

LogicalResult WeightOp::verify() {
  RankedTensorType type = typeOfWeight(getExpr());
  if (!type)
    return emitOpError("has an expression that does not fit together");
  // Floats may become float32 as they are read.
  RankedTensorType result = ranked(getResult());
  const bool widens = isa<FloatType>(type.getElementType()) && result.getElementType().isF32();
  if ((widens ? withElement(type, result.getElementType()) : type) != result)
    return emitOpError("has type ") << result << ", its expression gives " << type;
  return success();
}

LogicalResult ConstantOp::verify() {
  if (getValue().getShapedType() != getResult().getType())
    return emitOpError("has type ") << getResult().getType() << ", its value is " << getValue().getShapedType();
  return checkLiteralSize(*this, getValue().getShapedType());
}

LogicalResult BinaryOp::verify() {
  Type lhs = ranked(getLhs()).getElementType(), rhs = ranked(getRhs()).getElementType();
  if (lhs != rhs)
    return emitOpError("operands have elements ") << lhs << " and " << rhs << ", expected the same";
  return success();
}

LogicalResult ReshapeOp::verify() {
  AffineExpr from = productOf(dimsOf(ranked(getOperand())), getContext()), to = productOf(dimsOf(ranked(getResult())), getContext());
  if (from && to && simplifyAffineExpr(from - to, 0, kMostSymbols) != getAffineConstantExpr(0, getContext()))
    return emitOpError("changes the number of elements from ") << toString(from) << " to " << toString(to);
  return success();
}

LogicalResult TransposeOp::verify() {
  RankedTensorType from = ranked(getOperand()), to = ranked(getResult());
  if (!isPermutation(getOrder()) || static_cast<int64_t>(getOrder().size()) != from.getRank() || from.getRank() != to.getRank())
    return emitOpError("order is not a permutation of the operand's ") << from.getRank() << " dimensions";
  SmallVector<AffineExpr> dims = dimsOf(from), result = dimsOf(to);
  for (auto [i, source] : llvm::enumerate(getOrder()))
    if (result[i] != dims[source])
      return emitOpError("dimension ") << i << " is " << toString(result[i]) << ", expected " << toString(dims[source]);
  return success();
}

LogicalResult GatherElementsOp::verify() {
  const SmallVector<AffineExpr> operand = dimsOf(ranked(getOperand())), indices = dimsOf(ranked(getIndices()));
  const auto axis = static_cast<int64_t>(getAxis());
  if (axis < 0 || axis >= static_cast<int64_t>(operand.size()) || operand.size() != indices.size())
    return emitOpError("has axis ") << axis << " and operands of " << operand.size() << " and " << indices.size()
                                    << " dimensions, expected as many and one of them";
  for (auto [i, dim] : llvm::enumerate(operand))
    if (static_cast<int64_t>(i) != axis && dim != indices[i])
      return emitOpError("dimension ") << i << " of the indices is " << toString(indices[i]) << ", expected " << toString(dim);
  if (withElement(ranked(getIndices()), ranked(getOperand()).getElementType()) != ranked(getResult()))
    return emitOpError("has a result that is not shaped as the indices with elements of the operand");
  return success();
}

LogicalResult LinearOp::verify() {
  RankedTensorType weight = ranked(getWeight());
  if (weight.getRank() != 2 || !weight.hasStaticShape())
    return emitOpError("weight has type ") << weight << ", expected [out, in]";
  if (lastDim(getInput()) != weight.getDimSize(1))
    return emitOpError("input has ") << lastDim(getInput()) << " features, the weight takes " << weight.getDimSize(1);
  if (lastDim(getResult()) != weight.getDimSize(0) || leadingDims(getResult()) != leadingDims(getInput()))
    return emitOpError("result has type ") << ranked(getResult()) << ", expected the input's with " << weight.getDimSize(0) << " features";
  return success();
}

LogicalResult EmbedOp::verify() {
  RankedTensorType table = ranked(getTable());
  if (table.getRank() != 2 || !table.hasStaticShape() || lastDim(getResult()) != table.getDimSize(1) ||
      leadingDims(getResult()) != dimsOf(ranked(getIds())))
    return emitOpError("result has type ") << ranked(getResult()) << ", expected a row of " << table << " per id";
  return success();
}

LogicalResult RopeOp::verify() {
  if (getHeadDim() <= 0 || lastDim(getInput()) % getHeadDim() != 0)
    return emitOpError("input has ") << lastDim(getInput()) << " features, expected a multiple of head_dim " << getHeadDim();
  if (getRotaryDim() <= 0 || getRotaryDim() > getHeadDim() || static_cast<int64_t>(getInvFreq().size()) * 2 != getRotaryDim())
    return emitOpError("has rotary_dim ") << getRotaryDim() << " and " << getInvFreq().size()
                                          << " frequencies, expected half as many as rotary_dim";
  if (getInput().getType() != getResult().getType())
    return emitOpError("changes the type of its input");
  return success();
}

LogicalResult CacheAppendOp::verify() {
  if (lastDim(getInput()) != getHeads() * getHeadDim() || lastDim(getResult()) != lastDim(getInput()))
    return emitOpError("input has ") << lastDim(getInput()) << " features, expected heads * head_dim = " << getHeads() * getHeadDim();
  return success();
}

LogicalResult WindowsOp::verify() {
  SmallVector<AffineExpr> from = dimsOf(ranked(getInput())), to = dimsOf(ranked(getResult()));
  constexpr int64_t kLargest = int64_t{1} << 20;
  const int64_t kernel = getKernel(), stride = getStride(), before = getBefore(), after = getAfter();
  if (from.size() < 2 || to.size() != from.size() || kernel < 1 || stride < 1 || before < 0 || after < 0 || kernel > kLargest ||
      stride > kLargest || before >= kernel || after >= kernel)
    return emitOpError("has a kernel of ") << kernel << " rows with stride " << stride << " and padding " << before << ", " << after
                                           << ", expected padding below the kernel's size";
  AffineExpr rows = floorDivided(from[from.size() - 2] + (before + after - kernel), stride) + 1;
  if (to[to.size() - 2] != rows || to.back() != simplifyAffineExpr(from.back() * kernel, 0, kMostSymbols))
    return emitOpError("has result ") << ranked(getResult()) << ", expected " << toString(rows) << " windows of " << kernel << " rows";
  return success();
}

LogicalResult PatchesOp::verify() {
  SmallVector<AffineExpr> from = dimsOf(ranked(getInput())), to = dimsOf(ranked(getResult()));
  constexpr int64_t kLargest = int64_t{1} << 20;
  const size_t count = from.size() < 3 ? 0 : from.size() - 2;
  for (ArrayRef<int64_t> numbers : {getKernel(), getStrides(), getDilations(), getBefore(), getAfter()})
    if (count == 0 || to.size() != from.size() || numbers.size() != count)
      return emitOpError("has ") << numbers.size() << " numbers for " << ranked(getInput())
                                 << ", expected one for each dimension of positions";
  AffineExpr width = from.back();
  for (size_t i = 0; i < count; ++i) {
    const int64_t kernel = getKernel()[i], stride = getStrides()[i], dilation = getDilations()[i], before = getBefore()[i],
                  after = getAfter()[i];
    for (int64_t number : {kernel, stride, dilation, before + 1, after + 1})
      if (number < 1 || number > kLargest)
        return emitOpError("has ") << number << " as kernel, stride, dilation or padding, expected 1 to " << kLargest;
    auto extent = dyn_cast<AffineConstantExpr>(from[i + 1]);
    const int64_t added = before + after - (kernel - 1) * dilation - 1;
    AffineExpr places = floorDivided(from[i + 1] + added, stride) + 1;
    if ((extent && extent.getValue() + added < 0) || to[i + 1] != places)
      return emitOpError("has result ") << ranked(getResult()) << ", expected " << toString(places) << " places along dimension " << i + 1;
    width = width * kernel;
  }
  if (to.front() != from.front() || to.back() != simplifyAffineExpr(width, 0, kMostSymbols))
    return emitOpError("has result ") << ranked(getResult()) << ", expected the input's batch and rows of kernel elements * channels";
  return success();
}

LogicalResult GroupNormOp::verify() {
  if (getInput().getType() != getResult().getType() || !ranked(getInput()).getElementType().isF32())
    return emitOpError("goes from ") << getInput().getType() << " to " << getResult().getType() << ", expected one type of f32";
  const int64_t groups = getGroups();
  if (groups < 1 || (groups > 1 && (ranked(getInput()).getRank() < 2 || lastDim(getInput()) < groups || lastDim(getInput()) % groups != 0)))
    return emitOpError("has ") << groups << " groups of " << ranked(getInput()) << ", expected a divisor of the last dimension";
  return success();
}

LogicalResult SourceWriteOp::verify() {
  if (lastDim(getInput()) != static_cast<int64_t>(getHeads() * getHeadDim()))
    return emitOpError("input has ") << lastDim(getInput()) << " features, expected heads * head_dim = " << getHeads() * getHeadDim();
  return success();
}

LogicalResult SourceReadOp::verify() {
  SmallVector<AffineExpr> rows = leadingDims(getResult());
  if (rows.empty() || rows.back() != symbolExpr(Symbol::source, getContext()) ||
      lastDim(getResult()) != static_cast<int64_t>(getHeads() * getHeadDim()))
    return emitOpError("has type ") << ranked(getResult()) << ", expected source rows of heads * head_dim = " << getHeads() * getHeadDim();
  return success();
}

int64_t AttentionOp::getBiasBefore() {
  auto before = (*this)->getAttrOfType<IntegerAttr>("tfm.bias_before");
  return before ? before.getInt() : 0;
}

void AttentionOp::setBias(Attribute table, int64_t before) {
  (*this)->setAttr("tfm.bias", table);
  (*this)->setAttr("tfm.bias_before", Builder(getContext()).getI64IntegerAttr(before));
}

LogicalResult AttentionOp::verify() {
  if (getKvHeads() <= 0 || getHeads() % getKvHeads() != 0)
    return emitOpError("has ") << getHeads() << " heads over " << getKvHeads() << " KV heads, expected a multiple";
  if (lastDim(getQuery()) != getHeads() * getHeadDim())
    return emitOpError("query has ") << lastDim(getQuery()) << " features, expected heads * head_dim = " << getHeads() * getHeadDim();
  for (Value value : {getKey(), getValue()})
    if (lastDim(value) != getKvHeads() * getHeadDim())
      return emitOpError("key or value has ") << lastDim(value)
                                              << " features, expected kv_heads * head_dim = " << getKvHeads() * getHeadDim();
  if (Attribute bias = getBias()) {
    RankedTensorType type = typeOfWeight(bias);
    if (!type || type.getRank() != 2 || type.getDimSize(0) != static_cast<int64_t>(getHeads()) || getBiasBefore() < 0 ||
        getBiasBefore() >= type.getDimSize(1))
      return emitOpError("has a bias that is no weight [heads, distances] with a distance of 0 among them");
  }
  bool takesMask = getMaskKind() == MaskKind::tensor || getMaskKind() == MaskKind::padding;
  if (takesMask != static_cast<bool>(getMask()))
    return emitOpError("has mask_kind ") << stringifyMaskKind(getMaskKind()) << (getMask() ? " and" : " and no") << " mask operand";
  if (getMaskKind() == MaskKind::padding) {
    SmallVector<AffineExpr> keys = leadingDims(getKey()), mask = dimsOf(ranked(getMask()));
    if (!ranked(getMask()).getElementType().isInteger() || keys.empty() || mask.empty() || mask.back() != keys.back())
      return emitOpError("has padding ") << getMask().getType() << ", expected an integer for every row of the key";
  }
  if (!getSlopes().empty() && static_cast<int64_t>(getSlopes().size()) != static_cast<int64_t>(getHeads()))
    return emitOpError("has ") << getSlopes().size() << " slopes, expected one for each of " << getHeads() << " heads";
  if (!(getSoftcap().convertToFloat() >= 0) || !getSoftcap().isFinite())
    return emitOpError("has softcap ") << getSoftcap().convertToFloat() << ", expected a positive number, or 0 for none";
  return success();
}

LogicalResult TopKOp::verify() {
  int64_t count = lastDim(getInput()), k = getK();
  if (ShapedType::isDynamic(count) || k < 1 || k > count)
    return emitOpError("takes the largest ") << k << " of " << count << ", expected 1 to all of a constant number";
  bool types = ranked(getValues()).getElementType().isF32() && ranked(getIndices()).getElementType().isSignlessInteger(32);
  if (!types || lastDim(getValues()) != k || lastDim(getIndices()) != k || leadingDims(getValues()) != leadingDims(getInput()) ||
      leadingDims(getIndices()) != leadingDims(getInput()))
    return emitOpError("gives ") << getValues().getType() << " and " << getIndices().getType() << ", expected " << k
                                 << " f32 and i32 for every row of the input";
  return success();
}

LogicalResult ExpertLinearOp::verify() {
  RankedTensorType weight = ranked(getWeight());
  int64_t experts = getExperts();
  if (weight.getRank() != 2 || !weight.hasStaticShape() || experts < 1 || weight.getDimSize(0) % experts != 0)
    return emitOpError("weight has type ") << weight << ", expected [experts * out, in] with " << experts << " experts";
  if (lastDim(getInput()) != weight.getDimSize(1))
    return emitOpError("input has ") << lastDim(getInput()) << " features, the weight takes " << weight.getDimSize(1);
  SmallVector<AffineExpr> chosen = dimsOf(ranked(getIndices()));
  if (!ranked(getIndices()).getElementType().isSignlessInteger(32) || chosen.empty() || ShapedType::isDynamic(lastDim(getIndices())))
    return emitOpError("has indices ") << getIndices().getType() << ", expected i32 [..., k]";
  SmallVector<AffineExpr> tokens = leadingDims(getIndices()), rows = leadingDims(getInput());
  if ((rows != chosen && rows != tokens) || leadingDims(getResult()) != chosen || lastDim(getResult()) != weight.getDimSize(0) / experts)
    return emitOpError("goes from ") << getInput().getType() << " to " << getResult().getType() << ", expected one row of "
                                     << weight.getDimSize(0) / experts << " features per index";
  return success();
}

LogicalResult CombineOp::verify() {
  SmallVector<AffineExpr> rows = leadingDims(getInput());
  if (rows.empty() || dimsOf(ranked(getFactors())) != rows || ShapedType::isDynamic(lastDim(getFactors())) ||
      ArrayRef(leadingDims(getResult())) != ArrayRef(rows).drop_back() || lastDim(getResult()) != lastDim(getInput()))
    return emitOpError("goes from ") << getInput().getType() << " and " << getFactors().getType() << " to " << getResult().getType()
                                     << ", expected [..., k, width] and [..., k] to [..., width]";
  return success();
}

LogicalResult QuantizeOp::verify() {
  auto type = dyn_cast<QuantizedType>(ranked(getResult()).getElementType());
  if (!type || !isa<FloatType>(ranked(getInput()).getElementType()))
    return emitOpError("goes from ") << getInput().getType() << " to " << getResult().getType() << ", expected floats to !tfm.q elements";
  if (type.getScheme() != kActivationScheme && !findScheme(type.getScheme().str()))
    return emitOpError("names scheme '") << type.getScheme() << "', known are " << kActivationScheme << ", " << knownSchemes();
  return success();
}

LogicalResult DequantizeOp::verify() {
  if (!isa<QuantizedType>(ranked(getInput()).getElementType()) || !ranked(getResult()).getElementType().isF32())
    return emitOpError("goes from ") << getInput().getType() << " to " << getResult().getType() << ", expected !tfm.q elements to f32";
  return success();
}

LogicalResult FusedOp::verify() {
  if (getProducer() != "linear" && !isExperts() && !getProducer().empty())
    return emitOpError("names producer '") << getProducer() << "', known are 'linear' and 'experts'";
  if (getProducts() < 1 || getProducts() > 2)
    return emitOpError("has ") << static_cast<int64_t>(getProducts()) << " products, expected 1 or 2";
  if (getInputs().size() < productInputs())
    return emitOpError("has no input and weight for its linear");
  size_t expected = getInputs().size() - productInputs() + productArguments();
  if (getBody().getNumArguments() != expected)
    return emitOpError("region has ") << getBody().getNumArguments() << " arguments, expected " << expected;
  if (!isa<YieldOp>(getBody().front().back()))
    return emitOpError("region does not end with tfm.yield");
  return success();
}

}  // namespace quantc::tfm
