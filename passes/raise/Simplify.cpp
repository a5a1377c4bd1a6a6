#include "dialects/tfm/Interpreter.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/raise/Matching.h"
#include "passes/raise/Passes.h"
#include "passes/raise/SinkTranspose.h"

namespace quantc {
#define GEN_PASS_DEF_SIMPLIFYPASS
#include "passes/raise/Passes.h.inc"

using namespace mlir;
using namespace raise;

namespace {

constexpr int64_t kMostFoldedElements = 4096;

struct DropCast : OpRewritePattern<tfm::CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::CastOp op, PatternRewriter& rewriter) const override {
    if (op.getOperand().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "changes the type");
    rewriter.replaceOp(op, op.getOperand());
    return success();
  }
};

struct SimplifyReshape : OpRewritePattern<tfm::ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::ReshapeOp op, PatternRewriter& rewriter) const override {
    if (auto weight = op.getOperand().getDefiningOp<tfm::WeightOp>()) {
      rewriter.replaceOp(op, createWeight(rewriter, op.getLoc(), reshaped(weight.getExpr(), typeOf(op).getShape())));
      return success();
    }
    if (op.getOperand().getType() != op.getType() && !op.getOperand().getDefiningOp<tfm::ReshapeOp>())
      return rewriter.notifyMatchFailure(op, "changes the shape");
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), op.getOperand(), typeOf(op)));
    return success();
  }
};

struct SimplifyTranspose : OpRewritePattern<tfm::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::TransposeOp op, PatternRewriter& rewriter) const override {
    if (auto weight = op.getOperand().getDefiningOp<tfm::WeightOp>()) {
      rewriter.replaceOp(op, createWeight(rewriter, op.getLoc(), permuted(weight.getExpr(), op.getOrder())));
      return success();
    }
    if (!op.getOperand().getDefiningOp<tfm::TransposeOp>() && !keepsElementOrder(typeOf(op.getOperand()), op.getOrder()))
      return rewriter.notifyMatchFailure(op, "moves elements");
    rewriter.replaceOp(op, makeTranspose(rewriter, op.getLoc(), op.getOperand(), op.getOrder()));
    return success();
  }
};

struct SimplifyBroadcast : OpRewritePattern<tfm::BroadcastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::BroadcastOp op, PatternRewriter& rewriter) const override {
    if (op.getOperand().getType() == op.getType()) {
      rewriter.replaceOp(op, op.getOperand());
      return success();
    }
    auto inner = op.getOperand().getDefiningOp<tfm::BroadcastOp>();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "repeats elements");
    rewriter.replaceOpWithNewOp<tfm::BroadcastOp>(op, op.getType(), inner.getOperand());
    return success();
  }
};

/// Elementwise operations broadcast by themselves.
template <typename Op> struct DropImpliedBroadcast : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter& rewriter) const override {
    for (OpOperand& operand : op->getOpOperands()) {
      auto broadcast = operand.get().template getDefiningOp<tfm::BroadcastOp>();
      if (!broadcast)
        continue;
      SmallVector<RankedTensorType> types;
      for (OpOperand& other : op->getOpOperands())
        types.push_back(typeOf(&other == &operand ? broadcast.getOperand() : other.get()));
      auto dims = broadcastDims(types);
      if (!dims || *dims != tfm::dimsOf(typeOf(op.getResult())))
        continue;
      rewriter.modifyOpInPlace(op, [&] { operand.set(broadcast.getOperand()); });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no operand is repeated needlessly");
  }
};

/// x * 1, x / 1, x + 0, x - 0, x ^ 1.
struct DropNeutral : OpRewritePattern<tfm::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::BinaryOp op, PatternRewriter& rewriter) const override {
    tfm::BinaryKind kind = op.getKind();
    bool commutes = kind == tfm::BinaryKind::mul || kind == tfm::BinaryKind::add;
    bool one = kind == tfm::BinaryKind::mul || kind == tfm::BinaryKind::div || kind == tfm::BinaryKind::pow;
    if (!one && kind != tfm::BinaryKind::add && kind != tfm::BinaryKind::sub)
      return rewriter.notifyMatchFailure(op, "has no neutral operand");
    for (auto [kept, other] : bothOrders(op)) {
      if (scalarOf(other) == (one ? 1.0 : 0.0) && kept.getType() == op.getType() && (commutes || kept == op.getLhs())) {
        rewriter.replaceOp(op, kept);
        return success();
      }
    }
    return rewriter.notifyMatchFailure(op, "no operand is neutral");
  }
};

