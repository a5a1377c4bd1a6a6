#include <cmath>

#include "dialects/tfm/InterpreterMath.h"
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
constexpr double kTolerance = 2e-6;  // relative to max(1, |x|)
constexpr double kLargestSample = 1e4;

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

/// A function of one value made of scalar operations and uniform constants, which its structure proves it to be.
class ScalarFunction {
public:
  /// `input` stands for itself and for what is computed by an equal operation.
  explicit ScalarFunction(Value input) : input_(input) {}

  /// The values at some points; nullptr where it depends on anything but the input and uniform constants.
  const tfm::Array* evaluate(Value value, ArrayRef<double> points) {
    auto [entry, isNew] = known_.try_emplace(value);
    if (!isNew)
      return entry->second.values.empty() ? nullptr : &entry->second;
    std::optional<tfm::Array> result = compute(value, points);
    if (!result)
      return nullptr;
    return &(known_[value] = std::move(*result));
  }

private:
  std::optional<tfm::Array> compute(Value value, ArrayRef<double> points) {
    const Type element = typeOf(value).getElementType();
    if (isInput(value))
      return tfm::Array{element, {static_cast<int64_t>(points.size())}, {points.begin(), points.end()}};
    if (auto scalar = scalarOf(value))
      return tfm::Array{element, {1}, {*scalar}};
    if (auto op = value.getDefiningOp<tfm::UnaryOp>()) {
      const tfm::Array* operand = evaluate(op.getOperand(), points);
      return operand ? std::optional(tfm::interpret::unary(op.getKind(), *operand)) : std::nullopt;
    }
    auto op = value.getDefiningOp<tfm::BinaryOp>();
    if (!op || !evaluate(op.getLhs(), points) || !evaluate(op.getRhs(), points))
      return std::nullopt;
    const tfm::Array &lhs = known_[op.getLhs()], &rhs = known_[op.getRhs()];
    return tfm::interpret::binary(op.getKind(), lhs, rhs, element, {std::max(lhs.size(), rhs.size())});
  }

  bool isInput(Value value) const {
    Operation *op = value.getDefiningOp(), *inputOp = input_.getDefiningOp();
    return value == input_ || (op && inputOp && op->getNumResults() == 1 && isa<tfm::UnaryOp, tfm::BinaryOp, tfm::SelectOp>(op) &&
                               OperationEquivalence::isEquivalentTo(op, inputOp, OperationEquivalence::IgnoreLocations));
  }

  Value input_;
  llvm::DenseMap<Value, tfm::Array> known_;
};

/// Where samples decide between functions that may have a kink: densely around 0, to both ends of what activations are, and on both sides of every
/// constant that the root is computed with.
std::vector<double> samplePoints(tfm::BinaryOp root) {
  std::vector<double> points{0};
  auto add = [&](double point) {
    for (double x : {static_cast<double>(static_cast<float>(point)), static_cast<double>(static_cast<float>(-point))})
      if (std::isfinite(x) && std::fabs(x) <= kLargestSample)
        points.push_back(x);
  };
  for (int i = 1; i <= 160; ++i)
    add(i / 16.0);
  for (int i = -40; i <= 160; ++i)
    add(std::pow(10.0, i / 40.0));
  visitProducers({root.getLhs(), root.getRhs()}, [&](Operation* op) {
    auto constant =
        op->getNumResults() == 1 && isa<RankedTensorType>(op->getResult(0).getType()) ? scalarOf(op->getResult(0)) : std::nullopt;
    for (double factor : {0.5, 0.999, 1.0, 1.001, 2.0})
      if (constant && *constant != 0)
        add(*constant * factor);
    return isa<tfm::UnaryOp, tfm::BinaryOp, tfm::SelectOp, tfm::BroadcastOp, tfm::ReshapeOp, tfm::CastOp>(op);
  });
  return points;
}

/// What the root is as a function of the input; nullopt when it depends on anything else or is no known activation. That it is a scalar function of the
/// input is proven by its structure, which one by samples.
std::optional<UnaryKind> functionOf(tfm::BinaryOp root, Value input, ArrayRef<double> points) {
  ScalarFunction function(input);
  const tfm::Array* result = function.evaluate(root, points);
  if (!result || result->values.size() != points.size())
    return std::nullopt;
  for (UnaryKind kind : kActivations)
    if (llvm::all_of(llvm::zip_equal(points, result->values), [&](auto sample) {
          auto [x, y] = sample;
          return std::fabs(y - activation(kind, x)) <= kTolerance * std::max(1.0, std::fabs(x));
        }))
      return kind;
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
    const std::vector<double> points = samplePoints(op);
    for (Value input : inputs)
      if (auto kind = functionOf(op, input, points)) {
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
