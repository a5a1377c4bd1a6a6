// What no kernel is made for, by the generic kernels: elementwise operations, reductions, products of activations and lookups on tensors of any
// shape. Transposes, slices and broadcasts are views.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "passes/fuse/ScalarRegion.h"
#include "passes/lower/Lowering.h"
#include "llvm/ADT/TypeSwitch.h"

namespace quantc {

using namespace mlir;

namespace {

constexpr size_t kMostRank = 6;       // kMaxDimensions of the runtime
constexpr size_t kMostOperands = 15;  // kMaxArguments, less the result

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// What the artifact computes with: float32 for floats, int32 for integers and booleans.
Type heldAs(Type element, MLIRContext* context) {
  if (isa<FloatType>(element))
    return Float32Type::get(context);
  return isa<IntegerType>(element) ? Type(IntegerType::get(context, 32)) : Type();
}

bool isEmpty(ArrayRef<AffineExpr> extents) {
  return llvm::any_of(extents, [](AffineExpr extent) {
    auto constant = dyn_cast<AffineConstantExpr>(extent);
    return constant && constant.getValue() == 0;
  });
}

bool isOne(AffineExpr extent) {
  auto constant = dyn_cast<AffineConstantExpr>(extent);
  return constant && constant.getValue() == 1;
}

bool broadcastsTo(ArrayRef<AffineExpr> from, ArrayRef<AffineExpr> to) {
  if (from.size() > to.size())
    return false;
  for (auto [own, wanted] : llvm::zip(from, to.take_back(from.size())))
    if (own != wanted && !isOne(own))
      return false;
  return true;
}

/// An extent of one can have any stride: that of dense arrays suits kernels best.
void preferDense(StridedTensor& tensor) {
  if (isOne(tensor.extents.back()))
    tensor.strides.back() = 1;
}

SmallVector<StridedTensor*> pointersTo(MutableArrayRef<StridedTensor> tensors) {
  SmallVector<StridedTensor*> pointers;
  for (StridedTensor& tensor : tensors)
    pointers.push_back(&tensor);
  return pointers;
}

/// Operations on integers that the kernel `strided` has.
bool isIntegerOp(StringRef name) {
  static constexpr const char* kNames[] = {"copy", "bool", "select", "less", "less_equal", "equal", "greater", "greater_equal",
                                           "neg",  "abs",  "relu",   "add",  "sub",        "mul",   "div",     "mod",
                                           "pow",  "max",  "min",    "and",  "or",         "xor",   "not"};
  return llvm::is_contained(kNames, name);
}

/// What integers of fewer bits wrap around at; nullptr for 32 and more.
const char* wrapOf(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  if (!integer || integer.getWidth() == 1 || integer.getWidth() > 16)
    return nullptr;
  return integer.getWidth() == 8 ? (integer.isUnsigned() ? "wrapu8" : "wrap8") : integer.isUnsigned() ? "wrapu16" : "wrap16";
}

}  // namespace

std::optional<StridedTensor> Lowering::stridedOf(Value value) {
  if (auto known = views.find(value); known != views.end())
    return known->second;
  if (auto storage = held(value))
    return stridedStorage(*storage, tfm::dimsOf(typeOf(value)));
  std::optional<StridedTensor> constant = stridedConstant(value);
  if (constant)
    views.try_emplace(value, *constant);
  return constant;
}

std::optional<StridedTensor> Lowering::stridedStorage(const Storage& storage, ArrayRef<AffineExpr> dims) {
  if (storage.quantized())
    return std::nullopt;
  StridedTensor tensor{storage.buffer, storage.element};
  tensor.extents.assign(dims.begin(), dims.end());
  bool hasColumns = storage.element.isF32() && !dims.empty();
  auto rows = denseStrides(hasColumns ? dims.drop_back() : dims);
  if (!rows)
    return std::nullopt;
  for (int64_t stride : *rows)
    tensor.strides.push_back(stride * storage.rowStride);
  if (hasColumns)
    tensor.strides.push_back(1);
  if (auto first = dyn_cast<AffineConstantExpr>(storage.firstRow))
    tensor.offset = first.getValue() * storage.rowStride;
  else
    tensor.starts.push_back({storage.firstRow, storage.rowStride});
  return tensor;
}

std::optional<StridedTensor> Lowering::stridedConstant(Value value) {
  Attribute expr = exprOf(value);
  MLIRContext* context = value.getContext();
  Type element = f32();
  if (auto constant = value.getDefiningOp<tfm::ConstantOp>(); constant && !expr) {
    auto values = dyn_cast<DenseElementsAttr>(constant.getValue());
    if (!values)
      return std::nullopt;
    if (isa<FloatType>(values.getElementType()))
      expr = tfm::LiteralAttr::get(context, values);
    else
      expr = int32Literal(cast<DenseIntElementsAttr>(values));
    element = heldAs(values.getElementType(), context);
  }
  if (!expr || isEmpty(tfm::dimsOf(typeOf(value))))
    return std::nullopt;
  StridedTensor tensor{kb.plainConstant(expr, "constant").buffer, element};
  tensor.extents = tfm::dimsOf(typeOf(value));
  tensor.strides = *denseStrides(tensor.extents);
  return tensor;
}

std::optional<Storage> Lowering::copied(Value value) {
  auto found = views.find(value);
  std::optional<Matrix> matrix = matrixOf(value);
  if (found == views.end() || !matrix)
    return std::nullopt;
  Storage storage = kb.createStorage("copy", found->second.element, matrix->rows, matrix->width, kern::Space::arena, true);
  auto to = stridedStorage(storage, found->second.extents);
  if (!to || failed(callStrided(value.getLoc(), "copy", "", nullptr, {found->second}, *to)))
    return std::nullopt;
  return storages[value] = storage;
}

std::optional<StridedTensor> Lowering::temporary(const Twine& name, Type element, ArrayRef<AffineExpr> extents) {
  StridedTensor tensor{{}, element};
  tensor.extents.assign(extents.begin(), extents.end());
  // Where an inner dimension depends on the step, its rows lie as far apart as in the largest one.
  int64_t stride = 1;
  for (size_t i = extents.size(); i-- > 0;) {
    tensor.strides.insert(tensor.strides.begin(), stride);
    if (!tfm::linearOf(extents[i]) || llvm::MulOverflow(stride, std::max<int64_t>(1, kb.largest(extents[i])), stride) ||
        stride > tfm::kLargestDim)
      return std::nullopt;
  }
  tensor.buffer = kb.createBuffer(name, kern::Space::arena, stride * 4);
  return tensor;
}

std::optional<StridedTensor> Lowering::createStrided(Value value, Operation* op) {
  Type element = heldAs(typeOf(value).getElementType(), value.getContext());
  SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(value));
  if (!element)
    return std::nullopt;
  if (std::optional<Matrix> matrix = matrixOf(value)) {
    auto space = isResult(value) && element.isF32() ? kern::Space::output : kern::Space::arena;
    Storage storage = kb.createStorage(nameOf(op), element, matrix->rows, matrix->width, space, true);
    if (auto tensor = stridedStorage(storage, dims)) {
      storages[value] = storage;
      return tensor;
    }
  }
  std::optional<StridedTensor> tensor = temporary(nameOf(op), element, dims);
  if (tensor)
    views[value] = *tensor;
  return tensor;
}

