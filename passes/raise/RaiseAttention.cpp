#include <algorithm>

#include "mlir/Dialect/Func/IR/FuncOps.h"
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

/// The value before a reshape that adds or takes away leading dimensions of 1.
Value withoutUnitReshape(Value value) {
  auto reshape = value.getDefiningOp<tfm::ReshapeOp>();
  if (!reshape)
    return value;
  SmallVector<AffineExpr> from = tfm::dimsOf(typeOf(reshape.getOperand())), to = tfm::dimsOf(typeOf(value));
  SmallVector<AffineExpr>&longer = from.size() > to.size() ? from : to, &shorter = from.size() > to.size() ? to : from;
  size_t added = longer.size() - shorter.size();
  bool ones =
      llvm::all_of(ArrayRef(longer).take_front(added), [&](AffineExpr dim) { return dim == getAffineConstantExpr(1, value.getContext()); });
  return ones && ArrayRef(longer).drop_front(added) == ArrayRef(shorter) ? reshape.getOperand() : value;
}

/// The weights of a softmax before those that are not a number, of a row whose keys are all hidden, were replaced: no row is so in a mask that is
/// recognised.
Value withoutNanGuard(Value value) {
  auto select = value.getDefiningOp<tfm::SelectOp>();
  auto isNan = select ? unaryOf(select.getCondition(), tfm::UnaryKind::not_) : tfm::UnaryOp();
  auto equal = isNan ? binaryOf(isNan.getOperand(), BinaryKind::equal) : tfm::BinaryOp();
  bool guards = equal && equal.getLhs() == select.getRhs() && equal.getRhs() == select.getRhs() && scalarOf(select.getLhs()) == 0;
  return guards && select.getRhs().getType() == value.getType() ? select.getRhs() : value;
}

struct Scores {
  tfm::MatmulOp product;
  double scale = 1;
  double softcap = 0;
  SmallVector<MaskTerm> mask;
};

/// From the softmax back to q k^T, through scale and mask.
std::optional<Scores> matchScores(Value value) {
  Scores scores;
  while (true) {
    value = withoutUnitReshape(withoutScale(value, scores.scale));
    if ((scores.product = value.getDefiningOp<tfm::MatmulOp>()))
      return scores;
    if (auto tanh = unaryOf(value, tfm::UnaryKind::tanh); tanh && scores.softcap == 0 && scores.scale > 0) {
      // a tanh(b x) = a tanh(a b x / a): what is outside of the tanh is the cap, all scales together are the scale.
      scores.softcap = scores.scale;
      value = tanh.getOperand();
      continue;
    }
    auto hidesWith = [&](std::optional<double> filler) { return filler && *filler * scores.scale <= kHidden; };
    if (auto bound = binaryOf(value, BinaryKind::max); bound && hidesWith(scalarOf(bound.getRhs())) && scores.softcap == 0) {
      value = bound.getLhs();  // what is hidden stays hidden
    } else if (auto op = value.getDefiningOp<tfm::BinaryOp>()) {
      // Added, or score * mask - 10000 * (1 - mask).
      auto pairs = bothOrders(op);
      auto* pair = llvm::find_if(pairs, [](const OperandPair& pair) { return isPositional(pair.second); });
      bool subtracts = op.getKind() == BinaryKind::sub, multiplies = op.getKind() == BinaryKind::mul;
      if (pair == pairs.end() || (subtracts && pair != pairs.begin()) || scores.softcap != 0 ||
          (!subtracts && !multiplies && op.getKind() != BinaryKind::add))
        return std::nullopt;
      auto use = subtracts ? MaskTerm::Use::subtracted : multiplies ? MaskTerm::Use::multiplied : MaskTerm::Use::added;
      scores.mask.push_back({pair->second, use, scores.scale});
      value = pair->first;
    } else if (auto select = value.getDefiningOp<tfm::SelectOp>(); select && isPositional(select.getCondition())) {
      auto whenTrue = scalarOf(select.getLhs()), whenFalse = scalarOf(select.getRhs());
      bool keeps = hidesWith(whenFalse), drops = hidesWith(whenTrue);
      if (keeps == drops || scores.softcap != 0)
        return std::nullopt;
      scores.mask.push_back({select.getCondition(), keeps ? MaskTerm::Use::keepWhere : MaskTerm::Use::dropWhere});
      value = keeps ? select.getLhs() : select.getRhs();
    } else {
      return std::nullopt;
    }
  }
}

