// What no kernel is made for, by the generic kernels: elementwise operations, reductions, products of activations and lookups on tensors of any
// shape. Transposes, slices and broadcasts are views.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/fuse/ScalarRegion.h"
#include "passes/lower/CountedIndices.h"
#include "passes/lower/Lowering.h"
#include "llvm/ADT/TypeSwitch.h"

namespace quantc {

using namespace mlir;

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// Operations on integers that the kernel `strided` has.
bool isIntegerOp(StringRef name) {
  static constexpr const char* kNames[] = {"copy", "bool", "select", "less", "less_equal", "equal", "greater", "greater_equal",
                                           "neg",  "abs",  "relu",   "add",  "sub",        "mul",   "div",     "mod",
                                           "pow",  "max",  "min",    "and",  "or",         "xor",   "not"};
  return llvm::is_contained(kNames, name);
}

/// What integers of fewer bits wrap around at; nothing for 32 and more.
std::string wrapOf(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  if (!integer || integer.getWidth() == 1 || integer.getWidth() > 16)
    return "";
  return (integer.isUnsigned() ? "wrapu" : "wrap") + std::to_string(integer.getWidth());
}

}  // namespace

LogicalResult Lowering::lowerGeneric(Operation* op) {
  if (op->getNumResults() != 1 || !isa<RankedTensorType>(op->getResult(0).getType()) || !tfm::hasSymbolicShape(op->getResult(0).getType()))
    return failure();
  if (stridedConstant(op->getResult(0)))
    return success();
  if (auto iota = dyn_cast<tfm::IotaOp>(op))
    return lowerIota(iota);
  SmallVector<StridedTensor> in;
  if (!isa<tfm::FusedOp>(op) || !cast<tfm::FusedOp>(op).isLinear())
    for (Value operand : op->getOperands()) {
      std::optional<StridedTensor> tensor = stridedOf(operand);
      bool empty = isEmpty(tfm::dimsOf(typeOf(operand)));
      if (!tensor && !empty)
        return failure();
      if (!tensor)
        tensor = temporary("empty", heldAs(typeOf(operand).getElementType(), op->getContext()), tfm::dimsOf(typeOf(operand)));
      if (!tensor)
        return failure();
      in.push_back(*tensor);
    }
  Value result = op->getResult(0);
  SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(result));
  Location loc = op->getLoc();
  auto view = [&](const StridedTensor& tensor) {
    views[result] = tensor;
    return success();
  };
  if (auto gather = dyn_cast<tfm::GatherOp>(op))
    if (auto counted = countedIndices(gather.getIndices()))
      if (auto taken = takenAt(in[0], gather.getAxis(), *counted, in[1].extents))
        return view(*taken);
  return llvm::TypeSwitch<Operation*, LogicalResult>(op)
      .Case([&](tfm::TransposeOp transpose) { return view(transposed(in[0], transpose.getOrder())); })
      .Case([&](tfm::BroadcastOp) { return broadcastsTo(in[0].extents, dims) ? view(broadcast(in[0], dims)) : failure(); })
      .Case([&](tfm::SliceOp slice) {
        AffineExpr begin = slice.getBegin().getResult(0);
        return tfm::linearOf(begin) ? view(sliced(in[0], slice.getAxis(), begin, dims[slice.getAxis()], slice.getStep())) : failure();
      })
      .Case([&](tfm::ReshapeOp) -> LogicalResult {
        if (auto same = reshaped(in[0], dims))
          return view(*same);
        // Dimensions within one whose size depends on the step can still be joined and divided.
        std::optional<StridedTensor> dense = temporary("rows", in[0].element, in[0].extents);
        if (!dense || (!denseStrides(in[0].extents) && !reshaped(*dense, dims)) ||
            failed(callStrided(loc, "copy", "", nullptr, {in[0]}, *dense)))
          return failure();
        auto again = reshaped(*dense, dims);
        return again ? view(*again) : failure();
      })
      .Default([&](Operation*) -> LogicalResult {
        std::optional<StridedTensor> out = createStrided(result, op);
        if (!out)
          return failure();
        if (failed(lowerInto(op, in, *out))) {
          storages.erase(result);
          views.erase(result);
          return failure();
        }
        return success();
      });
}

