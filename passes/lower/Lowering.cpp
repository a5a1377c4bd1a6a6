// Tensors as rows of buffers, weights as constants, and the operations that are views alone.
#include "passes/lower/Lowering.h"

#include "llvm/ADT/TypeSwitch.h"

namespace quantc {

using namespace mlir;

namespace {

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

bool countsOutputs(AffineExpr expr) { return expr.isFunctionOfSymbol(static_cast<unsigned>(tfm::Symbol::outputs)); }

/// Whether callers can read the rows as kernels write them: without gaps, or as rows of logits, whose distance the runtime knows.
bool isDense(const Matrix& matrix, bool givesLogits) {
  auto rows = dyn_cast<AffineConstantExpr>(matrix.rows);
  return matrix.width % KernBuilder::kRowAlignment == 0 || (rows && rows.getValue() == 1) || (givesLogits && countsOutputs(matrix.rows));
}

}  // namespace

bool givesLogits(func::FuncOp function) {
  for (unsigned i = 0; i < function.getNumResults(); ++i) {
    auto name = function.getResultAttrOfType<StringAttr>(i, "tfm.name");
    if (name && name.getValue() == "logits" &&
        llvm::any_of(tfm::dimsOf(cast<RankedTensorType>(function.getResultTypes()[i])), countsOutputs))
      return true;
  }
  return false;
}

std::string nameOf(Operation* op) {
  auto named = dyn_cast<NameLoc>(op->getLoc());
  return named ? named.getName().str() : op->getName().stripDialect().str();
}

void Lowering::run(SmallVectorImpl<Operation*>& unsupported) {
  for (auto [i, argument] : llvm::enumerate(function.getArguments()))
    if (failed(lowerArgument(argument, i)))
      unsupported.push_back(function);
  for (Operation& op : function.getBody().front())
    if (failed(lower(&op)))
      unsupported.push_back(&op);
}

std::optional<Matrix> Lowering::matrixOf(Value value) {
  if (!tfm::hasSymbolicShape(value.getType()))
    return std::nullopt;
  SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(value));
  int64_t width = 1;
  // Sound has a number per row: its last dimension is no constant.
  bool perRow = typeOf(value).getElementType().isF32() && !dims.empty() && !isa<AffineConstantExpr>(dims.back());
  if (!typeOf(value).getElementType().isInteger() && !dims.empty() && !perRow) {
    auto last = dyn_cast<AffineConstantExpr>(dims.pop_back_val());
    if (!last || last.getValue() < 1)
      return std::nullopt;
    width = last.getValue();
  }
  AffineExpr rows = tfm::productOf(dims, value.getContext());
  if (!rows || !kb.canStore(rows, width))
    return std::nullopt;
  return Matrix{rows, width};
}

bool Lowering::isResult(Value value) {
  return llvm::any_of(value.getUsers(), [&](Operation* user) {
    return isa<func::ReturnOp>(user) || (isa<tfm::ReshapeOp>(user) && isResult(user->getResult(0)));
  });
}

std::optional<Storage> Lowering::create(Value value, Operation* op) {
  std::optional<Matrix> matrix = matrixOf(value);
  Type element = matrix ? typeOf(value).getElementType() : Type();
  auto quantized = dyn_cast_or_null<tfm::QuantizedType>(element);
  if (!matrix || !(element.isF32() || (quantized && quantized.getScheme() == tfm::kActivationScheme)))
    return std::nullopt;
  auto space = isResult(value) && isDense(*matrix, givesLogits(function)) ? kern::Space::output : kern::Space::arena;
  return storages[value] = kb.createStorage(nameOf(op), element, matrix->rows, matrix->width, space);
}

std::optional<Storage> Lowering::held(Value value) {
  auto it = storages.find(value);
  return it == storages.end() ? std::nullopt : std::optional<Storage>(it->second);
}

std::optional<Storage> Lowering::find(Value value) {
  std::optional<Storage> storage = held(value);
  return storage ? storage : copied(value);
}

std::optional<Storage> Lowering::findFloats(Value value) {
  std::optional<Storage> storage = find(value);
  return storage && storage->element.isF32() ? storage : std::nullopt;
}

std::optional<Storage> Lowering::findTokens(Value value) {
  std::optional<Storage> storage = findFloats(value);
  return storage && storage->rows == kb.symbol(tfm::Symbol::sequence) ? storage : std::nullopt;
}

LogicalResult Lowering::lowerArgument(BlockArgument argument, unsigned index) {
  auto name = function.getArgAttrOfType<StringAttr>(index, "tfm.name");
  std::optional<Matrix> matrix = matrixOf(argument);
  if (!matrix)
    return failure();
  Storage storage =
      kb.createStorage(name.getValue(), typeOf(argument).getElementType(), matrix->rows, matrix->width, kern::Space::input, true);
  auto initial = function.getArgAttrOfType<IntegerAttr>(index, tfm::kInitialAttribute);
  if (initial && (!storage.element.isInteger(32) || !llvm::isInt<32>(initial.getInt())))
    return failure();
  kb.port(name.getValue(), storage.buffer, storage.element, tfm::dimsOf(typeOf(argument)), false, initial ? initial.getInt() : 0);
  storages[argument] = storage;
  return success();
}