/// Keys or values [..., heads, rows, head_dim] before every one of them was repeated for a group of query heads.
Value withoutRepetition(OpBuilder& builder, Value value) {
  auto joined = value.getDefiningOp<tfm::ReshapeOp>();
  auto repeat = joined ? joined.getOperand().getDefiningOp<tfm::BroadcastOp>() : tfm::BroadcastOp();
  if (!repeat)
    return value;
  SmallVector<AffineExpr> from = tfm::dimsOf(typeOf(repeat.getOperand())), to = tfm::dimsOf(typeOf(repeat)),
                          dims = tfm::dimsOf(typeOf(value));
  size_t rank = to.size(), group = rank - 3;
  if (rank < 4 || from.size() != rank || dims.size() < 3 || from[group] != getAffineConstantExpr(1, value.getContext()) ||
      ArrayRef(dims).take_back(2) != ArrayRef(to).take_back(2))
    return value;
  for (size_t i = 0; i < rank; ++i)
    if (i != group && from[i] != to[i])
      return value;
  AffineExpr heads = tfm::productOf(ArrayRef(from).drop_back(2), value.getContext());
  dims[dims.size() - 3] = heads;
  return makeReshape(builder, value.getLoc(), repeat.getOperand(), tfm::makeTensorType(dims, typeOf(value).getElementType()));
}

/// [heads, rows, head_dim] with its batch of 1 where it had one.
Value withBatch(Value value) {
  Value before = withoutUnitReshape(value);
  return typeOf(value).getRank() == 3 && typeOf(before).getRank() == 4 ? before : value;
}

int64_t rowAxisOf(Value value) { return typeOf(value).getRank() - 2; }

/// Values with zeros behind those of each head, so that they are as wide as queries and keys.
Value widened(OpBuilder& builder, Value value, int64_t width) {
  RankedTensorType type = typeOf(value), added = withLastDim(type, width - type.getShape().back());
  auto scalar = RankedTensorType::get({}, type.getElementType());
  Value zero = builder.create<tfm::ConstantOp>(value.getLoc(), scalar, DenseElementsAttr::get(scalar, 0.0f));
  Value zeros = builder.create<tfm::BroadcastOp>(value.getLoc(), added, zero);
  return builder.create<tfm::ConcatOp>(value.getLoc(), withLastDim(type, width), ValueRange{value, zeros}, type.getRank() - 1);
}

/// [..., heads, rows, head_dim] each.
struct Operands {
  Value query, key, value;
  double scale;
};

/// Operands before scaling and repetition; views of them are created with the builder. A reason in `why` when they do not fit together.
std::optional<Operands> collectOperands(OpBuilder& builder, const Scores& scores, Value value, const char*& why) {
  int64_t rank = typeOf(value).getRank();
  tfm::MatmulOp product = scores.product;
  if (rank < 3 || typeOf(product.getLhs()).getRank() != rank || typeOf(product.getRhs()).getRank() != rank) {
    why = "queries, keys and values differ in rank";
    return std::nullopt;
  }
  Operands found{{}, {}, {}, scores.scale};
  found.query = withBatch(withoutScale(product.getLhs(), found.scale));
  Value columns = withBatch(withoutScale(product.getRhs(), found.scale));
  auto lastTwoSwapped = llvm::to_vector(llvm::seq<int64_t>(0, typeOf(columns).getRank()));
  std::swap(lastTwoSwapped.end()[-1], lastTwoSwapped.end()[-2]);
  Value key = makeTranspose(builder, value.getLoc(), columns, lastTwoSwapped);
  key = withoutRepetition(builder, withoutScale(key, found.scale));
  found.key = withBatch(withoutScale(key, found.scale));
  found.value = withBatch(withoutRepetition(builder, value));
  for (Value part : {found.query, found.key, found.value})
    if (!holdsHeads(typeOf(part), rowAxisOf(part))) {
      why = "queries, keys or values do not have the form [1, heads, rows, head_dim]";
      return std::nullopt;
    }
  int64_t heads = headsOf(typeOf(found.query), rowAxisOf(found.query)), kvHeads = headsOf(typeOf(found.key), rowAxisOf(found.key));
  int64_t headDim = typeOf(found.query).getShape().back();
  if (typeOf(found.value).getShape().back() < headDim && typeOf(found.value).getElementType().isF32())
    found.value = widened(builder, found.value, headDim);  // multi-head latent attention has wider keys
  if (kvHeads <= 0 || heads % kvHeads != 0 || headsOf(typeOf(found.value), rowAxisOf(found.value)) != kvHeads ||
      typeOf(found.key).getShape().back() != headDim || typeOf(found.value).getShape().back() != headDim) {
    why = "heads of queries, keys and values do not fit together";
    return std::nullopt;
  }
  return found;
}

