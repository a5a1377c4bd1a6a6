#include <cmath>

#include "dialects/tfm/Interpreter.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/raise/Matching.h"
#include "passes/raise/Passes.h"

namespace quantc {
#define GEN_PASS_DEF_RAISEACTIVATIONPASS
#include "passes/raise/Passes.h.inc"

using namespace mlir;
using namespace raise;
using tfm::UnaryKind;

namespace {

constexpr int kDeepest = 12;
constexpr UnaryKind kActivations[] = {UnaryKind::silu, UnaryKind::gelu, UnaryKind::gelu_tanh};
constexpr double kLargestSample = 6, kTolerance = 2e-6;

double activation(UnaryKind kind, double x) {
  switch (kind) {
  case UnaryKind::silu: return x / (1 + std::exp(-x));
  case UnaryKind::gelu: return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
  default: return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }
}

/// Values of the result's type that it is computed from by scalar functions, nearest first.
SmallVector<Value> possibleInputs(tfm::BinaryOp root, bool& hasNonlinear) {
  SmallVector<Value> found;
  SmallVector<std::pair<Value, int>> pending{{root.getLhs(), 0}, {root.getRhs(), 0}};
  for (size_t i = 0; i < pending.size(); ++i) {
    auto [value, depth] = pending[i];
    if (value.getType() != root.getType() || llvm::is_contained(found, value) || depth > kDeepest)
      continue;
    found.push_back(value);
    Operation* op = value.getDefiningOp();
    if (!isa_and_nonnull<tfm::UnaryOp, tfm::BinaryOp>(op))
      continue;
    if (auto unary = dyn_cast<tfm::UnaryOp>(op))
      hasNonlinear |= unary.getKind() == UnaryKind::sigmoid || unary.getKind() == UnaryKind::tanh || unary.getKind() == UnaryKind::erf ||
                      unary.getKind() == UnaryKind::exp;
    for (Value operand : op->getOperands())
      pending.push_back({operand, depth + 1});
  }
  return found;
}

/// What the root is as a function of the input; nullopt when it depends on anything else or is no known activation.
std::optional<UnaryKind> functionOf(tfm::BinaryOp root, Value input) {
  tfm::Interpreter interpreter(tfm::StepSize{});
  tfm::Array samples{typeOf(input).getElementType(), interpreter.shapeOf(typeOf(input)), {}};
  auto count = tfm::elementCount(samples.shape);
  if (!count || *count < 2)
    return std::nullopt;
  for (int64_t i = 0; i < *count; ++i)
    samples.values.push_back(static_cast<float>(kLargestSample * (2.0 * static_cast<double>(i) / static_cast<double>(*count - 1) - 1)));
  interpreter.bind(input, samples);
  const tfm::Array* result = interpreter.evaluate(root);
  if (!result)
    return std::nullopt;
  for (UnaryKind kind : kActivations) {
    bool same = true;
    for (int64_t i = 0; i < *count && same; ++i)
      same = std::fabs(result->values[i] - activation(kind, samples.values[i])) <= kTolerance;
    if (same)
      return kind;
  }
  return std::nullopt;
}

struct ProductToActivation : OpRewritePattern<tfm::BinaryOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::BinaryOp op, PatternRewriter& rewriter) const override {
    if ((op.getKind() != tfm::BinaryKind::mul && op.getKind() != tfm::BinaryKind::div) || !typeOf(op).getElementType().isF32())
      return rewriter.notifyMatchFailure(op, "is not a product of f32");
    bool hasNonlinear = false;
    SmallVector<Value> inputs = possibleInputs(op, hasNonlinear);
    if (!hasNonlinear)
      return rewriter.notifyMatchFailure(op, "has no sigmoid, tanh, erf or exp among its factors");
    for (Value input : inputs)
      if (auto kind = functionOf(op, input)) {
        rewriter.replaceOpWithNewOp<tfm::UnaryOp>(op, op.getType(), *kind, input);
        return success();
      }
    return rewriter.notifyMatchFailure(op, "is no known activation of one value");
  }
};

struct RaiseActivationPass : impl::RaiseActivationPassBase<RaiseActivationPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ProductToActivation>(&getContext());
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

}  // namespace
}  // namespace quantc