LogicalResult Lowering::lowerInto(Operation* op, ArrayRef<StridedTensor> in, const StridedTensor& out) {
  Location loc = op->getLoc();
  Type element = typeOf(op->getResult(0)).getElementType();
  bool isFloat = out.element.isF32();
  auto elementwise = [&](StringRef name, StringRef type) {
    const std::string wrap = wrapOf(element);
    if (!isIntegerOp(name) || failed(callStrided(loc, name, type, nullptr, in, out)))
      return failure();
    // In place would share memory between input and output.
    if (wrap.empty() || name == "select")
      return success();
    std::optional<StridedTensor> whole = temporary("wide", out.element, out.extents);
    if (!whole || failed(callStrided(loc, "copy", "", nullptr, {out}, *whole)))
      return failure();
    return callStrided(loc, wrap, "i", nullptr, {*whole}, out);
  };
  return llvm::TypeSwitch<Operation*, LogicalResult>(op)
      .Case([&](tfm::UnaryOp unary) -> LogicalResult {
        if (!isFloat)
          return elementwise(tfm::stringifyUnaryKind(unary.getKind()), "i");
        return callProgram(loc, in, out, [&](OpBuilder& builder, ValueRange x) { return emitUnary(builder, loc, unary.getKind(), x[0]); });
      })
      .Case([&](tfm::BinaryOp binary) -> LogicalResult {
        StringRef name = tfm::stringifyBinaryKind(binary.getKind());
        bool floats = isa<FloatType>(typeOf(binary.getLhs()).getElementType());
        if (!isFloat)
          return elementwise(name, floats ? "f" : "i");
        return callProgram(loc, in, out,
                           [&](OpBuilder& builder, ValueRange x) { return emitBinary(builder, loc, binary.getKind(), x[0], x[1]); });
      })
      .Case([&](tfm::SelectOp) { return elementwise("select", isFloat ? "f" : "i"); })
      .Case([&](tfm::CastOp cast) {
        bool from = isa<FloatType>(typeOf(cast.getOperand()).getElementType());
        if (element.isInteger(1))
          return elementwise("bool", from ? "f" : "i");
        return elementwise("copy", from ? "f" : "i");
      })
      .Case([&](tfm::FusedOp fused) -> LogicalResult {
        if (fused.isLinear() || isa<tfm::QuantizedType>(element))
          return failure();
        return callStrided(loc, "program", "f", &fused.getBody(), in, out);
      })
      .Case([&](tfm::ReduceOp reduce) { return callReduce(loc, tfm::stringifyReduceKind(reduce.getKind()), in[0], reduce.getAxes(), out); })
      .Case([&](tfm::SoftmaxOp softmax) { return lowerSoftmax(softmax, in[0], out); })
      .Case<tfm::RmsNormOp, tfm::LayerNormOp>([&](auto norm) {
        return lowerNormInto(loc, in, isa<tfm::LayerNormOp>(norm.getOperation()), norm.getEpsilon().convertToFloat(), out);
      })
      .Case([&](tfm::MatmulOp) -> LogicalResult { return callContract(loc, in[0], in[1], out); })
      .Case([&](tfm::ConcatOp concat) -> LogicalResult {
        AffineExpr begin = kb.constantExpr(0);
        for (const StridedTensor& part : in) {
          AffineExpr count = part.extents[concat.getAxis()];
          if (!tfm::linearOf(begin) ||
              failed(callStrided(loc, "copy", "", nullptr, {part}, sliced(out, concat.getAxis(), begin, count, 1))))
            return failure();
          begin = begin + count;
        }
        return success();
      })
      .Case([&](tfm::PatchesOp patches) { return lowerPatches(patches, in[0], out); })
      .Case([&](tfm::EmbedOp) { return lowerGather(loc, in[1], in[0], 0, out); })
      .Case([&](tfm::GatherOp gather) { return lowerGather(loc, in[0], in[1], gather.getAxis(), out); })
      .Case([&](tfm::GatherElementsOp gather) { return callGatherElements(loc, in[0], in[1], gather.getAxis(), out); })
      .Default([](Operation*) { return failure(); });
}

