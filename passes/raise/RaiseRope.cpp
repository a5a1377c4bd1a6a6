#include <cmath>

#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/raise/Evaluation.h"
#include "passes/raise/Matching.h"
#include "passes/raise/Passes.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace quantc {
#define GEN_PASS_DEF_RAISEROPEPASS
#include "passes/raise/Passes.h.inc"

using namespace mlir;
using namespace raise;
using tfm::BinaryKind;
using tfm::UnaryKind;

namespace {

constexpr double kTolerance = 1e-6;

/// A slice [begin, begin + size) along the last axis.
bool isLastSlice(Value value, Value of, int64_t begin, int64_t size) {
  auto slice = value.getDefiningOp<tfm::SliceOp>();
  auto start = slice ? dyn_cast<AffineConstantExpr>(slice.getBegin().getResult(0)) : AffineConstantExpr();
  return start && slice.getOperand() == of && static_cast<int64_t>(slice.getAxis()) == typeOf(of).getRank() - 1 && slice.getStep() == 1 &&
         start.getValue() == begin && typeOf(value).getShape().back() == size;
}

/// concat(-x[half:], x[:half]) along the last axis.
bool isRotatedHalf(Value value, Value x) {
  auto concat = value.getDefiningOp<tfm::ConcatOp>();
  int64_t dim = typeOf(x).getShape().back(), half = dim / 2;
  if (!concat || dim % 2 != 0 || concat.getOperands().size() != 2 || static_cast<int64_t>(concat.getAxis()) != typeOf(value).getRank() - 1)
    return false;
  auto neg = unaryOf(concat.getOperands()[0], UnaryKind::neg);
  return neg && isLastSlice(neg.getOperand(), x, half, half) && isLastSlice(concat.getOperands()[1], x, 0, half);
}

struct Rotation {
  Value x, cosine, sine;
};

/// x * cosine + rotate_half(x) * sine, operands in any order.
std::optional<Rotation> matchRotation(tfm::BinaryOp op) {
  if (op.getKind() != BinaryKind::add)
    return std::nullopt;
  for (auto [first, second] : bothOrders(op)) {
    auto direct = binaryOf(first, BinaryKind::mul), turned = binaryOf(second, BinaryKind::mul);
    if (!direct || !turned)
      return std::nullopt;
    for (auto [x, cosine] : bothOrders(direct))
      for (auto [rotated, sine] : bothOrders(turned))
        if (typeOf(x).getRank() > 0 && !typeOf(x).isDynamicDim(typeOf(x).getRank() - 1) && isRotatedHalf(rotated, x))
          return Rotation{x, cosine, sine};
  }
  return std::nullopt;
}

/// The operand of the only cosine that a value is computed with: the angles.
Value anglesOf(Value value) {
  Value angles;
  SmallVector<Value> pending{value};
  llvm::SmallPtrSet<Operation*, 16> seen;
  while (!pending.empty()) {
    Operation* op = pending.pop_back_val().getDefiningOp();
    if (!op || !seen.insert(op).second)
      continue;
    if (auto cosine = dyn_cast<tfm::UnaryOp>(op); cosine && cosine.getKind() == UnaryKind::cos) {
      if (angles)
        return {};
      angles = cosine.getOperand();
      continue;
    }
    pending.append(op->operand_begin(), op->operand_end());
  }
  return angles;
}

struct Frequencies {
  SmallVector<float> perPosition;  // float32(position * perPosition[j]) is the angle
  double scale;
};

/// Reads the frequencies at position 1 and the scale at position 0, and checks them at every small step. A reason in `why` otherwise.
std::optional<Frequencies> readFrequencies(const Rotation& rotation, Evaluator& evaluator, std::string& why) {
  int64_t dim = typeOf(rotation.x).getShape().back(), half = dim / 2;
  Value angleValue = anglesOf(rotation.cosine);
  if (!angleValue) {
    why = "factors are not computed with one cosine";
    return std::nullopt;
  }
  std::optional<Frequencies> found;
  for (tfm::StepSize step : evaluator.smallSteps()) {
    auto angles = evaluator.evaluate(angleValue, step), cosine = evaluator.evaluate(rotation.cosine, step),
         sine = evaluator.evaluate(rotation.sine, step);
    if (!angles || !cosine || !sine) {
      why = "factors cannot be evaluated: " + evaluator.reason();
      return std::nullopt;
    }
    int64_t stride = angles->size() / step.sequence;
    if (cosine->size() != step.sequence * dim || sine->size() != cosine->size() || (stride != half && stride != dim)) {
      why = "factors do not have head_dim entries per position";
      return std::nullopt;
    }
    if (!found) {  // the first step has positions 0 and 1
      found = Frequencies{{}, cosine->values[0]};
      for (int64_t j = 0; j < half; ++j)
        found->perPosition.push_back(static_cast<float>(angles->values[stride + j]));
    }
    for (int64_t row = 0; row < step.sequence; ++row)
      for (int64_t j = 0; j < dim; ++j) {
        float angle = static_cast<float>(step.past + row) * found->perPosition[j % half];
        bool same = std::fabs(cosine->values[row * dim + j] - std::cos(static_cast<double>(angle)) * found->scale) <= kTolerance &&
                    std::fabs(sine->values[row * dim + j] - std::sin(static_cast<double>(angle)) * found->scale) <= kTolerance;
        if (!same) {
          why = "factors are not cosine and sine of position times frequency, at position " + std::to_string(step.past + row);
          return std::nullopt;
        }
      }
  }
  return found;
}

/// The axis of x along which the factors change with the position.
int64_t rowAxisOf(const Rotation& rotation) {
  SmallVector<AffineExpr> x = tfm::dimsOf(typeOf(rotation.x)), factor = tfm::dimsOf(typeOf(rotation.cosine));
  for (size_t back = 2; back <= factor.size() && back <= x.size(); ++back)
    if (!isa<AffineConstantExpr>(factor[factor.size() - back]) && factor[factor.size() - back] == x[x.size() - back])
      return static_cast<int64_t>(x.size() - back);
  return -1;
}

struct SumToRope : OpRewritePattern<tfm::BinaryOp> {
  SumToRope(MLIRContext* context, Evaluator& evaluator) : OpRewritePattern(context), evaluator(evaluator) {}