LogicalResult Lowering::callGeneric(Location loc, StringRef family, const Params& params, Region* program, ArrayRef<StridedTensor> inputs,
                                    const StridedTensor& out) {
  SmallVector<Value> arguments;
  for (const StridedTensor& input : inputs) {
    arguments.push_back(viewOf(kb, input));
    if (!arguments.back())
      return failure();
  }
  // The outermost dimension of several elements is divided among threads.
  size_t split = 0;
  while (split + 1 < out.rank() && isOne(out.extents[split]))
    ++split;
  Value result = viewOf(kb, out, static_cast<int64_t>(out.rank() - 1 - split));
  if (!result)
    return failure();
  auto kernel = kb.kernel(family, params, program);
  kb.call(loc, kernel, kernel, arguments, result, out.extents[split], out.extents[split]);
  return success();
}

LogicalResult Lowering::callStrided(Location loc, StringRef op, StringRef type, Region* program, ArrayRef<StridedTensor> inputs,
                                    const StridedTensor& out) {
  if (isEmpty(out.extents))
    return success();
  if (inputs.size() > kMostOperands)
    return failure();
  SmallVector<StridedTensor> tensors;
  for (const StridedTensor& input : inputs) {
    if (!broadcastsTo(input.extents, out.extents))
      return failure();
    tensors.push_back(broadcast(input, out.extents));
  }
  tensors.push_back(out);
  joinDimensions(pointersTo(tensors));
  if (tensors.back().rank() > kMostRank)
    return failure();
  std::string operands;
  for (StridedTensor& tensor : tensors) {
    preferDense(tensor);
    if (&tensor != &tensors.back())
      operands += formOf(tensor);
  }
  std::string computed = type.empty() ? (out.element.isF32() ? "f" : "i") : type.str();
  return callGeneric(loc, "strided",
                     {{"rank", std::to_string(tensors.back().rank())},
                      {"op", op.str()},
                      {"type", computed},
                      {"operands", operands},
                      {"result", formOf(tensors.back())}},
                     program, ArrayRef(tensors).drop_back(), tensors.back());
}

