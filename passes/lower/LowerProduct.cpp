// Products with weights as calls, together with what becomes of their results.
#include "passes/lower/Lowering.h"

namespace quantc {

using namespace mlir;

std::optional<Lowering::Product> Lowering::productOf(tfm::FusedOp op) {
  Product product{op, {}, {}, {}, {}, {}, {}};
  std::optional<Storage> input = find(op.getInputs()[0]);
  if (!input)
    return std::nullopt;
  product.input = *input;
  for (Value value : op.getInputs().slice(1, op.getProducts())) {
    std::optional<Constant> weight = packed(value, isResult(op.getResult()) ? "head" : "linear");
    if (!weight || (weight->scheme->quantized() ? !input->quantized() : !input->element.isF32()) || input->width != weight->columns)
      return std::nullopt;
    product.weights.push_back(*weight);
  }
  for (Value value : op.getInputs().drop_front(op.productInputs()))
    if (failed(elementwiseInput(value, op.getResult(), product.epilogue, product.operands, true)))
      return std::nullopt;
  const Constant& weight = product.weights.front();
  product.params = {{"scheme", weight.scheme->name}, {"operands", product.operands}, {"products", std::to_string(op.getProducts())}};
  if (weight.scheme->quantized())
    product.params.push_back({"groups", std::to_string(weight.packed.groups)});
  if (op.isExperts() && failed(chooseExperts(product)))
    return std::nullopt;
  return product;
}

SmallVector<Value> Lowering::inputsOf(const Product& product, AffineExpr firstRow) {
  SmallVector<Value> inputs = kb.rowViews(product.input, KernBuilder::Split::none, firstRow);
  for (const Constant& weight : product.weights)
    llvm::append_range(inputs, kb.weightViews(weight));
  if (product.ids)
    inputs.push_back(product.ids);
  llvm::append_range(inputs, product.epilogue);
  return inputs;
}

void Lowering::callProduct(const Product& product, SmallVectorImpl<Value>& inputs, ValueRange outputs, AffineExpr units) {
  tfm::FusedOp op = product.op;
  Params params = product.params;
  params.push_back({"tokens", "many"});
  auto many = kb.kernel("matmul", params, &op.getBody());
  params.back().second = "one";
  auto one = kb.kernel("matmul", params, &op.getBody());
  int64_t multiplyAdds = 0;
  for (const Constant& weight : product.weights)
    multiplyAdds += weight.rows / product.experts * weight.columns;
  std::optional<Matrix> result = matrixOf(op.getResult());
  kb.call(op.getLoc(), many, one, inputs, outputs, units, result ? result->rows : product.input.rows, {multiplyAdds});
}

LogicalResult Lowering::lowerMatmul(tfm::FusedOp op) {
  if (op->hasOneUse()) {
    Operation* reader = *op->user_begin();
    auto rope = dyn_cast<tfm::RopeOp>(reader);
    auto append = dyn_cast<tfm::CacheAppendOp>(reader);
    auto write = dyn_cast<tfm::SourceWriteOp>(reader);
    int64_t headDim = rope ? rope.getHeadDim() : append ? append.getHeadDim() : write ? write.getHeadDim() : 0;
    if (headDim && productWithin(reader, headDim) == op)
      return success();  // with its reader
  }
  std::optional<Product> product = productOf(op);
  if (!product)
    return failure();
  std::optional<Storage> created = create(op.getResult(), op);
  if (!created || created->width != product->rows() || (!product->ids && created->rows != product->input.rows))
    return failure();
  Storage out = *created;
  SmallVector<Value> inputs = inputsOf(*product, {});
  const bool quantizesItself = out.quantized() && fitsOnStack(out.rows, kActivationGroup * op.getProducts());
  if (quantizesItself) {
    product->params.append(
        {{"finish", "quantize"}, {"rows", std::to_string(product->rows())}, {"max_tokens", std::to_string(kb.largest(out.rows))}});
    callProduct(*product, inputs, kb.rowViews(out, KernBuilder::Split::columns), kb.constantExpr(out.groups()));
    return success();
  }
  // The product is written in whole tiles of rows; the storage has room for them.
  product->params.push_back({"finish", "plain"});
  int64_t tile = kb.layout().rowsPerTile;
  const Storage floats = out.quantized() ? kb.createStorage(nameOf(op) + ".floats", f32(), out.rows, out.width, kern::Space::arena) : out;
  ViewDim features = kb.wholeDim(product->tiles() * tile, 1), rows = {kb.constantExpr(0), floats.firstRow, floats.rows, floats.rowStride};
  callProduct(*product, inputs, kb.view(floats.buffer, f32(), 0, {features, rows}, 0, tile), kb.constantExpr(product->tiles()));
  if (out.quantized())
    quantizeInto(floats, out, op.getLoc());
  return success();
}

tfm::FusedOp Lowering::productWithin(Operation* reader, int64_t headDim) {
  auto op = reader->getOperand(0).getDefiningOp<tfm::FusedOp>();
  // 1. Nothing else reads the product. 2. Heads are whole tiles. 3. Its rows are the step's tokens. 4. Its epilogue reads no other rows. 5. A head of all rows fits on
  // the stack.
  if (!op || !op.isLinear() || op.isExperts() || !op->hasOneUse() || headDim < 1 || headDim % kb.layout().rowsPerTile != 0)
    return {};
  if (auto append = dyn_cast<tfm::CacheAppendOp>(reader); append && paddedCache(append))
    return {};
  std::optional<Matrix> matrix = matrixOf(op.getResult());
  auto type = cast<RankedTensorType>(op.getResult().getType());
  if (!matrix || matrix->rows != kb.symbol(tfm::Symbol::sequence) || !fitsOnStack(matrix->rows, headDim) || matrix->width % headDim != 0 ||
      !type.getElementType().isF32())
    return {};
  for (Value input : op.getInputs().drop_front(op.productInputs()))
    if (!exprOf(input))
      return {};
  return op;
}

LogicalResult Lowering::lowerHeads(tfm::FusedOp op, tfm::RopeOp rope, Value output) {
  std::optional<Product> product = productOf(op);
  if (!product || !output)
    return failure();
  AffineExpr past = kb.symbol(tfm::Symbol::past);
  SmallVector<Value> inputs = inputsOf(*product, past);
  auto view = output.getDefiningOp<kern::ViewOp>();
  int64_t heads = cast<AffineConstantExpr>(view.getExtents().getResult(1)).getValue();
  product->params.append(
      {{"finish", "rope"}, {"max_tokens", std::to_string(kb.largest(product->input.rows))}, {"cache", cacheParam(output)}});
  if (rope) {
    llvm::append_range(product->params, ropeParams(rope));
    inputs.append({tableView(rope, false), tableView(rope, true)});
  } else {
    product->params.append({{"head_dim", std::to_string(product->rows() / heads)}, {"rotary_dim", "0"}});
  }
  callProduct(*product, inputs, output, kb.constantExpr(heads));
  return success();
}

}  // namespace quantc
