// Embedding, norms and elementwise operations as calls.
#include "passes/lower/Lowering.h"

namespace quantc {

using namespace mlir;

LogicalResult Lowering::lowerOp(tfm::EmbedOp op) {
  std::optional<Storage> ids = find(op.getIds());
  std::optional<Constant> table = packed(op.getTable(), "embedding");
  if (!ids || !ids->element.isInteger(32) || !table)
    return failure();
  std::optional<Storage> created = create(op.getResult(), op);
  if (!created || created->quantized() || matrixOf(*created) != Matrix{ids->rows, table->columns})
    return failure();
  Storage out = *created;
  SmallVector<Value> inputs = {kb.view(ids->buffer, kb.builder().getI32Type(), 0, {{kb.constantExpr(0), ids->firstRow, ids->rows, 1}})};
  llvm::append_range(inputs, kb.weightViews(*table));
  auto kernel = kb.kernel("embed", {{"scheme", table->scheme->name}}, nullptr);
  kb.call(op.getLoc(), kernel, kernel, inputs, kb.rowViews(out, KernBuilder::Split::rows), out.rows, out.rows);
  return success();
}

LogicalResult Lowering::lowerNorm(Operation* op, StringRef kind, float epsilon) {
  std::optional<Storage> input = findFloats(op->getOperand(0));
  if (!input)
    return failure();
  SmallVector<Value> inputs = kb.rowViews(*input, KernBuilder::Split::none);
  for (Value operand : op->getOperands().drop_front()) {
    Value vector = vectorView(operand, input->width, "norm");
    if (!vector)
      return failure();
    inputs.push_back(vector);
  }
  std::optional<Storage> created = create(op->getResult(0), op);
  if (!created || matrixOf(*created) != matrixOf(*input))
    return failure();
  Storage out = *created;
  auto kernel =
      kb.kernel("norm", {{"kind", kind.str()}, {"epsilon", formatNumber(epsilon)}, {"quantize", out.quantized() ? "1" : "0"}}, nullptr);
  kb.call(op->getLoc(), kernel, kernel, inputs, kb.rowViews(out, KernBuilder::Split::rows), out.rows, out.rows);
  return success();
}

LogicalResult Lowering::elementwiseInput(Value value, Value result, SmallVectorImpl<Value>& views, std::string& operands, bool mayCopy) {
  std::optional<Matrix> matrix = matrixOf(result);
  if (!matrix)
    return failure();
  for (auto [letter, width] : {std::pair('r', matrix->width), std::pair('c', int64_t(1))}) {
    if (Value vector = vectorView(value, width, "bias")) {
      operands += letter;
      views.push_back(vector);
      return success();
    }
  }
  std::optional<Storage> storage = held(value);
  bool fits = storage && storage->element.isF32() && matrixOf(*storage) == *matrix;
  // One computed row for all rows.
  if (auto first = storage ? dyn_cast<AffineConstantExpr>(storage->firstRow) : AffineConstantExpr();
      first && !fits && storage->element.isF32() && matrixOf(*storage) == Matrix{kb.constantExpr(1), matrix->width}) {
    operands += 'r';
    views.push_back(kb.view(storage->buffer, f32(), first.getValue() * storage->rowStride * 4, {kb.wholeDim(matrix->width, 1)}));
    return success();
  }
  if (!fits && mayCopy) {
    std::optional<StridedTensor> from = stridedOf(value);
    storage = kb.createStorage("repeated", f32(), matrix->rows, matrix->width, kern::Space::arena, true);
    std::optional<StridedTensor> to = stridedStorage(*storage, tfm::dimsOf(cast<RankedTensorType>(result.getType())));
    fits = from && to && succeeded(callStrided(value.getLoc(), "copy", "", nullptr, {*from}, *to));
  }
  if (!fits)
    return failure();
  operands += 'f';
  views.push_back(kb.rowViews(*storage, KernBuilder::Split::none).front());
  return success();
}

LogicalResult Lowering::lowerOp(tfm::FusedOp op) {
  if (op.isLinear())
    return lowerMatmul(op);
  SmallVector<Value> inputs;
  std::string operands;
  // Quantized rows have no other kernel, where those of float32 have the generic ones.
  bool quantizes = isa<tfm::QuantizedType>(cast<RankedTensorType>(op.getResult().getType()).getElementType());
  for (Value input : op.getInputs())
    if (failed(elementwiseInput(input, op.getResult(), inputs, operands, quantizes)))
      return failure();
  return lowerMap(op, inputs, operands);
}

LogicalResult Lowering::lowerMap(tfm::FusedOp op, ArrayRef<Value> inputs, const std::string& operands) {
  std::optional<Storage> created = create(op.getResult(), op);
  if (!created || operands.find('f') == std::string::npos)
    return failure();
  Storage out = *created;
  auto kernel = kb.kernel("map", {{"operands", operands}, {"quantize", out.quantized() ? "1" : "0"}}, &op.getBody());
  kb.call(op.getLoc(), kernel, kernel, inputs, kb.rowViews(out, KernBuilder::Split::rows), out.rows, out.rows);
  return success();
}

}  // namespace quantc