LogicalResult Lowering::callProgram(Location loc, ArrayRef<StridedTensor> inputs, const StridedTensor& out,
                                    llvm::function_ref<Value(OpBuilder&, ValueRange)> body) {
  Region region;
  Block& block = region.emplaceBlock();
  for (size_t i = 0; i < inputs.size(); ++i)
    block.addArgument(f32(), loc);
  OpBuilder builder(loc.getContext());
  builder.setInsertionPointToEnd(&block);
  Value result = body(builder, block.getArguments());
  if (!result)
    return failure();
  builder.create<tfm::YieldOp>(loc, result);
  return callStrided(loc, "program", "f", &region, inputs, out);
}

LogicalResult Lowering::callReduce(Location loc, StringRef kind, const StridedTensor& input, ArrayRef<int64_t> axes,
                                   const StridedTensor& out) {
  StridedTensor reduced{input.buffer, input.element, input.offset, input.starts, {}, {}}, kept = reduced;
  for (size_t i = 0; i < input.rank(); ++i) {
    StridedTensor& part = llvm::is_contained(axes, static_cast<int64_t>(i)) ? reduced : kept;
    part.extents.push_back(input.extents[i]);
    part.strides.push_back(input.strides[i]);
  }
  std::optional<StridedTensor> result = reshaped(out, kept.extents);
  if (isEmpty(out.extents))
    return success();
  if (!result)
    return failure();
  StridedTensor* pair[] = {&kept, &*result};
  joinDimensions(pair);
  StridedTensor* single[] = {&reduced};
  joinDimensions(single);
  if (kept.rank() + reduced.rank() > kMostRank)
    return failure();
  StridedTensor whole = kept;
  whole.extents.append(reduced.extents);
  whole.strides.append(reduced.strides);
  preferDense(whole);
  preferDense(*result);
  return callGeneric(loc, "reduce",
                     {{"reduced", std::to_string(reduced.rank())},
                      {"rank", std::to_string(kept.rank())},
                      {"kind", kind.str()},
                      {"operands", formOf(whole) + formOf(*result)}},
                     nullptr, {whole}, *result);
}

