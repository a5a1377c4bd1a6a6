// What an encoder leaves for the steps of its decoder, and attention that knows how far keys are from queries.
#include "passes/lower/Lowering.h"

namespace quantc {

using namespace mlir;

LogicalResult Lowering::lowerOp(tfm::SourceWriteOp op) {
  tfm::FusedOp product = productWithin(op, op.getHeadDim());
  std::optional<Storage> input = product ? std::nullopt : findTokens(op.getInput());
  if (!product && !input)
    return failure();
  std::optional<KvCache> cache = createCache(op.getSource(), op.getKeys(), op.getHeads(), op.getHeadDim(), kb.sourceLength());
  if (!cache)
    return failure();
  if (product)
    return lowerHeads(product, {}, appendView(*cache, kb.symbol(tfm::Symbol::sequence)));
  append(*input, *cache, op.getLoc());
  return success();
}

LogicalResult Lowering::lowerOp(tfm::SourceReadOp op) {
  std::optional<KvCache> cache = createCache(op.getSource(), op.getKeys(), op.getHeads(), op.getHeadDim(), kb.sourceLength());
  if (!cache)
    return failure();
  caches[op.getResult()] = *cache;
  return success();
}

Value Lowering::biasView(tfm::AttentionOp op, int64_t before, int64_t after) {
  int64_t distances = tfm::typeOfWeight(op.getBias()).getDimSize(1), least = op.getBiasBefore();
  if (least < before || distances - least <= after)
    return {};
  Constant table = kb.plainConstant(op.getBias(), "bias");
  ViewDim distance = {kb.constantExpr(-least), kb.constantExpr(0), kb.constantExpr(distances), 1};
  return kb.view(table.buffer, f32(), 0, {distance, kb.wholeDim(op.getHeads(), distances)});
}

}  // namespace quantc