/// Positions of an encoder's sequence at most.
int64_t longestSource(Operation* op, const Evaluator& evaluator) {
  auto source = op->getParentOfType<ModuleOp>()->getAttrOfType<IntegerAttr>("tfm.source");
  return source ? source.getInt() : evaluator.context();
}

struct ProductToAttention : OpRewritePattern<tfm::MatmulOp> {
  ProductToAttention(MLIRContext* context, Evaluator& evaluator) : OpRewritePattern(context), evaluator(evaluator) {}

  LogicalResult matchAndRewrite(tfm::MatmulOp op, PatternRewriter& rewriter) const override {
    auto softmax = withoutUnitReshape(withoutNanGuard(op.getLhs())).getDefiningOp<tfm::SoftmaxOp>();
    if (!softmax || static_cast<int64_t>(softmax.getAxis()) != typeOf(softmax).getRank() - 1)
      return rewriter.notifyMatchFailure(op, "left operand is not a softmax over keys");
    auto scores = matchScores(softmax.getOperand());
    if (!scores)
      return declined(rewriter, op, "softmax is not over scaled and masked products of queries and keys");
    const char* why = nullptr;
    {
      Block trial;  // a pattern that fails must not leave operations behind
      OpBuilder builder(op.getContext());
      builder.setInsertionPointToStart(&trial);
      if (!collectOperands(builder, *scores, op.getRhs(), why))
        return declined(rewriter, op, why);
    }
    std::string maskWhy;
    int64_t headCount = headsOf(typeOf(scores->product), typeOf(op).getRank() - 2);
    const Extent extent = extentOf(op, evaluator);
    SmallVector<float> slopes = takeSlopes(scores->mask, headCount, extent, evaluator);
    auto bias = takeDistanceBias(scores->mask, headCount, extent, evaluator, maskWhy);
    if (!maskWhy.empty())
      return declined(rewriter, op, maskWhy);
    APFloat softcap(static_cast<float>(scores->softcap));
    bool overSource = tfm::dimsOf(typeOf(scores->product)).back() == symbolExpr(tfm::Symbol::source, op.getContext());
    auto mask = overSource ? classifySourceMask(scores->mask, longestSource(op, evaluator), evaluator, maskWhy)
                           : classifyMask(scores->mask, extent, evaluator, maskWhy);
    if (!mask)
      return declined(rewriter, op, maskWhy);

    auto [query, key, value, scale] = *collectOperands(rewriter, *scores, op.getRhs(), why);
    auto flat = [&](Value heads) { return toRows(rewriter, op.getLoc(), heads, rowAxisOf(heads)); };
    Value rows = flat(query);
    auto attention = rewriter.create<tfm::AttentionOp>(op.getLoc(), rows.getType(), rows, flat(key), flat(value), mask->padding,
                                                       headsOf(typeOf(query), rowAxisOf(query)), headsOf(typeOf(key), rowAxisOf(key)),
                                                       typeOf(query).getShape().back(), APFloat(static_cast<float>(scale)), mask->kind,
                                                       mask->window, softcap, slopes);
    if (bias)
      attention.setBias(bias->table, bias->before);
    // Where the batch comes back, it does so before heads become rows.
    Operation* result = op;
    if (auto reshape = op->hasOneUse() ? dyn_cast<tfm::ReshapeOp>(*op->user_begin()) : tfm::ReshapeOp();
        reshape && typeOf(op).getRank() == 3 && typeOf(reshape).getRank() == 4 && withoutUnitReshape(reshape) == op.getResult())
      result = reshape;
    RankedTensorType heads = typeOf(result->getResult(0)), wide = withLastDim(heads, typeOf(query).getShape().back());
    Value given = fromRows(rewriter, op.getLoc(), attention, wide, rowAxisOf(result->getResult(0)));
    if (wide != heads)
      given = rewriter.create<tfm::SliceOp>(op.getLoc(), heads, given, heads.getRank() - 1,
                                            tfm::symbolicMap(rewriter.getAffineConstantExpr(0), op.getContext()), 1);
    rewriter.replaceOp(result, given);
    if (result != op)
      rewriter.eraseOp(op);
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
