// [1, channels, positions] is what ONNX has between convolutions; rows of channels are what everything else works on. Transposes of the two move behind
// elementwise operations until they meet one that undoes them.
#include "passes/raise/SinkTranspose.h"
#include "mlir/IR/PatternMatch.h"
#include "passes/raise/Matching.h"

namespace quantc {

using namespace mlir;
using namespace raise;

namespace {

constexpr int64_t kSwap[] = {0, 2, 1};

/// A transpose of the last two of three dimensions, of a tensor that depends on the model's inputs.
tfm::TransposeOp swapOf(Value value) {
  auto op = value.getDefiningOp<tfm::TransposeOp>();
  bool swaps = op && op.getOrder() == ArrayRef<int64_t>(kSwap) && typeOf(op).getElementType().isF32() && !isPositional(value);
  return swaps ? op : tfm::TransposeOp();
}

struct BelowUnary : OpRewritePattern<tfm::UnaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::UnaryOp op, PatternRewriter& rewriter) const override {
    tfm::TransposeOp swap = swapOf(op.getOperand());
    if (!swap)
      return rewriter.notifyMatchFailure(op, "no swapped dimensions in front");
    Value inner = rewriter.create<tfm::UnaryOp>(op.getLoc(), swap.getOperand().getType(), op.getKind(), swap.getOperand());
    rewriter.replaceOp(op, makeTranspose(rewriter, op.getLoc(), inner, kSwap));
    return success();
  }
};

struct BelowGlobalNorm : OpRewritePattern<tfm::GlobalNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::GlobalNormOp op, PatternRewriter& rewriter) const override {
    tfm::TransposeOp swap = swapOf(op.getInput());
    if (!swap)
      return rewriter.notifyMatchFailure(op, "no swapped dimensions in front");
    Value inner = rewriter.create<tfm::GlobalNormOp>(op.getLoc(), swap.getOperand().getType(), swap.getOperand(), op.getEpsilon());
    rewriter.replaceOp(op, makeTranspose(rewriter, op.getLoc(), inner, kSwap));
    return success();
  }
};

/// The other operand is swapped too, a scalar, or one number per channel.
struct BelowBinary : OpRewritePattern<tfm::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::BinaryOp op, PatternRewriter& rewriter) const override {
    tfm::TransposeOp left = swapOf(op.getLhs()), right = swapOf(op.getRhs());
    if (!left && !right)
      return rewriter.notifyMatchFailure(op, "no swapped dimensions in front");
    Value swapped = (left ? left : right).getOperand(), other = left ? op.getRhs() : op.getLhs();
    RankedTensorType type = typeOf(swapped);
    if (typeOf(op) != typeOf(left ? left : right))
      return rewriter.notifyMatchFailure(op, "broadcasts the swapped operand");
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
    Value lhs = left ? swapped : moved, rhs = left ? moved : swapped;
    Value inner = rewriter.create<tfm::BinaryOp>(op.getLoc(), type, op.getKind(), lhs, rhs);
    rewriter.replaceOp(op, makeTranspose(rewriter, op.getLoc(), inner, kSwap));
    return success();
  }

  /// [channels, 1] or [1, channels, 1]
  static bool isPerChannel(RankedTensorType other, RankedTensorType rows) {
    int64_t rank = other.getRank();
    return other.hasStaticShape() && (rank == 2 || rank == 3) && other.getDimSize(rank - 1) == 1 &&
           other.getNumElements() == other.getDimSize(rank - 2) && other.getDimSize(rank - 2) == rows.getShape().back();
  }
};

}  // namespace

void addSinkTransposePatterns(RewritePatternSet& patterns) {
  patterns.add<BelowUnary, BelowGlobalNorm, BelowBinary>(patterns.getContext());
}

}  // namespace quantc