LogicalResult Lowering::lower(Operation* op) {
  if (succeeded(lowerSpecial(op)))
    return success();
  for (Value result : op->getResults())
    storages.erase(result);
  return lowerGeneric(op);
}

LogicalResult Lowering::lowerSpecial(Operation* op) {
  return llvm::TypeSwitch<Operation*, LogicalResult>(op)
      .Case<tfm::WeightOp, tfm::ConstantOp>([](auto) { return success(); })
      .Case<tfm::CastOp>([&](tfm::CastOp cast) { return success(exprOf(cast.getResult()) != Attribute()); })
      .Case<tfm::QuantizeOp, tfm::DequantizeOp>([&](Operation* op) {
        return success(op->getOperand(0).getDefiningOp<tfm::WeightOp>() || op->getOperand(0).getDefiningOp<tfm::QuantizeOp>());
      })
      .Case<tfm::EmbedOp, tfm::RmsNormOp, tfm::LayerNormOp, tfm::FusedOp, tfm::RopeOp, tfm::CacheAppendOp, tfm::AttentionOp, tfm::TailOp,
            tfm::SourceWriteOp, tfm::SourceReadOp, tfm::ConcatOp, tfm::WindowsOp, tfm::GroupNormOp, tfm::TransposeOp, tfm::PositionRowsOp,
            tfm::ReshapeOp, tfm::SliceOp, tfm::TopKOp, tfm::CombineOp, func::ReturnOp>([&](auto typed) { return lowerOp(typed); })
      .Default([](Operation*) { return failure(); });
}

Attribute Lowering::exprOf(Value value) {
  // Weights are converted to what the artifact stores as they are packed.
  if (auto cast = value.getDefiningOp<tfm::CastOp>();
      cast && typeOf(value).getElementType().isF32() && cast.getOperand().getDefiningOp<tfm::WeightOp>())
    value = cast.getOperand();
  if (auto constant = value.getDefiningOp<tfm::ConstantOp>()) {
    auto values = dyn_cast<DenseElementsAttr>(constant.getValue());
    return values && values.getElementType().isF32() ? tfm::LiteralAttr::get(values.getContext(), values) : Attribute();
  }
  auto weight = value.getDefiningOp<tfm::WeightOp>();
  return weight ? weight.getExpr() : Attribute();
}

std::optional<Constant> Lowering::packed(Value value, StringRef role) {
  if (auto dequantize = value.getDefiningOp<tfm::DequantizeOp>())
    value = dequantize.getInput();
  auto quantize = value.getDefiningOp<tfm::QuantizeOp>();
  Attribute expr = exprOf(quantize ? quantize.getInput() : value);
  const Scheme* scheme = &schemeOf(SchemeId::f32);
  if (quantize)
    scheme = findScheme(cast<tfm::QuantizedType>(typeOf(value).getElementType()).getScheme().str());
  if (!expr || !scheme || typeOf(value).getRank() != 2)
    return std::nullopt;
  return kb.packedConstant(expr, *scheme, role);
}

Value Lowering::vectorView(Value value, int64_t width, StringRef role) {
  Attribute expr = exprOf(value);
  RankedTensorType type = typeOf(value);
  int64_t last = type.getRank() == 0 ? 1 : type.getShape().back();
  if (!expr || last != width || type.getNumElements() != width)
    return {};
  return kb.view(kb.plainConstant(expr, role).buffer, f32(), 0, {kb.wholeDim(width, 1)});
}

LogicalResult Lowering::lowerOp(tfm::TailOp op) {
  std::optional<Storage> found = find(op.getInput());
  std::optional<Matrix> matrix = matrixOf(op.getResult());
  AffineExpr sequence = kb.symbol(tfm::Symbol::sequence), outputs = kb.symbol(tfm::Symbol::outputs);
  if (!found || found->rows != sequence || matrix != Matrix{outputs, found->width} ||
      typeOf(op.getResult()).getElementType() != found->element)
    return failure();
  found->rows = outputs;
  found->firstRow = found->firstRow + sequence - outputs;
  storages[op.getResult()] = *found;
  return success();
}

LogicalResult Lowering::lowerOp(tfm::PositionRowsOp op) {
  Attribute expr = exprOf(op.getTable());
  std::optional<Matrix> matrix = matrixOf(op.getResult());
  RankedTensorType type = typeOf(op.getTable());
  if (!expr || type.getRank() != 2 || type.getDimSize(0) < kb.contextLength() ||
      matrix != Matrix{kb.symbol(tfm::Symbol::sequence), type.getDimSize(1)} || !typeOf(op.getResult()).getElementType().isF32())
    return failure();
  Constant table = kb.plainConstant(expr, "positions");
  Storage storage;
  storage.buffer = table.buffer;
  storage.element = f32();
  storage.width = storage.rowStride = table.columns;
  storage.rows = matrix->rows;
  storage.firstRow = kb.symbol(tfm::Symbol::past);
  storages[op.getResult()] = storage;
  return success();
}