struct DropConcat : OpRewritePattern<tfm::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::ConcatOp op, PatternRewriter& rewriter) const override {
    if (op.getOperands().size() != 1)
      return rewriter.notifyMatchFailure(op, "has several operands");
    rewriter.replaceOp(op, op.getOperands()[0]);
    return success();
  }
};

/// Something behind a transposed argument: behind the argument itself, then transposed. Keys of earlier steps come so.
struct ConcatBehindTransposedArgument : OpRewritePattern<tfm::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::ConcatOp op, PatternRewriter& rewriter) const override {
    auto transpose = op.getOperands().size() == 2 ? op.getOperands()[0].getDefiningOp<tfm::TransposeOp>() : tfm::TransposeOp();
    if (!transpose || !isa<BlockArgument>(transpose.getOperand()))
      return rewriter.notifyMatchFailure(op, "puts nothing behind a transposed argument");
    ArrayRef<int64_t> order = transpose.getOrder();
    SmallVector<int64_t> back(order.size());
    for (auto [to, from] : llvm::enumerate(order))
      back[from] = static_cast<int64_t>(to);
    SmallVector<AffineExpr> whole = tfm::dimsOf(typeOf(op)), dims;
    for (int64_t axis : back)
      dims.push_back(whole[axis]);
    Value behind = makeTranspose(rewriter, op.getLoc(), op.getOperands()[1], back);
    Value inner = rewriter.create<tfm::ConcatOp>(op.getLoc(), tfm::makeTensorType(dims, typeOf(op).getElementType()),
                                                 ValueRange{transpose.getOperand(), behind}, order[op.getAxis()]);
    rewriter.replaceOp(op, makeTranspose(rewriter, op.getLoc(), inner, order));
    return success();
  }
};

struct DropSlice : OpRewritePattern<tfm::SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::SliceOp op, PatternRewriter& rewriter) const override {
    if (op.getOperand().getType() != op.getType() || op.getStep() != 1)
      return rewriter.notifyMatchFailure(op, "drops elements");
    rewriter.replaceOp(op, op.getOperand());
    return success();
  }
};

/// What a concatenation put in is taken out again.
struct SliceOfConcat : OpRewritePattern<tfm::SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::SliceOp op, PatternRewriter& rewriter) const override {
    auto concat = op.getOperand().getDefiningOp<tfm::ConcatOp>();
    if (!concat || concat.getAxis() != op.getAxis() || op.getStep() != 1)
      return rewriter.notifyMatchFailure(op, "is no slice of a concatenation along its axis");
    AffineExpr begin = getAffineConstantExpr(0, op.getContext());
    for (Value part : concat.getOperands()) {
      if (begin == op.getBegin().getResult(0) && part.getType() == op.getType()) {
        rewriter.replaceOp(op, part);
        return success();
      }
      begin = begin + tfm::dimsOf(typeOf(part))[op.getAxis()];
    }
    return rewriter.notifyMatchFailure(op, "does not take one operand");
  }
};

/// transpose(slice(transpose(x))) = slice(x) where the transposes undo each other.
struct SliceBetweenTransposes : OpRewritePattern<tfm::TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::TransposeOp op, PatternRewriter& rewriter) const override {
    auto slice = op.getOperand().getDefiningOp<tfm::SliceOp>();
    auto inner = slice ? slice.getOperand().getDefiningOp<tfm::TransposeOp>() : tfm::TransposeOp();
    if (!inner)
      return rewriter.notifyMatchFailure(op, "no slice of a transposed tensor in front");
    for (auto [to, from] : llvm::enumerate(op.getOrder()))
      if (inner.getOrder()[from] != static_cast<int64_t>(to))
        return rewriter.notifyMatchFailure(op, "does not undo the transpose in front");
    rewriter.replaceOpWithNewOp<tfm::SliceOp>(op, op.getType(), inner.getOperand(), inner.getOrder()[slice.getAxis()], slice.getBegin(),
                                              slice.getStep());
    return success();
  }
};

/// A lookup of one place that is known is a slice.
struct GatherToSlice : OpRewritePattern<tfm::GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::GatherOp op, PatternRewriter& rewriter) const override {
    auto index = typeOf(op.getIndices()).hasStaticShape() && typeOf(op.getIndices()).getNumElements() == 1 ? scalarOf(op.getIndices())
                                                                                                           : std::nullopt;
    if (!index || weightExprOf(op.getOperand()))
      return rewriter.notifyMatchFailure(op, "does not look up one known place of a computed tensor");
    RankedTensorType from = typeOf(op.getOperand());
    SmallVector<AffineExpr> dims = tfm::dimsOf(from);
    int64_t axis = op.getAxis();
    AffineExpr begin = getAffineConstantExpr(static_cast<int64_t>(*index), op.getContext());
    if (*index < 0)
      begin = dims[axis] + begin;
    dims[axis] = getAffineConstantExpr(1, op.getContext());
    Value slice = rewriter.create<tfm::SliceOp>(op.getLoc(), tfm::makeTensorType(dims, from.getElementType()), op.getOperand(), axis,
                                                tfm::symbolicMap(begin, op.getContext()), 1);
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), slice, typeOf(op)));
    return success();
  }
};

