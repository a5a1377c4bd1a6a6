#include <algorithm>

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/raise/Mask.h"
#include "passes/raise/Matching.h"
#include "passes/raise/Passes.h"

namespace quantc {
#define GEN_PASS_DEF_RAISEATTENTIONPASS
#include "passes/raise/Passes.h.inc"

using namespace mlir;
using namespace raise;
using tfm::BinaryKind;

namespace {

/// The value without multiplication or division by scalars, which go into `scale`.
Value withoutScale(Value value, double& scale) {
  while (auto op = value.getDefiningOp<tfm::BinaryOp>()) {
    auto factor = scalarOf(op.getRhs());
    Value inner = op.getLhs();
    if (!factor && op.getKind() == BinaryKind::mul) {
      factor = scalarOf(op.getLhs());
      inner = op.getRhs();
    }
    bool scales = op.getKind() == BinaryKind::mul || (op.getKind() == BinaryKind::div && factor && *factor != 0);
    if (!factor || !scales || inner.getType() != value.getType())
      break;
    scale = op.getKind() == BinaryKind::mul ? scale * *factor : scale / *factor;
    value = inner;
  }
  return value;
}

struct Scores {
  tfm::MatmulOp product;
  double scale = 1;
  SmallVector<MaskTerm> mask;
};

/// From the softmax back to q k^T, through scale and mask.
std::optional<Scores> matchScores(Value value) {
  Scores scores;
  while (true) {
    value = withoutScale(value, scores.scale);
    if ((scores.product = value.getDefiningOp<tfm::MatmulOp>()))
      return scores;
    if (auto sum = binaryOf(value, BinaryKind::add)) {
      auto pairs = bothOrders(sum);
      auto* pair = llvm::find_if(pairs, [](const OperandPair& pair) { return isPositional(pair.second); });
      if (pair == pairs.end())
        return std::nullopt;
      scores.mask.push_back({pair->second, MaskTerm::Use::added});
      value = pair->first;
    } else if (auto select = value.getDefiningOp<tfm::SelectOp>(); select && isPositional(select.getCondition())) {
      auto whenTrue = scalarOf(select.getLhs()), whenFalse = scalarOf(select.getRhs());
      bool keeps = whenFalse && *whenFalse <= -1e4, drops = whenTrue && *whenTrue <= -1e4;
      if (keeps == drops)
        return std::nullopt;
      scores.mask.push_back({select.getCondition(), keeps ? MaskTerm::Use::keepWhere : MaskTerm::Use::dropWhere});
      value = keeps ? select.getLhs() : select.getRhs();
    } else {
      return std::nullopt;
    }
  }
}

/// Keys or values [..., heads, rows, head_dim] before every one of them was repeated for a group of query heads.
Value withoutRepetition(PatternRewriter& rewriter, Value value) {
  auto joined = value.getDefiningOp<tfm::ReshapeOp>();
  auto repeat = joined ? joined.getOperand().getDefiningOp<tfm::BroadcastOp>() : tfm::BroadcastOp();
  if (!repeat)
    return value;
  SmallVector<AffineExpr> from = tfm::dimsOf(typeOf(repeat.getOperand())), to = tfm::dimsOf(typeOf(repeat)), dims = tfm::dimsOf(typeOf(value));
  size_t rank = to.size(), group = rank - 3;
  if (rank < 4 || from.size() != rank || dims.size() < 3 || from[group] != getAffineConstantExpr(1, value.getContext()) ||
      ArrayRef(dims).take_back(2) != ArrayRef(to).take_back(2))
    return value;
  for (size_t i = 0; i < rank; ++i)
    if (i != group && from[i] != to[i])
      return value;
  AffineExpr heads = tfm::productOf(ArrayRef(from).drop_back(2), value.getContext());
  dims[dims.size() - 3] = heads;
  return makeReshape(rewriter, value.getLoc(), repeat.getOperand(), tfm::makeTensorType(dims, typeOf(value).getElementType()));
}

struct ProductToAttention : OpRewritePattern<tfm::MatmulOp> {
  ProductToAttention(MLIRContext* context, Evaluator& evaluator) : OpRewritePattern(context), evaluator(evaluator) {}

  LogicalResult matchAndRewrite(tfm::MatmulOp op, PatternRewriter& rewriter) const override {
    auto softmax = op.getLhs().getDefiningOp<tfm::SoftmaxOp>();
    if (!softmax || static_cast<int64_t>(softmax.getAxis()) != typeOf(softmax).getRank() - 1)
      return rewriter.notifyMatchFailure(op, "left operand is not a softmax over keys");
    auto scores = matchScores(softmax.getOperand());
    if (!scores)
      return rewriter.notifyMatchFailure(op, "softmax is not over scaled and masked products of queries and keys");

    double scale = scores->scale;
    int64_t rank = typeOf(op).getRank(), rowAxis = rank - 2;
    if (rank < 3 || typeOf(scores->product.getLhs()).getRank() != rank || typeOf(scores->product.getRhs()).getRank() != rank ||
        typeOf(op.getRhs()).getRank() != rank)
      return rewriter.notifyMatchFailure(op, "queries, keys and values differ in rank");
    SmallVector<int64_t> lastTwoSwapped;
    for (int64_t i = 0; i < rank; ++i)
      lastTwoSwapped.push_back(i < rank - 2 ? i : 2 * rank - 3 - i);
    Value query = withoutScale(scores->product.getLhs(), scale);
    Value key = withoutScale(makeTranspose(rewriter, op.getLoc(), withoutScale(scores->product.getRhs(), scale), lastTwoSwapped), scale);
    key = withoutScale(withoutRepetition(rewriter, key), scale);
    Value value = withoutRepetition(rewriter, op.getRhs());
    for (Value part : {query, key, value})
      if (!holdsHeads(typeOf(part), rowAxis))
        return rewriter.notifyMatchFailure(op, "queries, keys or values do not have the form [1, heads, rows, head_dim]");
    int64_t heads = headsOf(typeOf(query), rowAxis), kvHeads = headsOf(typeOf(key), rowAxis), headDim = typeOf(query).getShape().back();
    if (headsOf(typeOf(value), rowAxis) != kvHeads || typeOf(key).getShape().back() != headDim || typeOf(value).getShape().back() != headDim ||
        kvHeads <= 0 || heads % kvHeads != 0)
      return rewriter.notifyMatchFailure(op, "heads of queries, keys and values do not fit together");

    std::string why;
    auto mask = classifyMask(scores->mask, evaluator, why);
    if (!mask)
      return rewriter.notifyMatchFailure(op, why);
    Value rows = toRows(rewriter, op.getLoc(), query, rowAxis);
    Value attention = rewriter.create<tfm::AttentionOp>(
        op.getLoc(), rows.getType(), rows, toRows(rewriter, op.getLoc(), key, rowAxis), toRows(rewriter, op.getLoc(), value, rowAxis), Value(), heads,
        kvHeads, headDim, APFloat(static_cast<float>(scale)), mask->kind, mask->window);
    rewriter.replaceOp(op, fromRows(rewriter, op.getLoc(), attention, typeOf(op), rowAxis));
    return success();
  }

  Evaluator& evaluator;
};

struct RaiseAttentionPass : impl::RaiseAttentionPassBase<RaiseAttentionPass> {
  void runOnOperation() override {
    Evaluator evaluator(getOperation());
    RewritePatternSet patterns(&getContext());
    patterns.add<ProductToAttention>(&getContext(), evaluator);
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

}  // namespace
}  // namespace quantc