Storage Lowering::denseCopy(const Storage& storage, StringRef name, kern::Space space, Location loc) {
  Storage copy = kb.createStorage(name, storage.element, storage.rows, storage.width, space, true);
  auto kernel = kb.kernel("map", {{"operands", "f"}, {"quantize", "0"}}, nullptr);
  SmallVector<Value> from = kb.rowViews(storage, KernBuilder::Split::none), to = kb.rowViews(copy, KernBuilder::Split::rows);
  kb.call(loc, kernel, kernel, from, to, copy.rows, copy.rows);
  return copy;
}

LogicalResult Lowering::lowerOp(tfm::ReshapeOp op) {
  std::optional<Storage> found = held(op.getOperand());
  std::optional<Matrix> matrix = matrixOf(op.getResult());
  if (!found || !matrix || typeOf(op.getResult()).getElementType() != found->element)
    return failure();
  if (*matrix != matrixOf(*found)) {
    // Rows of heads as rows of single heads, or the other way round: the same elements where no gap lies between rows.
    bool splits = found->width % matrix->width == 0, whole = found->firstRow == kb.constantExpr(0);
    if (!found->element.isF32() || !(splits || matrix->width % found->width == 0))
      return failure();
    if (found->rowStride != found->width || !(splits || whole))
      found = denseCopy(*found, nameOf(op), kern::Space::arena, op.getLoc());
    if (splits)
      found->firstRow = found->firstRow * (found->width / matrix->width);
    found->width = found->rowStride = matrix->width;
    found->rows = matrix->rows;
  }
  storages[op.getResult()] = *found;
  return success();
}

LogicalResult Lowering::lowerOp(tfm::SliceOp op) {
  // Positions of channels, which the transpose behind it reads.
  if (static_cast<int64_t>(op.getAxis()) == typeOf(op.getOperand()).getRank() - 1 && llvm::all_of(op->getUsers(), [&](Operation* user) {
        auto transpose = dyn_cast<tfm::TransposeOp>(user);
        return transpose && movesChannels(transpose);
      }))
    return success();
  std::optional<Storage> found = held(op.getOperand());
  std::optional<Matrix> matrix = matrixOf(op.getResult());
  SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(op.getOperand()));
  int64_t axis = op.getAxis(), rowAxis = typeOf(op.getOperand()).getRank() - 2;
  auto isOne = [](AffineExpr dim) { return isa<AffineConstantExpr>(dim) && cast<AffineConstantExpr>(dim).getValue() == 1; };
  if (!found || found->quantized() || axis != rowAxis || !llvm::all_of(ArrayRef(dims).take_front(axis), isOne) || op.getStep() != 1 ||
      matrix != Matrix{tfm::dimsOf(typeOf(op.getResult()))[axis], found->width})
    return failure();
  found->firstRow = found->firstRow + op.getBegin().getResult(0);
  found->rows = matrix->rows;
  storages[op.getResult()] = *found;
  return success();
}

bool Lowering::fitsOnStack(AffineExpr rows, int64_t columns) {
  constexpr int64_t kMostBytes = 64 * 1024;
  return kb.largest(rows) <= kMostBytes / 4 / columns;
}

void Lowering::quantizeInto(const Storage& from, const Storage& to, Location loc) {
  auto kernel = kb.kernel("map", {{"operands", "f"}, {"quantize", "1"}}, nullptr);
  kb.call(loc, kernel, kernel, kb.rowViews(from, KernBuilder::Split::none), kb.rowViews(to, KernBuilder::Split::rows), to.rows, to.rows);
}

Storage Lowering::asOutput(const Storage& storage, StringRef name, Location loc) {
  auto buffer = storage.buffer.getDefiningOp<kern::BufferOp>();
  if (buffer && buffer.getSpace() == kern::Space::output && storage.firstRow == kb.constantExpr(0) && !returned.contains(storage.buffer))
    return storage;
  // A window on something else, or rows with gaps between them.
  return denseCopy(storage, name, kern::Space::output, loc);
}

LogicalResult Lowering::lowerOp(func::ReturnOp op) {
  for (auto [i, value] : llvm::enumerate(op.getOperands())) {
    auto name = function.getResultAttrOfType<StringAttr>(i, "tfm.name");
    std::optional<Storage> storage = held(value);
    Storage output;
    if (storage && storage->element.isF32()) {
      output = asOutput(*storage, name.getValue(), op.getLoc());
    } else {
      std::optional<StridedTensor> from = stridedOf(value);
      std::optional<Matrix> matrix = matrixOf(value);
      if (!from || !matrix)
        return failure();
      output = kb.createStorage(name.getValue(), from->element, matrix->rows, matrix->width, kern::Space::output, true);
      std::optional<StridedTensor> to = stridedStorage(output, from->extents);
      if (!to || failed(callStrided(op.getLoc(), "copy", "", nullptr, {*from}, *to)))
        return failure();
    }
    returned.insert(output.buffer);
    kb.port(name.getValue(), output.buffer, output.element, tfm::dimsOf(typeOf(value)), true);
  }
  return success();
}

}  // namespace quantc