/// One matrix of several in a weight, as experts have them.
struct GatherOfWeight : OpRewritePattern<tfm::GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::GatherOp op, PatternRewriter& rewriter) const override {
    auto weight = op.getOperand().getDefiningOp<tfm::WeightOp>();
    RankedTensorType indices = typeOf(op.getIndices());
    const bool single = indices.hasStaticShape() && indices.getNumElements() == 1;
    auto index = weight && single && typeOf(weight).getRank() > 2 ? scalarOf(op.getIndices()) : std::nullopt;
    if (!index)
      return rewriter.notifyMatchFailure(op, "does not look up one known matrix of a weight");
    const int64_t axis = op.getAxis(), extent = typeOf(weight).getDimSize(axis);
    const int64_t begin = static_cast<int64_t>(*index) + (*index < 0 ? extent : 0);
    if (begin < 0 || begin >= extent)
      return rewriter.notifyMatchFailure(op, "looks beyond the weight");
    auto slice = tfm::SlicedAttr::get(op.getContext(), weight.getExpr(), axis, begin, begin + 1);
    rewriter.replaceOp(op, createWeight(rewriter, op.getLoc(), reshaped(slice, typeOf(op).getShape())));
    return success();
  }
};

/// Evaluates operations whose operands are all small constants.
struct FoldConstants : RewritePattern {
  explicit FoldConstants(MLIRContext* context) : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}

  LogicalResult matchAndRewrite(Operation* op, PatternRewriter& rewriter) const override {
    auto type = op->getNumResults() == 1 ? dyn_cast<RankedTensorType>(op->getResult(0).getType()) : RankedTensorType();
    bool constants =
        op->getNumOperands() > 0 && llvm::all_of(op->getOperands(), [](Value value) { return value.getDefiningOp<tfm::ConstantOp>(); });
    if (!constants || !type || !type.hasStaticShape() || type.getNumElements() > kMostFoldedElements ||
        !type.getElementType().isIntOrFloat() || isa<tfm::CacheAppendOp>(op))
      return rewriter.notifyMatchFailure(op, "is not computed from small constants");
    // A splat that is repeated stays a splat, and stays visible as the scalar that it is.
    tfm::Interpreter interpreter(tfm::StepSize{});
    const tfm::Array* array = interpreter.evaluate(op->getResult(0));
    if (!array)
      return rewriter.notifyMatchFailure(op, interpreter.reason());
    Type element = type.getElementType();
    SmallVector<Attribute> values;
    for (double value : array->values)
      values.push_back(isa<FloatType>(element) ? Attribute(rewriter.getFloatAttr(element, value))
                                               : Attribute(rewriter.getIntegerAttr(element, static_cast<int64_t>(value))));
    rewriter.replaceOpWithNewOp<tfm::ConstantOp>(op, type, DenseElementsAttr::get(type, values));
    return success();
  }
};

/// Reshapes of leading dimensions alone move: those that split heads off the last one stay where they are.
bool keepsLastDim(tfm::ReshapeOp reshape) {
  SmallVector<AffineExpr> from = tfm::dimsOf(typeOf(reshape.getOperand())), to = tfm::dimsOf(typeOf(reshape));
  return !from.empty() && !to.empty() && from.back() == to.back();
}

struct SinkReshapeBelowUnary : OpRewritePattern<tfm::UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::UnaryOp op, PatternRewriter& rewriter) const override {
    auto reshape = op.getOperand().getDefiningOp<tfm::ReshapeOp>();
    if (!reshape || !keepsLastDim(reshape))
      return rewriter.notifyMatchFailure(op, "no reshape in front that keeps rows");
    Value inner = rewriter.create<tfm::UnaryOp>(op.getLoc(), reshape.getOperand().getType(), op.getKind(), reshape.getOperand());
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), inner, typeOf(op)));
    return success();
  }
};