LogicalResult Lowering::lowerSoftmax(tfm::SoftmaxOp op, const StridedTensor& x, const StridedTensor& out) {
  Location loc = op.getLoc();
  int64_t axis = op.getAxis();
  SmallVector<AffineExpr> one(out.extents);
  one[axis] = kb.constantExpr(1);
  auto largest = temporary("largest", f32(), one), sum = temporary("sum", f32(), one), powers = temporary("powers", f32(), out.extents);
  if (!largest || !sum || !powers || failed(callReduce(loc, "max", x, axis, *largest)))
    return failure();
  auto power = [&](OpBuilder& builder, ValueRange v) -> Value {
    return builder.create<math::ExpOp>(loc, builder.create<arith::SubFOp>(loc, v[0], v[1]));
  };
  auto share = [&](OpBuilder& builder, ValueRange v) -> Value { return builder.create<arith::DivFOp>(loc, v[0], v[1]); };
  if (failed(callProgram(loc, {x, *largest}, *powers, power)) || failed(callReduce(loc, "sum", *powers, axis, *sum)))
    return failure();
  return callProgram(loc, {*powers, *sum}, out, share);
}

LogicalResult Lowering::lowerNormInto(Location loc, ArrayRef<StridedTensor> in, bool centered, float epsilon, const StridedTensor& out) {
  int64_t axis = static_cast<int64_t>(out.rank()) - 1;
  SmallVector<AffineExpr> one(out.extents);
  one[axis] = kb.constantExpr(1);
  auto mean = temporary("mean", f32(), one), variance = temporary("variance", f32(), one),
       squares = temporary("squares", f32(), out.extents);
  std::optional<StridedTensor> x = in[0];
  if (!mean || !variance || !squares)
    return failure();
  if (centered) {
    x = temporary("centered", f32(), out.extents);
    auto minus = [&](OpBuilder& builder, ValueRange v) -> Value { return builder.create<arith::SubFOp>(loc, v[0], v[1]); };
    if (!x || failed(callReduce(loc, "mean", in[0], axis, *mean)) || failed(callProgram(loc, {in[0], *mean}, *x, minus)))
      return failure();
  }
  auto square = [&](OpBuilder& builder, ValueRange v) -> Value { return builder.create<arith::MulFOp>(loc, v[0], v[0]); };
  if (failed(callProgram(loc, {*x}, *squares, square)) || failed(callReduce(loc, "mean", *squares, axis, *variance)))
    return failure();
  SmallVector<StridedTensor> operands = {*x, *variance, in[1]};
  if (in.size() > 2)
    operands.push_back(in[2]);
  return callProgram(loc, operands, out, [&](OpBuilder& builder, ValueRange v) -> Value {
    Value shifted = builder.create<arith::AddFOp>(loc, v[1], builder.create<arith::ConstantOp>(loc, builder.getF32FloatAttr(epsilon)));
    Value scaled = builder.create<arith::DivFOp>(loc, v[0], builder.create<math::SqrtOp>(loc, shifted));
    Value weighted = builder.create<arith::MulFOp>(loc, scaled, v[2]);
    return v.size() > 3 ? builder.create<arith::AddFOp>(loc, weighted, v[3]).getResult() : weighted;
  });
}