LogicalResult Lowering::callContract(Location loc, StridedTensor a, StridedTensor b, StridedTensor out) {
  if (isEmpty(out.extents))
    return success();
  size_t rank = out.rank();
  AffineExpr m = out.extents[rank - 2], n = out.extents[rank - 1], k = a.extents.back();
  SmallVector<AffineExpr> batch(out.extents.begin(), out.extents.end() - 2);
  auto shape = [&](AffineExpr rows, AffineExpr columns) {
    SmallVector<AffineExpr> dims(batch);
    dims.append({rows, columns});
    return dims;
  };
  if (!broadcastsTo(a.extents, shape(m, k)) || !broadcastsTo(b.extents, shape(k, n)))
    return failure();
  a = broadcast(a, shape(m, k));
  b = broadcast(b, shape(k, n));
  // Columns that do not lie together are brought together first: the product then takes several at once.
  if (b.strides.back() != 1 && !isOne(n) && !isOne(m) && !isEmpty(b.extents)) {
    std::optional<StridedTensor> columns = temporary("columns", b.element, b.extents);
    if (!columns || failed(callStrided(loc, "copy", "", nullptr, {b}, *columns)))
      return failure();
    b = *columns;
  }
  SmallVector<StridedTensor> outer = {a, b, out};
  for (StridedTensor& tensor : outer) {
    tensor.extents.truncate(rank - 2);
    tensor.strides.truncate(rank - 2);
  }
  joinDimensions(pointersTo(outer));
  if (outer[0].rank() == 1 && isOne(outer[0].extents[0]))
    for (StridedTensor& tensor : outer) {
      tensor.extents.clear();
      tensor.strides.clear();
    }
  if (outer[0].rank() + 2 > kMostRank)
    return failure();
  for (auto [tensor, whole] : llvm::zip(outer, ArrayRef<StridedTensor>{a, b, out})) {
    tensor.extents.append(whole.extents.end() - 2, whole.extents.end());
    tensor.strides.append(whole.strides.end() - 2, whole.strides.end());
    preferDense(tensor);
  }
  return callGeneric(loc, "contract",
                     {{"batch", std::to_string(outer[0].rank() - 2)}, {"operands", formOf(outer[0]) + formOf(outer[1]) + formOf(outer[2])}},
                     nullptr, {outer[0], outer[1]}, outer[2]);
}

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
        auto strides = denseStrides(in[0].extents);
        std::optional<StridedTensor> dense = strides ? temporary("rows", in[0].element, in[0].extents) : std::nullopt;
        if (!dense || failed(callStrided(loc, "copy", "", nullptr, {in[0]}, *dense)))
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
    const char* wrap = wrapOf(element);
    if (!isIntegerOp(name) || failed(callStrided(loc, name, type, nullptr, in, out)))
      return failure();
    // In place would share memory between input and output.
    if (!wrap || name == "select")
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
      .Case([&](tfm::EmbedOp) { return lowerGather(loc, in[1], in[0], 0, out); })
      .Case([&](tfm::GatherOp gather) { return lowerGather(loc, in[0], in[1], gather.getAxis(), out); })
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
  auto single = dims.size() == 1 && isOne(dims[0]);
  auto size = tfm::linearOf(start);
  if (dims.size() != 1 || !size || !tfm::linearOf(dims[0]) || (step != 1 && !isa<AffineConstantExpr>(start)))
    return failure();
  // A window on the numbers from the least that a step begins with to the largest that one ends with.
  constexpr int64_t kMostNumbers = 16384;
  int64_t least = isa<AffineConstantExpr>(start) ? size->constant : -kb.largest(start * -1);
  int64_t count = isa<AffineConstantExpr>(start) ? kb.largest(dims[0]) : kb.largest(start) + kb.largest(dims[0]) - least;
  if (count < 1 || count > kMostNumbers)
    return failure();
  SmallVector<int32_t> numbers;
  for (int64_t i = 0; i < count; ++i)
    numbers.push_back(static_cast<int32_t>(least + i * (single ? 1 : step)));
  auto type = RankedTensorType::get({count}, kb.builder().getI32Type());
  auto literal = tfm::LiteralAttr::get(op.getContext(), DenseElementsAttr::get(type, ArrayRef(numbers)));
  StridedTensor tensor{kb.plainConstant(literal, "constant").buffer, kb.builder().getI32Type()};
  tensor.extents = dims;
  tensor.strides = {1};
  if (!isa<AffineConstantExpr>(start))
    tensor.starts.push_back({start - least, 1});
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
