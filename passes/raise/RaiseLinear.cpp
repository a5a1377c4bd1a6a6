#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/raise/Matching.h"
#include "passes/raise/Passes.h"

namespace quantc {
#define GEN_PASS_DEF_RAISELINEARPASS
#include "passes/raise/Passes.h.inc"

using namespace mlir;
using namespace raise;

namespace {

struct MatmulToLinear : OpRewritePattern<tfm::MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::MatmulOp op, PatternRewriter& rewriter) const override {
    Attribute expr = weightExprOf(op.getRhs());
    RankedTensorType weightType = typeOf(op.getRhs());
    if (!expr || weightType.getRank() != 2)
      return rewriter.notifyMatchFailure(op, "right operand is not a weight [in, out]");
    if (weightExprOf(op.getLhs()))
      return rewriter.notifyMatchFailure(op, "both operands are constant");
    // The linear works on rows, so it goes before a reshape of the leading dimensions.
    Value input = op.getLhs();
    auto reshape = input.getDefiningOp<tfm::ReshapeOp>();
    if (reshape && typeOf(reshape.getOperand()).getRank() > 0 && typeOf(reshape.getOperand()).getShape().back() == weightType.getDimSize(0))
      input = reshape.getOperand();
    Value linear = rewriter.create<tfm::LinearOp>(op.getLoc(), withLastDim(typeOf(input), weightType.getDimSize(1)), input,
                                                  createWeight(rewriter, op.getLoc(), permuted(expr, {1, 0})));
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), linear, typeOf(op)));
    return success();
  }
};

/// Begin of a slice with constant ends along the last axis, of a value that only such slices use.
std::optional<int64_t> onlySlicedAt(tfm::SliceOp op) {
  for (Operation* user : op.getOperand().getUsers()) {
    auto slice = dyn_cast<tfm::SliceOp>(user);
    if (!slice || static_cast<int64_t>(slice.getAxis()) != typeOf(slice.getOperand()).getRank() - 1 || slice.getStep() != 1 ||
        !isa<AffineConstantExpr>(slice.getBegin().getResult(0)) || typeOf(slice).getShape().back() == ShapedType::kDynamic)
      return std::nullopt;
  }
  return cast<AffineConstantExpr>(op.getBegin().getResult(0)).getValue();
}

/// slice(linear(x, w)) = linear(x, slice(w)), also behind a reshape of the leading dimensions.
struct SliceOfLinear : OpRewritePattern<tfm::SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::SliceOp op, PatternRewriter& rewriter) const override {
    auto linear = op.getOperand().getDefiningOp<tfm::LinearOp>();
    if (auto reshape = op.getOperand().getDefiningOp<tfm::ReshapeOp>();
        reshape && typeOf(reshape.getOperand()).getRank() > 0 &&
        typeOf(reshape.getOperand()).getShape().back() == typeOf(reshape).getShape().back() && reshape.getOperand().hasOneUse())
      linear = reshape.getOperand().getDefiningOp<tfm::LinearOp>();
    Attribute weight = linear ? weightExprOf(linear.getWeight()) : Attribute();
    auto begin = weight ? onlySlicedAt(op) : std::nullopt;
    if (!begin)
      return rewriter.notifyMatchFailure(op, "operand is not a linear of which only slices are used");
    auto sliced = tfm::SlicedAttr::get(op.getContext(), weight, 0, *begin, *begin + typeOf(op).getShape().back());
    Value part = rewriter.create<tfm::LinearOp>(op.getLoc(), withLastDim(typeOf(linear), typeOf(op).getShape().back()), linear.getInput(),
                                                createWeight(rewriter, op.getLoc(), sliced));
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), part, typeOf(op)));
    return success();
  }
};

/// slice(x + bias) = slice(x) + slice(bias), likewise for other operations with a vector.
struct SliceOfBias : OpRewritePattern<tfm::SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::SliceOp op, PatternRewriter& rewriter) const override {
    auto binary = op.getOperand().getDefiningOp<tfm::BinaryOp>();
    auto begin = binary ? onlySlicedAt(op) : std::nullopt;
    if (!begin)
      return rewriter.notifyMatchFailure(op, "operand is not a sum of which only slices are used");
    int64_t width = typeOf(binary).getShape().back(), size = typeOf(op).getShape().back();
    bool hasVector = false;
    for (Value operand : binary->getOperands()) {
      bool isVector = static_cast<bool>(vectorExprOf(operand, width));
      if (!isVector && tfm::dimsOf(typeOf(operand)) != tfm::dimsOf(typeOf(binary)))
        return rewriter.notifyMatchFailure(op, "operand of the sum is neither a vector nor of the sum's shape");
      hasVector |= isVector;
    }
    if (!hasVector)
      return rewriter.notifyMatchFailure(op, "no operand of the sum is a weight");
    SmallVector<Value> operands;
    for (Value operand : binary->getOperands()) {
      if (Attribute vector = vectorExprOf(operand, width))
        operands.push_back(createWeight(rewriter, op.getLoc(), tfm::SlicedAttr::get(op.getContext(), vector, 0, *begin, *begin + size)));
      else
        operands.push_back(rewriter.create<tfm::SliceOp>(op.getLoc(), tfm::withElement(typeOf(op), typeOf(operand).getElementType()),
                                                         operand, op.getAxis(), op.getBegin(), op.getStep()));
    }
    rewriter.replaceOpWithNewOp<tfm::BinaryOp>(op, op.getType(), binary.getKind(), operands[0], operands[1]);
    return success();
  }
};

/// Biases and other vectors that were given as small constants or with leading dimensions of 1 become weights [n].
struct VectorOfLinear : OpRewritePattern<tfm::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::BinaryOp op, PatternRewriter& rewriter) const override {
    for (unsigned i = 0; i < 2; ++i) {
      Value other = op->getOperand(1 - i), operand = op->getOperand(i);
      if (!other.getDefiningOp<tfm::LinearOp>() || other.getType() != op.getType())
        continue;
      Attribute vector = vectorExprOf(operand, typeOf(op).getShape().back());
      if (!vector || (operand.getDefiningOp<tfm::WeightOp>() && typeOf(operand).getRank() == 1) || typeOf(operand).getNumElements() == 1)
        continue;
      Value weight = createWeight(rewriter, op.getLoc(), vector);
      rewriter.modifyOpInPlace(op, [&] { op->setOperand(i, weight); });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "does not combine a linear and a constant vector");
  }
};

struct RaiseLinearPass : impl::RaiseLinearPassBase<RaiseLinearPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<MatmulToLinear, SliceOfLinear, SliceOfBias, VectorOfLinear>(&getContext());
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

}  // namespace
}  // namespace quantc
