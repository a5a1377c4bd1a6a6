// Mixtures of experts as calls: the choice of experts, products with the weights of those that were chosen, and the sum of what they give.
#include "passes/lower/Lowering.h"

namespace quantc {

using namespace mlir;

LogicalResult Lowering::lowerOp(tfm::TopKOp op) {
  std::optional<Storage> input = findFloats(op.getInput());
  std::optional<Storage> values = create(op.getValues(), op);
  int64_t k = op.getK();
  if (!input || !values || values->rows != input->rows)
    return failure();
  // One index behind the other, as those who read them count.
  std::optional<Matrix> matrix = matrixOf(op.getIndices());
  if (!matrix)
    return failure();
  Type i32 = kb.builder().getI32Type();
  Storage indices = kb.createStorage(nameOf(op) + ".indices", i32, matrix->rows, 1, kern::Space::arena, true);
  storages[op.getIndices()] = indices;
  AffineExpr zero = kb.constantExpr(0);
  SmallVector<Value> outputs = {kb.view(values->buffer, f32(), 0, {kb.wholeDim(k, 1), {zero, zero, values->rows, values->rowStride}}, 1),
                                kb.view(indices.buffer, i32, 0, {kb.wholeDim(k, 1), {zero, zero, values->rows, k}}, 1)};
  auto kernel = kb.kernel(
      "top_k", {{"count", std::to_string(input->width)}, {"k", std::to_string(k)}, {"normalize", op.getNormalize() ? "1" : "0"}}, nullptr);
  kb.call(op.getLoc(), kernel, kernel, kb.rowViews(*input, KernBuilder::Split::none), outputs, values->rows, values->rows);
  return success();
}

LogicalResult Lowering::chooseExperts(Product& product) {
  tfm::FusedOp op = product.op;
  Value given = op.getInputs()[1 + op.getProducts()];
  std::optional<Storage> ids = find(given);
  std::optional<Matrix> result = matrixOf(op.getResult());
  if (!ids || !ids->element.isInteger(32) || ids->rowStride != 1 || !result || result->rows != ids->rows)
    return failure();
  int64_t experts = product.weights.front().rows / result->width, slots = cast<RankedTensorType>(given.getType()).getShape().back();
  int64_t tile = kb.layout().rowsPerTile;
  // An expert's rows are whole tiles, so that the next one's begin with a tile.
  if (experts < 1 || product.weights.front().rows != experts * result->width || (experts > 1 && result->width % tile != 0) ||
      !product.operands.empty())
    return failure();
  if (product.input.rows == result->rows)
    slots = 1;
  else if (product.input.rows * slots != result->rows)
    return failure();
  product.experts = experts;
  product.ids = kb.view(ids->buffer, ids->element, 0, {{kb.constantExpr(0), ids->firstRow, ids->rows, 1}});
  product.params.append(
      {{"experts", std::to_string(experts)}, {"expert_tiles", std::to_string(product.tiles())}, {"slots", std::to_string(slots)}});
  return success();
}

LogicalResult Lowering::lowerOp(tfm::CombineOp op) {
  std::optional<Storage> input = findFloats(op.getInput()), factors = findFloats(op.getFactors());
  if (!input || !factors || input->rows != factors->rows * factors->width)
    return failure();
  std::optional<Storage> out = create(op.getResult(), op);
  if (!out || out->quantized() || matrixOf(*out) != Matrix{factors->rows, input->width})
    return failure();
  SmallVector<Value> inputs = kb.rowViews(*input, KernBuilder::Split::none);
  llvm::append_range(inputs, kb.rowViews(*factors, KernBuilder::Split::none));
  auto kernel = kb.kernel("combine", {{"k", std::to_string(factors->width)}}, nullptr);
  kb.call(op.getLoc(), kernel, kernel, inputs, kb.rowViews(*out, KernBuilder::Split::rows), out->rows, out->rows);
  return success();
}

}  // namespace quantc
