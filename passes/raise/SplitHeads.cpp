#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/raise/Matching.h"
#include "passes/raise/Passes.h"

namespace quantc {
#define GEN_PASS_DEF_SPLITHEADSPASS
#include "passes/raise/Passes.h.inc"

using namespace mlir;
using namespace raise;

namespace {

/// The linear behind a value [..., n], or behind the vector that is added to it.
tfm::LinearOp linearBehind(Value value, Value& vector) {
  vector = {};
  if (auto sum = binaryOf(value, tfm::BinaryKind::add))
    for (auto [product, other] : bothOrders(sum))
      if (product.getDefiningOp<tfm::LinearOp>() && product.getType() == sum.getType() &&
          vectorExprOf(other, typeOf(sum).getShape().back())) {
        vector = other;
        value = product;
        break;
      }
  return value.getDefiningOp<tfm::LinearOp>();
}

/// slice(reshape(linear(x, w))) where the reshape splits the last dimension and nothing but slices along one of its parts are used: queries, keys and
/// values that lie head by head. The weight's rows are taken apart instead.
struct SliceOfSplitLinear : OpRewritePattern<tfm::SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::SliceOp op, PatternRewriter& rewriter) const override {
    auto reshape = op.getOperand().getDefiningOp<tfm::ReshapeOp>();
    auto begin = dyn_cast<AffineConstantExpr>(op.getBegin().getResult(0));
    Value vector;
    tfm::LinearOp linear = reshape ? linearBehind(reshape.getOperand(), vector) : tfm::LinearOp();
    Attribute weight = linear ? weightExprOf(linear.getWeight()) : Attribute();
    if (!weight || !begin || op.getStep() != 1)
      return rewriter.notifyMatchFailure(op, "operand is not a linear whose rows are split");
    for (Operation* user : reshape->getUsers())
      if (auto slice = dyn_cast<tfm::SliceOp>(user); !slice || slice.getAxis() != op.getAxis())
        return rewriter.notifyMatchFailure(op, "more than slices along one dimension are used");
    SmallVector<AffineExpr> rows = tfm::dimsOf(typeOf(reshape.getOperand())), split = tfm::dimsOf(typeOf(reshape));
    size_t leading = rows.size() - 1, axis = op.getAxis();
    if (axis < leading || split.size() < leading || ArrayRef(split).take_front(leading) != ArrayRef(rows).drop_back())
      return rewriter.notifyMatchFailure(op, "is along a dimension that the reshape does not split");
    SmallVector<int64_t> parts(typeOf(reshape).getShape().drop_front(leading));
    int64_t size = typeOf(op).getDimSize(axis), width = typeOf(linear).getShape().back();
    if (llvm::any_of(parts, ShapedType::isDynamic) || ShapedType::isDynamic(width) || ShapedType::isDynamic(size) || size < 1)
      return rewriter.notifyMatchFailure(op, "has dimensions that are not constant");
    int64_t newWidth = width / parts[axis - leading] * size;
    auto taken = [&](Attribute expr, std::optional<int64_t> columns) {
      SmallVector<int64_t> shape(parts), result{newWidth};
      if (columns) {
        shape.push_back(*columns);
        result.push_back(*columns);
      }
      expr = tfm::SlicedAttr::get(op.getContext(), reshaped(expr, shape), axis - leading, begin.getValue(), begin.getValue() + size);
      return createWeight(rewriter, op.getLoc(), reshaped(expr, result));
    };
    Value value = rewriter.create<tfm::LinearOp>(op.getLoc(), withLastDim(typeOf(linear), newWidth), linear.getInput(),
                                                 taken(weight, typeOf(linear.getWeight()).getDimSize(1)));
    if (vector)
      value = rewriter.create<tfm::BinaryOp>(op.getLoc(), value.getType(), tfm::BinaryKind::add, value,
                                             taken(vectorExprOf(vector, width), std::nullopt));
    rewriter.replaceOp(op, makeReshape(rewriter, op.getLoc(), value, typeOf(op)));
    return success();
  }
};

struct SplitHeadsPass : impl::SplitHeadsPassBase<SplitHeadsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SliceOfSplitLinear>(&getContext());
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

}  // namespace
}  // namespace quantc
