// Channels before positions, [1, channels, positions...], is what ONNX has between convolutions; rows of channels are what everything else works on.
// Transposes of the two move behind what is computed element by element or along positions until they meet one that undoes them.
#include "passes/raise/SinkTranspose.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "passes/raise/Matching.h"

namespace quantc {

using namespace mlir;
using namespace raise;

namespace {

/// [1, positions..., channels] to [1, channels, positions...].
SmallVector<int64_t> channelsFirst(int64_t rank) {
  SmallVector<int64_t> order{0, rank - 1};
  for (int64_t i = 1; i < rank - 1; ++i)
    order.push_back(i);
  return order;
}

/// The transpose behind a value that puts channels first, of a tensor that depends on the model's inputs.
tfm::TransposeOp firstOf(Value value) {
  auto op = value.getDefiningOp<tfm::TransposeOp>();
  bool puts = op && typeOf(op).getRank() >= 3 && op.getOrder() == ArrayRef(channelsFirst(typeOf(op).getRank())) &&
              typeOf(op).getElementType().isF32() && !isPositional(value);
  return puts ? op : tfm::TransposeOp();
}

Value makeFirst(OpBuilder& builder, Location loc, Value last) {
  return makeTranspose(builder, loc, last, channelsFirst(typeOf(last).getRank()));
}

/// Operations on an element or on a group of channels, whatever the order of dimensions.
template <typename Op> struct BelowSame : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op, PatternRewriter& rewriter) const override {
    tfm::TransposeOp first = firstOf(op->getOperand(0));
    if (!first)
      return rewriter.notifyMatchFailure(op, "no channels are put first in front");
    IRMapping mapping;
    mapping.map(first.getResult(), first.getOperand());
    Operation* inner = rewriter.clone(*op, mapping);
    inner->getResult(0).setType(first.getOperand().getType());
    rewriter.replaceOp(op, makeFirst(rewriter, op.getLoc(), inner->getResult(0)));
    return success();
  }
};

/// A norm over all elements; one over groups of channels asks for them last.
struct BelowNorm : BelowSame<tfm::GroupNormOp> {
  using BelowSame::BelowSame;
  LogicalResult matchAndRewrite(tfm::GroupNormOp op, PatternRewriter& rewriter) const override {
    return op.getGroups() == 1 ? BelowSame::matchAndRewrite(op, rewriter) : rewriter.notifyMatchFailure(op, "has groups of channels");
  }
};

/// The other operand has channels first too, is a scalar, or one number per channel.
struct BelowBinary : OpRewritePattern<tfm::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::BinaryOp op, PatternRewriter& rewriter) const override {
    tfm::TransposeOp left = firstOf(op.getLhs()), right = firstOf(op.getRhs());
    if (!left && !right)
      return rewriter.notifyMatchFailure(op, "no channels are put first in front");
    Value last = (left ? left : right).getOperand(), other = left ? op.getRhs() : op.getLhs();
    RankedTensorType type = typeOf(last);
    if (typeOf(op) != typeOf(left ? left : right))
      return rewriter.notifyMatchFailure(op, "broadcasts the operand with channels first");
    Value moved;
    if (left && right && left.getOperand().getType() == right.getOperand().getType())
      moved = right.getOperand();
    else if (typeOf(other).hasStaticShape() && typeOf(other).getNumElements() == 1)
      moved = makeReshape(rewriter, op.getLoc(), other, RankedTensorType::get({}, typeOf(other).getElementType()));
    else if (isPerChannel(typeOf(other), type))
      moved = makeReshape(rewriter, op.getLoc(), other,
                          RankedTensorType::get({typeOf(other).getNumElements()}, typeOf(other).getElementType()));
    if (!moved)
      return rewriter.notifyMatchFailure(op, "other operand is not the same for all positions");
    Value lhs = left ? last : moved, rhs = left ? moved : last;
    Value inner = rewriter.create<tfm::BinaryOp>(op.getLoc(), type, op.getKind(), lhs, rhs);
    rewriter.replaceOp(op, makeFirst(rewriter, op.getLoc(), inner));
    return success();
  }

  /// [channels, 1...] or [1, channels, 1...]
  static bool isPerChannel(RankedTensorType other, RankedTensorType rows) {
    int64_t channelAxis = other.getRank() - (rows.getRank() - 1);
    return other.hasStaticShape() && (channelAxis == 0 || channelAxis == 1) && other.getDimSize(channelAxis) == rows.getShape().back() &&
           other.getNumElements() == other.getDimSize(channelAxis);
  }
};

/// Channels behind channels.
struct BelowConcat : OpRewritePattern<tfm::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::ConcatOp op, PatternRewriter& rewriter) const override {
    SmallVector<Value> parts;
    SmallVector<AffineExpr> dims;
    for (Value operand : op.getOperands()) {
      tfm::TransposeOp first = firstOf(operand);
      if (!first || op.getAxis() != 1)
        return rewriter.notifyMatchFailure(op, "does not put channels together that are all put first");
      parts.push_back(first.getOperand());
    }
    dims = tfm::dimsOf(typeOf(parts.front()));
    dims.back() = tfm::dimsOf(typeOf(op))[1];
    RankedTensorType type = tfm::makeTensorType(dims, typeOf(op).getElementType());
    Value inner = rewriter.create<tfm::ConcatOp>(op.getLoc(), type, parts, dims.size() - 1);
    rewriter.replaceOp(op, makeFirst(rewriter, op.getLoc(), inner));
    return success();
  }
};

/// Positions that are looked up.
struct BelowGather : OpRewritePattern<tfm::GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::GatherOp op, PatternRewriter& rewriter) const override {
    tfm::TransposeOp first = firstOf(op.getOperand());
    int64_t axis = op.getAxis();
    if (!first || axis < 2 || typeOf(op.getIndices()).getRank() != 1)
      return rewriter.notifyMatchFailure(op, "does not look up positions behind channels that are put first");
    SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(first.getOperand()));
    dims[axis - 1] = tfm::dimsOf(typeOf(op))[axis];
    RankedTensorType type = tfm::makeTensorType(dims, typeOf(op).getElementType());
    Value inner = rewriter.create<tfm::GatherOp>(op.getLoc(), type, first.getOperand(), op.getIndices(), axis - 1);
    rewriter.replaceOp(op, makeFirst(rewriter, op.getLoc(), inner));
    return success();
  }
};

/// Positions in another number of dimensions.
struct BelowReshape : OpRewritePattern<tfm::ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::ReshapeOp op, PatternRewriter& rewriter) const override {
    tfm::TransposeOp first = firstOf(op.getOperand());
    SmallVector<AffineExpr> to = tfm::dimsOf(typeOf(op));
    if (!first || to.size() < 3 || ArrayRef(to).take_front(2) != ArrayRef(tfm::dimsOf(typeOf(first))).take_front(2))
      return rewriter.notifyMatchFailure(op, "does not keep batch and channels that are put first");
    std::rotate(to.begin() + 1, to.begin() + 2, to.end());
    Value inner = makeReshape(rewriter, op.getLoc(), first.getOperand(), tfm::makeTensorType(to, typeOf(op).getElementType()));
    rewriter.replaceOp(op, makeFirst(rewriter, op.getLoc(), inner));
    return success();
  }
};

}  // namespace

void addSinkTransposePatterns(RewritePatternSet& patterns) {
  patterns.add<BelowSame<tfm::UnaryOp>, BelowNorm, BelowBinary, BelowConcat, BelowGather, BelowReshape>(patterns.getContext());
}

}  // namespace quantc
