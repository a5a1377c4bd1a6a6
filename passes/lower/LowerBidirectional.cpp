// Attention over keys and values of the same step: encoders, and decoders without caches. Coordinates along rows count from the step's first.
#include <limits>

#include "passes/lower/Lowering.h"

namespace quantc {

using namespace mlir;

KvCache Lowering::transposedKeys(const Storage& rows, int64_t heads, int64_t headDim, Location loc) {
  KvCache keys;
  keys.element = f32();
  keys.transposed = true;
  keys.heads = heads;
  keys.headDim = headDim;
  keys.positions = roomFor(kb.largest(rows.rows), keys.element);
  std::string name = isa<NameLoc>(loc) ? cast<NameLoc>(loc).getName().str() : "attention";
  keys.buffer = kb.createBuffer(name + ".keys", kern::Space::arena, heads * headDim * keys.positions * 4);
  auto strides = keys.strides();
  AffineExpr zero = kb.constantExpr(0);
  ViewDim dim = kb.wholeDim(headDim, strides[0]), head = kb.wholeDim(heads, strides[1]);
  Value from = kb.view(rows.buffer, f32(), 0,
                       {kb.wholeDim(headDim, 1), kb.wholeDim(heads, headDim), {zero, rows.firstRow, rows.rows, rows.rowStride}});
  Value to = kb.view(keys.buffer, f32(), 0, {dim, head, {zero, zero, rows.rows, strides[2]}}, 1);
  auto kernel = kb.kernel("append", {{"cache", "f32"}}, nullptr);
  kb.call(loc, kernel, kernel, from, to, kb.constantExpr(heads), rows.rows);
  return keys;
}

Value Lowering::paddingRow(Value mask, AffineExpr positions, Location loc) {
  auto [known, isNew] = paddingRows.try_emplace(mask);
  if (isNew) {
    std::optional<Storage> given = find(mask);
    if (!given || !given->element.isInteger(32) || given->width != 1 || given->rows != positions)
      return {};
    // A lookup in a table of two rows: 0 hides, anything above does not. The lowest float outweighs any score, and is finite: a row in which all is
    // hidden has a mean and not a NaN.
    Value row = kb.createBuffer("padding", kern::Space::arena, kb.largest(positions) * 4);
    auto type = RankedTensorType::get({2, 1}, f32());
    auto literal = DenseElementsAttr::get(type, ArrayRef<float>{std::numeric_limits<float>::lowest(), 0.0f});
    Constant table = kb.packedConstant(tfm::LiteralAttr::get(mask.getContext(), literal), schemeOf(SchemeId::f32), "padding");
    AffineExpr zero = kb.constantExpr(0);
    SmallVector<Value> inputs = {kb.view(given->buffer, kb.builder().getI32Type(), 0, {{zero, given->firstRow, given->rows, 1}})};
    llvm::append_range(inputs, kb.weightViews(table));
    Value out = kb.view(row, f32(), 0, {kb.wholeDim(1, 1), {zero, zero, positions, 1}}, 1);
    auto kernel = kb.kernel("embed", {{"scheme", table.scheme->name}}, nullptr);
    kb.call(loc, kernel, kernel, inputs, out, positions, positions);
    known->second = row;
  }
  return known->second;
}

LogicalResult Lowering::lowerStepAttention(tfm::AttentionOp op) {
  std::optional<Storage> query = findFloats(op.getQuery()), key = findFloats(op.getKey()), value = findFloats(op.getValue());
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeads(), headDim = op.getHeadDim();
  bool causal = op.getMaskKind() == tfm::MaskKind::causal;
  if (!query || !key || !value || key->rows != value->rows || (causal && key->rows != query->rows) || query->width != heads * headDim ||
      key->width != kvHeads * headDim || value->width != key->width)
    return failure();
  AffineExpr zero = kb.constantExpr(0), positions = key->rows;
  auto rowsOf = [&](const Storage& storage) { return ViewDim{zero, storage.firstRow, storage.rows, storage.rowStride}; };

  KvCache keys = transposedKeys(*key, kvHeads, headDim, op.getLoc());
  auto strides = keys.strides();
  ViewDim position = {zero, zero, positions, strides[2]};
  Value keyView = kb.view(keys.buffer, f32(), 0, {position, kb.wholeDim(headDim, strides[0]), kb.wholeDim(kvHeads, strides[1])});
  Value valueView = kb.view(value->buffer, f32(), 0, {kb.wholeDim(headDim, 1), rowsOf(*value), kb.wholeDim(kvHeads, headDim)});
  SmallVector<Value> inputs = {keyView, valueView};
  StringRef mask = stringifyMaskKind(op.getMaskKind());
  if (op.getMaskKind() == tfm::MaskKind::padding) {
    Value row = paddingRow(op.getMask(), positions, op.getLoc());
    if (!row)
      return failure();
    // The same row for every query: a stride of 0.
    inputs.push_back(kb.view(row, f32(), 0, {{zero, zero, positions, 1}, {zero, zero, query->rows, 0}}));
    mask = "tensor";
  } else if (op.getMask()) {
    std::optional<Storage> table = findFloats(op.getMask());
    if (!table || table->rows != query->rows || table->width < kb.largest(positions))
      return failure();
    inputs.push_back(kb.view(table->buffer, f32(), 0, {{zero, zero, positions, 1}, rowsOf(*table)}));
  }
  return callAttention(op, *query, zero, inputs, mask, kb.largest(positions));
}

}  // namespace quantc