  LogicalResult matchAndRewrite(tfm::BinaryOp op, PatternRewriter& rewriter) const override {
    auto rotation = matchRotation(op);
    if (!rotation)
      return rewriter.notifyMatchFailure(op, "is not x * a + rotate_half(x) * b");
    if (!isPositional(rotation->cosine) || !isPositional(rotation->sine))
      return rewriter.notifyMatchFailure(op, "factors depend on more than positions");
    RankedTensorType type = typeOf(rotation->x);
    int64_t rowAxis = rowAxisOf(*rotation);
    if (type != op.getType() || rowAxis < 0 || !holdsHeads(type, rowAxis))
      return rewriter.notifyMatchFailure(op, "operand does not hold heads of rows");
    std::string why;
    auto frequencies = readFrequencies(*rotation, evaluator, why);
    if (!frequencies)
      return rewriter.notifyMatchFailure(op, why);
    int64_t headDim = type.getShape().back();
    Value flat = toRows(rewriter, op.getLoc(), rotation->x, rowAxis);
    Value rope = rewriter.create<tfm::RopeOp>(op.getLoc(), flat.getType(), flat, headDim, headDim, /*interleaved=*/false,
                                              frequencies->perPosition, APFloat(static_cast<float>(frequencies->scale)));
    rewriter.replaceOp(op, fromRows(rewriter, op.getLoc(), rope, type, rowAxis));
    return success();
  }

  Evaluator& evaluator;
};

struct RaiseRopePass : impl::RaiseRopePassBase<RaiseRopePass> {
  void runOnOperation() override {
    Evaluator evaluator(getOperation());
    RewritePatternSet patterns(&getContext());
    patterns.add<SumToRope>(&getContext(), evaluator);
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

}  // namespace
}  // namespace quantc