LogicalResult Lowering::lowerGather(Location loc, const StridedTensor& x, const StridedTensor& indices, int64_t axis,
                                    const StridedTensor& out) {
  if (isEmpty(out.extents))
    return success();
  auto product = [&](ArrayRef<AffineExpr> dims) { return tfm::productOf(dims, loc.getContext()); };
  auto flatten = [&](StridedTensor tensor, SmallVector<AffineExpr> dims) -> std::optional<StridedTensor> {
    if (llvm::is_contained(dims, AffineExpr()))
      return std::nullopt;
    if (auto flat = reshaped(tensor, dims))
      return flat;
    auto dense = denseStrides(tensor.extents) ? temporary("rows", tensor.element, tensor.extents) : std::nullopt;
    if (!dense || failed(callStrided(loc, "copy", "", nullptr, {tensor}, *dense)))
      return std::nullopt;
    return reshaped(*dense, dims);
  };
  AffineExpr outer = product(ArrayRef(x.extents).take_front(axis)), inner = product(ArrayRef(x.extents).drop_front(axis + 1)),
             count = product(indices.extents);
  if (!outer || !inner || !count)
    return failure();
  auto table = flatten(x, {outer, x.extents[axis], inner}), places = flatten(indices, {count}),
       result = reshaped(out, {outer, count, inner});
  if (!table || !places || !result)
    return failure();
  for (StridedTensor* tensor : {&*table, &*places, &*result})
    preferDense(*tensor);
  return callGeneric(loc, "gather", {{"operands", formOf(*table) + formOf(*places) + formOf(*result)}}, nullptr, {*table, *places},
                     *result);
}

LogicalResult Lowering::lowerIota(tfm::IotaOp op) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(op.getResult()));
  AffineExpr start = op.getStart().getResult(0);
  int64_t step = op.getStep();
  const bool fixed = isa<AffineConstantExpr>(start);
  if (!fixed && dims.size() == 1 && isOne(dims[0]))
    step = 1;
  auto size = tfm::linearOf(start);
  if (dims.size() != 1 || !size || !tfm::linearOf(dims[0]) || (step != 1 && step != -1 && !fixed))
    return failure();
  // A window on the numbers from the first that any step begins with to the last that one ends with.
  constexpr int64_t kMostNumbers = 16384;
  const int64_t least = fixed ? size->constant : -kb.largest(start * -1), largest = fixed ? least : kb.largest(start);
  const int64_t first = step > 0 ? least : largest, count = largest - least + kb.largest(dims[0]);
  if (count < 1 || count > kMostNumbers)
    return failure();
  SmallVector<int32_t> numbers;
  for (int64_t i = 0; i < count; ++i)
    numbers.push_back(static_cast<int32_t>(first + i * step));
  auto type = RankedTensorType::get({count}, kb.builder().getI32Type());
  auto literal = tfm::LiteralAttr::get(op.getContext(), DenseElementsAttr::get(type, ArrayRef(numbers)));
  StridedTensor tensor{kb.plainConstant(literal, "constant").buffer, kb.builder().getI32Type()};
  tensor.extents = dims;
  tensor.strides = {1};
  if (!fixed)
    tensor.starts.push_back({simplifyAffineExpr((start - first) * step, 0, tfm::kSymbols), 1});
  views[op.getResult()] = tensor;
  return success();
}

Attribute Lowering::int32Literal(DenseIntElementsAttr values) {
  auto type = RankedTensorType::get(values.getType().getShape(), kb.builder().getI32Type());
  bool isUnsigned = values.getElementType().isInteger(1) || values.getElementType().isUnsignedInteger();
  SmallVector<int32_t> numbers;
  for (const APInt& value : values.getValues<APInt>()) {
    // Exporters write the largest int64 for "no end".
    int64_t wide = isUnsigned ? static_cast<int64_t>(value.getLimitedValue(INT32_MAX)) : value.getSExtValue();
    numbers.push_back(static_cast<int32_t>(std::clamp<int64_t>(wide, INT32_MIN, INT32_MAX)));
  }
  return tfm::LiteralAttr::get(values.getContext(), DenseElementsAttr::get(type, ArrayRef(numbers)));
}

}  // namespace quantc
