// Convolutions along a sequence are products with windows of its rows; a view gives the windows, whose rows lie one behind the other already.
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "passes/lower/Lowering.h"

namespace quantc {

using namespace mlir;

namespace {

/// A region of one float32 argument for each input that `emit` makes an element of.
void buildProgram(Region& region, unsigned inputs, Location loc, function_ref<Value(OpBuilder&, ValueRange)> emit) {
  Block& block = region.emplaceBlock();
  OpBuilder builder(loc.getContext());  // the region belongs to no operation that would know it
  builder.setInsertionPointToEnd(&block);
  for (unsigned i = 0; i < inputs; ++i)
    block.addArgument(builder.getF32Type(), loc);
  builder.create<tfm::YieldOp>(loc, emit(builder, block.getArguments()));
}

}  // namespace

Storage Lowering::paddedCopy(const Storage& storage, int64_t before, int64_t after, Location loc) {
  Storage whole = kb.createStorage("padded", f32(), storage.rows + (before + after), storage.width, kern::Space::arena, true);
  AffineExpr zero = kb.constantExpr(0);
  auto fill = [&](AffineExpr first, int64_t count) {
    if (count == 0)
      return;
    // The program reads nothing of the row that a map must have.
    Region region;
    buildProgram(region, 1, loc, [&](OpBuilder& builder, ValueRange) {
      return builder.create<arith::ConstantOp>(loc, builder.getF32FloatAttr(0)).getResult();
    });
    auto kernel = kb.kernel("map", {{"operands", "f"}, {"quantize", "0"}}, &region);
    AffineExpr rows = kb.constantExpr(count);
    Value from = kb.view(storage.buffer, f32(), 0, {kb.wholeDim(storage.width, 1), {zero, zero, rows, 0}});
    Value to = kb.view(whole.buffer, f32(), 0, {kb.wholeDim(storage.width, 1), {zero, first, rows, whole.rowStride}}, 1);
    kb.call(loc, kernel, kernel, from, to, rows, rows);
  };
  fill(zero, before);
  fill(storage.rows + before, after);
  auto copy = kb.kernel("map", {{"operands", "f"}, {"quantize", "0"}}, nullptr);
  Value to =
      kb.view(whole.buffer, f32(), 0, {kb.wholeDim(storage.width, 1), {zero, kb.constantExpr(before), storage.rows, whole.rowStride}}, 1);
  kb.call(loc, copy, copy, kb.rowViews(storage, KernBuilder::Split::none), to, storage.rows, storage.rows);
  return whole;
}

tfm::ConcatOp Lowering::paddedCache(tfm::CacheAppendOp op) {
  auto concat = op->hasOneUse() ? dyn_cast<tfm::ConcatOp>(*op->getUsers().begin()) : tfm::ConcatOp();
  auto type = cast<RankedTensorType>(op.getResult().getType());
  if (!concat || concat.getOperands().size() != 2 || static_cast<int64_t>(concat.getAxis()) != type.getRank() - 2)
    return {};
  auto constant = concat.getOperands()[0].getDefiningOp<tfm::ConstantOp>();
  auto values = constant ? dyn_cast<DenseFPElementsAttr>(constant.getValue()) : DenseFPElementsAttr();
  return values && values.isSplat() && values.getSplatValue<APFloat>().isZero() ? concat : tfm::ConcatOp();
}

LogicalResult Lowering::lowerKept(tfm::CacheAppendOp op, tfm::ConcatOp padded) {
  auto zeros = cast<RankedTensorType>(padded.getOperands()[0].getType());
  std::optional<Storage> found = findTokens(op.getInput());
  int64_t before = zeros.getDimSize(zeros.getRank() - 2), bytes;
  if (!found || zeros.getNumElements() != before * found->width ||
      llvm::MulOverflow(kb.contextLength() + before, found->width * int64_t{sizeof(float)}, bytes) || bytes > kLargestCache ||
      !cacheNames.insert(op.getCache()).second)
    return failure();
  // Memory of state begins as zeros, and its first rows are never written.
  Storage kept = *found;
  kept.buffer = kb.createBuffer(op.getCache(), kern::Space::state, bytes);
  kept.rowStride = kept.width;
  AffineExpr past = kb.symbol(tfm::Symbol::past);
  auto copy = kb.kernel("map", {{"operands", "f"}, {"quantize", "0"}}, nullptr);
  Value to =
      kb.view(kept.buffer, f32(), 0, {kb.wholeDim(kept.width, 1), {kb.constantExpr(0), past + before, found->rows, kept.rowStride}}, 1);
  kb.call(op.getLoc(), copy, copy, kb.rowViews(*found, KernBuilder::Split::none), to, found->rows, found->rows);
  kept.rows = found->rows + past;
  kept.firstRow = kb.constantExpr(before);
  storages[op.getResult()] = kept;
  kept.rows = kept.rows + before;
  kept.firstRow = kb.constantExpr(0);
  storages[padded.getResult()] = kept;
  return success();
}

LogicalResult Lowering::lowerOp(tfm::WindowsOp op) {
  std::optional<Storage> found = findFloats(op.getInput());
  std::optional<Matrix> matrix = matrixOf(op.getResult());
  int64_t kernel = op.getKernel(), stride = op.getStride(), before = op.getBefore(), after = op.getAfter();
  if (!found || !matrix || matrix->width != kernel * found->width || !kb.canStore(found->rows + (before + after), found->width))
    return failure();
  if (before || after || found->rowStride != found->width || found->firstRow != kb.constantExpr(0))
    found = paddedCopy(*found, before, after, op.getLoc());
  found->rows = matrix->rows;
  found->width = matrix->width;
  found->rowStride *= stride;
  storages[op.getResult()] = *found;
  return success();
}

LogicalResult Lowering::lowerOp(tfm::GroupNormOp op) {
  std::optional<Storage> found = findFloats(op.getInput());
  if (!found)
    return failure();
  int64_t width = found->width, groups = op.getGroups();
  if (groups > 1 && width != cast<RankedTensorType>(op.getInput().getType()).getShape().back())
    return failure();
  Storage statistics = kb.createStorage(nameOf(op) + ".statistics", f32(), kb.constantExpr(2), width, kern::Space::arena);
  auto measure = kb.kernel(
      "statistics", {{"channels", std::to_string(width / groups)}, {"epsilon", formatNumber(op.getEpsilon().convertToFloat())}}, nullptr);
  Value out = kb.view(statistics.buffer, f32(), 0, {kb.wholeDim(width, 1), kb.wholeDim(2, statistics.rowStride)}, 0, width / groups);
  kb.call(op.getLoc(), measure, measure, kb.rowViews(*found, KernBuilder::Split::none), out, kb.constantExpr(groups), found->rows);

  std::optional<Storage> created = create(op.getResult(), op);
  if (!created || created->quantized() || matrixOf(*created) != matrixOf(*found))
    return failure();
  Region region;
  buildProgram(region, 3, op.getLoc(), [&](OpBuilder& builder, ValueRange x) {
    Value centered = builder.create<arith::SubFOp>(op.getLoc(), x[0], x[1]);
    return builder.create<arith::MulFOp>(op.getLoc(), centered, x[2]).getResult();
  });
  SmallVector<Value> inputs = kb.rowViews(*found, KernBuilder::Split::none);
  for (int64_t row : {0, 1})
    inputs.push_back(kb.view(statistics.buffer, f32(), row * statistics.rowStride * 4, {kb.wholeDim(width, 1)}));
  auto kernel = kb.kernel("map", {{"operands", "frr"}, {"quantize", "0"}}, &region);
  kb.call(op.getLoc(), kernel, kernel, inputs, kb.rowViews(*created, KernBuilder::Split::rows), created->rows, created->rows);
  return success();
}

bool Lowering::movesChannels(tfm::TransposeOp op) {
  auto slice = op.getOperand().getDefiningOp<tfm::SliceOp>();
  std::optional<Storage> found = findFloats(slice ? slice.getOperand() : op.getOperand());
  std::optional<Matrix> matrix = matrixOf(op.getResult());
  auto type = cast<RankedTensorType>(op.getResult().getType());
  int64_t rank = type.getRank();
  SmallVector<int64_t> swap;
  for (int64_t i = 0; i < rank; ++i)
    swap.push_back(i < rank - 2 ? i : 2 * rank - 3 - i);
  return found && matrix && rank >= 2 && op.getOrder() == ArrayRef(swap) && found->rows == kb.constantExpr(matrix->width) &&
         matrix->rows == tfm::dimsOf(type)[rank - 2] && kb.largest(matrix->rows) <= found->width &&
         (!slice || (slice.getStep() == 1 && slice.getBegin().getResult(0) == kb.constantExpr(0)));
}

LogicalResult Lowering::lowerOp(tfm::TransposeOp op) {
  if (!movesChannels(op))
    return failure();
  auto slice = op.getOperand().getDefiningOp<tfm::SliceOp>();
  std::optional<Storage> found = findFloats(slice ? slice.getOperand() : op.getOperand());
  std::optional<Matrix> matrix = matrixOf(op.getResult());
  std::optional<Storage> created = create(op.getResult(), op);
  if (!created || created->quantized())
    return failure();
  // As keys are put into a cache: a channel's positions are read, and written with a row's distance between them.
  AffineExpr zero = kb.constantExpr(0);
  ViewDim one = kb.wholeDim(1, 1);
  Value from = kb.view(found->buffer, f32(), 0,
                       {{zero, zero, matrix->rows, 1}, {zero, found->firstRow, kb.constantExpr(matrix->width), found->rowStride}, one});
  Value to = kb.view(created->buffer, f32(), 0, {{zero, zero, matrix->rows, created->rowStride}, kb.wholeDim(matrix->width, 1), one}, 1);
  auto kernel = kb.kernel("append", {{"cache", "f32"}}, nullptr);
  kb.call(op.getLoc(), kernel, kernel, from, to, kb.constantExpr(matrix->width), matrix->rows);
  return success();
}

}  // namespace quantc