/// A reshape moves behind an operation with a scalar, with a vector along a last dimension that it keeps, or with a tensor of the same reshape.
struct SinkReshapeBelowBinary : OpRewritePattern<tfm::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;

  static bool commutes(tfm::ReshapeOp reshape, Value other, RankedTensorType result) {
    RankedTensorType from = typeOf(reshape.getOperand()), to = typeOf(reshape), type = typeOf(other);
    if (tfm::dimsOf(to) != tfm::dimsOf(result) || !keepsLastDim(reshape))
      return false;
    bool isVector = type.getRank() == 1 && !type.isDynamicDim(0);
    bool isScalar = type.hasStaticShape() && type.getNumElements() == 1 && type.getRank() <= std::min(from.getRank(), to.getRank());
    return isScalar || (isVector && type.getDimSize(0) == from.getShape().back());
  }

  LogicalResult matchAndRewrite(tfm::BinaryOp op, PatternRewriter& rewriter) const override {
    auto left = op.getLhs().getDefiningOp<tfm::ReshapeOp>(), right = op.getRhs().getDefiningOp<tfm::ReshapeOp>();
    Value lhs = op.getLhs(), rhs = op.getRhs();
    RankedTensorType from;
    if (left && right && keepsLastDim(left) && left.getType() == right.getType() &&
        left.getOperand().getType() == right.getOperand().getType()) {
      lhs = left.getOperand();
      rhs = right.getOperand();
      from = typeOf(lhs);
    } else if (left && commutes(left, rhs, typeOf(op))) {
      lhs = left.getOperand();
      from = typeOf(lhs);
    } else if (right && commutes(right, lhs, typeOf(op))) {
      rhs = right.getOperand();
      from = typeOf(rhs);
    } else {
      return rewriter.notifyMatchFailure(op, "no reshape that commutes with it");
    }
    Value inner = rewriter.create<tfm::BinaryOp>(op.getLoc(), tfm::withElement(from, typeOf(op).getElementType()), op.getKind(), lhs, rhs);
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), inner, typeOf(op)));
    return success();
  }
};

/// A reshape that keeps the last dimension moves behind an operation on rows.
template <typename Op> struct SinkReshapeBelowRows : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter& rewriter) const override {
    auto reshape = op.getInput().template getDefiningOp<tfm::ReshapeOp>();
    if (!reshape || !keepsLastDim(reshape))
      return rewriter.notifyMatchFailure(op, "no reshape in front that keeps rows");
    SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(reshape.getOperand()));
    dims.back() = tfm::dimsOf(typeOf(op)).back();
    IRMapping mapping;
    mapping.map(reshape.getResult(), reshape.getOperand());
    Operation* inner = rewriter.clone(*op, mapping);
    inner->getResult(0).setType(tfm::makeTensorType(dims, typeOf(op).getElementType()));
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), inner->getResult(0), typeOf(op)));
    return success();
  }
};

/// A transpose that keeps the last dimension moves behind a norm of rows.
template <typename Op> struct SinkTransposeBelowRows : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter& rewriter) const override {
    auto transpose = op.getInput().template getDefiningOp<tfm::TransposeOp>();
    if (!transpose || transpose.getOrder().back() != static_cast<int64_t>(transpose.getOrder().size()) - 1)
      return rewriter.notifyMatchFailure(op, "no transpose in front that keeps rows");
    IRMapping mapping;
    mapping.map(transpose.getResult(), transpose.getOperand());
    Operation* inner = rewriter.clone(*op, mapping);
    inner->getResult(0).setType(tfm::withElement(typeOf(transpose.getOperand()), typeOf(op).getElementType()));
    rewriter.replaceOp(op, makeTranspose(rewriter, op.getLoc(), inner->getResult(0), transpose.getOrder()));
    return success();
  }
};

struct SimplifyPass : impl::SimplifyPassBase<SimplifyPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<DropCast, SimplifyReshape, SimplifyTranspose, SimplifyBroadcast, DropImpliedBroadcast<tfm::BinaryOp>,
                 DropImpliedBroadcast<tfm::SelectOp>, DropNeutral, DropConcat, ConcatBehindTransposedArgument, DropSlice, SliceOfConcat,
                 SliceBetweenTransposes, GatherToSlice, GatherOfWeight, FoldConstants, SinkReshapeBelowUnary, SinkReshapeBelowBinary,
                 SinkReshapeBelowRows<tfm::LinearOp>, SinkReshapeBelowRows<tfm::RmsNormOp>, SinkReshapeBelowRows<tfm::LayerNormOp>,
                 SinkTransposeBelowRows<tfm::RmsNormOp>, SinkTransposeBelowRows<tfm::LayerNormOp>>(&getContext());
    addSinkTransposePatterns(patterns);
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

}  // namespace
}  // namespace quantc
