#include <cmath>

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/raise/Matching.h"
#include "passes/raise/Passes.h"

namespace quantc {
#define GEN_PASS_DEF_RAISENORMPASS
#include "passes/raise/Passes.h.inc"

using namespace mlir;
using namespace raise;
using tfm::BinaryKind;
using tfm::UnaryKind;

namespace {

/// v where the value is 1 / sqrt(v): reciprocal, division, or power.
Value reciprocalRootOf(Value value) {
  Value root;
  if (auto op = unaryOf(value, UnaryKind::reciprocal))
    root = op.getOperand();
  else if (auto op = binaryOf(value, BinaryKind::div); op && scalarOf(op.getLhs()) == 1.0)
    root = op.getRhs();
  else if (auto op = binaryOf(value, BinaryKind::pow); op && scalarOf(op.getRhs()) == -0.5)
    return op.getLhs();
  if (!root)
    return {};
  if (auto op = unaryOf(root, UnaryKind::sqrt))
    return op.getOperand();
  auto power = binaryOf(root, BinaryKind::pow);
  return power && scalarOf(power.getRhs()) == 0.5 ? power.getLhs() : Value();
}

/// v where the value is sqrt(v).
Value rootOf(Value value) {
  if (auto op = unaryOf(value, UnaryKind::sqrt))
    return op.getOperand();
  auto power = binaryOf(value, BinaryKind::pow);
  return power && scalarOf(power.getRhs()) == 0.5 ? power.getLhs() : Value();
}

/// x where the value is mean(x) along the last dimension, which stays.
Value meanOf(Value value) {
  auto reduce = value.getDefiningOp<tfm::ReduceOp>();
  if (!reduce || reduce.getKind() != tfm::ReduceKind::mean || !reduce.getKeepDims() || reduce.getAxes().size() != 1 ||
      reduce.getAxes()[0] != typeOf(reduce.getOperand()).getRank() - 1)
    return {};
  return reduce.getOperand();
}

Value squareOf(Value value) {
  if (auto power = binaryOf(value, BinaryKind::pow))
    return scalarOf(power.getRhs()) == 2.0 ? power.getLhs() : Value();
  auto product = binaryOf(value, BinaryKind::mul);
  return product && product.getLhs() == product.getRhs() ? product.getLhs() : Value();
}

struct Normalized {
  Value value;  // x of x / sqrt(mean(x^2) + epsilon)
  double epsilon;
};

std::optional<Normalized> normalizedBy(Value value, Value radicand) {
  auto sum = radicand ? binaryOf(radicand, BinaryKind::add) : tfm::BinaryOp();
  if (!sum)
    return std::nullopt;
  for (auto [mean, epsilon] : bothOrders(sum)) {
    auto constant = scalarOf(epsilon);
    Value squares = meanOf(mean);
    if (constant && squares && squareOf(squares) == value)
      return Normalized{value, *constant};
  }
  return std::nullopt;
}

std::optional<Normalized> matchNormalized(tfm::BinaryOp op) {
  if (op.getKind() == BinaryKind::div)
    return normalizedBy(op.getLhs(), rootOf(op.getRhs()));
  if (op.getKind() != BinaryKind::mul)
    return std::nullopt;
  for (auto [value, factor] : bothOrders(op))
    if (auto found = normalizedBy(value, reciprocalRootOf(factor)))
      return found;
  return std::nullopt;
}

Attribute filledVector(int64_t size, float value, MLIRContext* context) {
  auto type = RankedTensorType::get({size}, Float32Type::get(context));
  return tfm::LiteralAttr::get(context, DenseElementsAttr::get(type, value));
}

bool isFilled(Value weight, float value) {
  auto literal = dyn_cast_or_null<tfm::LiteralAttr>(weightExprOf(weight));
  return literal && literal.getValues().isSplat() && isa<Float32Type>(literal.getValues().getElementType()) &&
         literal.getValues().getSplatValue<APFloat>().convertToFloat() == value;
}

/// x / sqrt(mean(x^2) + epsilon); where x = y - mean(y) it is a layer norm of y.
struct Normalize : OpRewritePattern<tfm::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::BinaryOp op, PatternRewriter& rewriter) const override {
    auto found = matchNormalized(op);
    if (!found)
      return rewriter.notifyMatchFailure(op, "is not x over the root of mean(x^2) + epsilon");
    int64_t width = typeOf(op).getShape().back();
    if (ShapedType::isDynamic(width) || found->value.getType() != op.getType() || !typeOf(op).getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "needs f32 and a last dimension of constant size");
    auto epsilon = rewriter.getF32FloatAttr(static_cast<float>(found->epsilon));
    Value ones = createWeight(rewriter, op.getLoc(), filledVector(width, 1, op.getContext()));
    auto centered = binaryOf(found->value, BinaryKind::sub);
    if (centered && meanOf(centered.getRhs()) == centered.getLhs()) {
      Value zeros = createWeight(rewriter, op.getLoc(), filledVector(width, 0, op.getContext()));
      rewriter.replaceOpWithNewOp<tfm::LayerNormOp>(op, op.getType(), centered.getLhs(), ones, zeros, epsilon);
    } else {
      rewriter.replaceOpWithNewOp<tfm::RmsNormOp>(op, op.getType(), found->value, ones, epsilon);
    }
    return success();
  }
};

/// A vector that multiplies a norm of weight one, or is added to a layer norm of bias zero.
struct AbsorbVector : OpRewritePattern<tfm::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::BinaryOp op, PatternRewriter& rewriter) const override {
    if (typeOf(op).getRank() == 0)
      return rewriter.notifyMatchFailure(op, "is of scalars");
    for (auto [norm, vector] : bothOrders(op)) {
      Attribute expr =
          norm.getType() == op.getType() && norm.hasOneUse() ? vectorExprOf(vector, typeOf(op).getShape().back()) : Attribute();
      if (!expr)
        continue;
      auto weight = [&] { return createWeight(rewriter, op.getLoc(), expr); };
      auto rms = norm.getDefiningOp<tfm::RmsNormOp>();
      auto layer = norm.getDefiningOp<tfm::LayerNormOp>();
      if (rms && op.getKind() == BinaryKind::mul && isFilled(rms.getWeight(), 1)) {
        rewriter.replaceOpWithNewOp<tfm::RmsNormOp>(op, op.getType(), rms.getInput(), weight(), rms.getEpsilonAttr());
        return success();
      }
      if (layer && op.getKind() == BinaryKind::mul && isFilled(layer.getWeight(), 1) && isFilled(layer.getBias(), 0)) {
        rewriter.replaceOpWithNewOp<tfm::LayerNormOp>(op, op.getType(), layer.getInput(), weight(), layer.getBias(),
                                                      layer.getEpsilonAttr());
        return success();
      }
      if (layer && op.getKind() == BinaryKind::add && isFilled(layer.getBias(), 0)) {
        rewriter.replaceOpWithNewOp<tfm::LayerNormOp>(op, op.getType(), layer.getInput(), layer.getWeight(), weight(),
                                                      layer.getEpsilonAttr());
        return success();
      }
    }
    return rewriter.notifyMatchFailure(op, "is not a norm times or plus a constant vector");
  }
};

struct RaiseNormPass : impl::RaiseNormPassBase<RaiseNormPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<Normalize, AbsorbVector>(&getContext());
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

}  // namespace
}  // namespace quantc
