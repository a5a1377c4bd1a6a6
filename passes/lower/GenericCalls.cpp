// Calls of the generic kernels on tensors of any strides: their arguments as views, and where they lie.
#include "passes/lower/Lowering.h"
#include "llvm/ADT/TypeSwitch.h"

namespace quantc {

using namespace mlir;

namespace {

constexpr size_t kMostRank = 6;       // kMaxDimensions of the runtime
constexpr size_t kMostOperands = 15;  // kMaxArguments, less the result

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

SmallVector<StridedTensor*> pointersTo(MutableArrayRef<StridedTensor> tensors) {
  SmallVector<StridedTensor*> pointers;
  for (StridedTensor& tensor : tensors)
    pointers.push_back(&tensor);
  return pointers;
}

/// The dimensions of a tensor's rows, as Lowering::matrixOf tells them from its columns.
ArrayRef<AffineExpr> rowDimsOf(Type element, ArrayRef<AffineExpr> dims) {
  return element.isF32() && !dims.empty() && isa<AffineConstantExpr>(dims.back()) ? dims.drop_back() : dims;
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
  const ArrayRef<AffineExpr> rowDims = rowDimsOf(storage.element, dims);
  auto rows = denseStrides(rowDims);
  if (!rows)
    return std::nullopt;
  for (int64_t stride : *rows)
    tensor.strides.push_back(stride * storage.rowStride);
  if (rowDims.size() < dims.size())
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
  if (std::optional<Matrix> matrix = matrixOf(value); matrix && denseStrides(rowDimsOf(element, dims))) {
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

LogicalResult Lowering::callGatherElements(Location loc, const StridedTensor& x, const StridedTensor& indices, int64_t axis,
                                           const StridedTensor& out) {
  if (isEmpty(out.extents))
    return success();
  // Lines are the innermost dimension; what is around them is joined.
  SmallVector<int64_t> order;
  for (int64_t i = 0; i < static_cast<int64_t>(out.rank()); ++i)
    if (i != axis)
      order.push_back(i);
  order.push_back(axis);
  const SmallVector<StridedTensor> whole = {transposed(x, order), transposed(indices, order), transposed(out, order)};
  SmallVector<StridedTensor> tensors = whole;
  for (StridedTensor& tensor : tensors) {
    tensor.extents.pop_back();
    tensor.strides.pop_back();
  }
  joinDimensions(pointersTo(tensors));
  if (tensors[0].rank() + 1 > kMostRank)
    return failure();
  std::string operands;
  for (auto [tensor, lines] : llvm::zip(tensors, whole)) {
    tensor.extents.push_back(lines.extents.back());
    tensor.strides.push_back(lines.strides.back());
    preferDense(tensor);
    operands += formOf(tensor);
  }
  return callGeneric(loc, "gather_elements", {{"rank", std::to_string(tensors[0].rank())}, {"operands", operands}}, nullptr,
                     {tensors[0], tensors[1]}, tensors[2]);
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

}  // namespace quantc
