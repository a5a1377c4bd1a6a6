#include <map>

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/raise/Matching.h"
#include "passes/raise/Passes.h"
#include "passes/raise/PositionTable.h"
#include "passes/raise/RotaryFrequencies.h"

namespace quantc {
#define GEN_PASS_DEF_RAISEROPEPASS
#include "passes/raise/Passes.h.inc"

using namespace mlir;
using namespace raise;
using tfm::BinaryKind;
using tfm::UnaryKind;

namespace {

/// A slice [begin, begin + size) along the last axis.
bool isLastSlice(Value value, Value of, int64_t begin, int64_t size) {
  auto slice = value.getDefiningOp<tfm::SliceOp>();
  auto start = slice ? dyn_cast<AffineConstantExpr>(slice.getBegin().getResult(0)) : AffineConstantExpr();
  return start && slice.getOperand() == of && static_cast<int64_t>(slice.getAxis()) == typeOf(of).getRank() - 1 && slice.getStep() == 1 &&
         start.getValue() == begin && typeOf(value).getShape().back() == size;
}

/// concat(-x[half:], x[:half]) along the last axis; `backwards`, concat(x[half:], -x[:half]).
bool isRotatedHalf(Value value, Value x, bool backwards = false) {
  auto concat = value.getDefiningOp<tfm::ConcatOp>();
  int64_t dim = typeOf(x).getShape().back(), half = dim / 2;
  if (!concat || dim % 2 != 0 || concat.getOperands().size() != 2 || static_cast<int64_t>(concat.getAxis()) != typeOf(value).getRank() - 1)
    return false;
  auto neg = unaryOf(concat.getOperands()[backwards], UnaryKind::neg);
  Value kept = concat.getOperands()[!backwards];
  return neg && isLastSlice(backwards ? kept : neg.getOperand(), x, half, half) &&
         isLastSlice(backwards ? neg.getOperand() : kept, x, 0, half);
}

/// A slice of every second element along the last axis, from `begin` on.
bool isEverySecond(Value value, Value of, int64_t begin) {
  auto slice = value.getDefiningOp<tfm::SliceOp>();
  auto start = slice ? dyn_cast<AffineConstantExpr>(slice.getBegin().getResult(0)) : AffineConstantExpr();
  return start && slice.getOperand() == of && static_cast<int64_t>(slice.getAxis()) == typeOf(of).getRank() - 1 && slice.getStep() == 2 &&
         start.getValue() == begin && typeOf(value).getShape().back() * 2 == typeOf(of).getShape().back();
}

/// stack(-x[1::2], x[::2]) along a new last axis, as x's shape.
bool isRotatedPairs(Value value, Value x) {
  auto joined = value.getDefiningOp<tfm::ReshapeOp>();
  auto concat = joined ? joined.getOperand().getDefiningOp<tfm::ConcatOp>() : tfm::ConcatOp();
  int64_t rank = typeOf(x).getRank();
  if (!concat || value.getType() != x.getType() || concat.getOperands().size() != 2 || static_cast<int64_t>(concat.getAxis()) != rank ||
      typeOf(concat).getRank() != rank + 1)
    return false;
  Value parts[2];
  for (unsigned i = 0; i < 2; ++i) {
    auto column = concat.getOperands()[i].getDefiningOp<tfm::ReshapeOp>();
    if (!column || typeOf(column).getShape().back() != 1)
      return false;
    parts[i] = column.getOperand();
  }
  auto neg = unaryOf(parts[0], UnaryKind::neg);
  return neg && isEverySecond(neg.getOperand(), x, 1) && isEverySecond(parts[1], x, 0);
}

/// x * cosine + rotated(x) * sine, operands in any order.
std::optional<Rotation> matchRotation(tfm::BinaryOp op) {
  if (op.getKind() != BinaryKind::add)
    return std::nullopt;
  for (auto [first, second] : bothOrders(op)) {
    auto direct = binaryOf(first, BinaryKind::mul), turned = binaryOf(second, BinaryKind::mul);
    if (!direct || !turned)
      return std::nullopt;
    for (auto [x, cosine] : bothOrders(direct))
      for (auto [rotated, sine] : bothOrders(turned))
        if (typeOf(x).getRank() > 0 && !typeOf(x).isDynamicDim(typeOf(x).getRank() - 1)) {
          if (isRotatedHalf(rotated, x))
            return Rotation{x, cosine, sine};
          if (isRotatedPairs(rotated, x))
            return Rotation{x, cosine, sine, true};
          if (isRotatedHalf(rotated, x, true))
            return Rotation{x, cosine, sine, false, true};
        }
  }
  return std::nullopt;
}

/// The axis of x along which the factors change with the position.
int64_t rowAxisOf(const Rotation& rotation) {
  SmallVector<AffineExpr> x = tfm::dimsOf(typeOf(rotation.x)), factor = tfm::dimsOf(typeOf(rotation.cosine));
  for (size_t back = 2; back <= factor.size() && back <= x.size(); ++back)
    if (!isa<AffineConstantExpr>(factor[factor.size() - back]) && factor[factor.size() - back] == x[x.size() - back])
      return static_cast<int64_t>(x.size() - back);
  return -1;
}

/// What factors were found to be, so that layers which share them are not each looked at anew. Forgets those that are erased.
class KnownFrequencies : public RewriterBase::Listener {
public:
  struct Entry {
    std::optional<Frequencies> frequencies;
    std::string why;
  };

  /// `cosine` and `sine` are those of the function that the rotation's are made from.
  const Entry& of(const Rotation& rotation, Value cosine, Value sine, Extent extent, Evaluator& evaluator) {
    const auto key = std::make_tuple(cosine, sine, rotation.interleaved ? 1 : 0, typeOf(rotation.x).getShape().back());
    auto [entry, isNew] = entries_.try_emplace(key);
    if (isNew)
      entry->second.frequencies = readFrequencies(rotation, extent, evaluator, entry->second.why);
    return entry->second;
  }

  void notifyOperationErased(Operation* op) override {
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const auto& [cosine, sine, interleaved, dim] = entry->first;
      entry = cosine.getDefiningOp() == op || sine.getDefiningOp() == op ? entries_.erase(entry) : std::next(entry);
    }
  }

private:
  struct Less {
    template <typename Key> bool operator()(const Key& a, const Key& b) const { return plain(a) < plain(b); }
    template <typename Key> static auto plain(const Key& key) {
      return std::make_tuple(std::get<0>(key).getAsOpaquePointer(), std::get<1>(key).getAsOpaquePointer(), std::get<2>(key),
                             std::get<3>(key));
    }
  };
  std::map<std::tuple<Value, Value, int, int64_t>, Entry, Less> entries_;
};

/// What the patterns share.
struct Ropes {
  Evaluator evaluator;
  KnownFrequencies known;
};

/// The rope of `input`, which is made where the rotation, in `op`, is one; else null with a reason in `why`.
Value ropeOf(Operation* op, const Rotation& rotation, Value cosine, Value sine, PatternRewriter& rewriter, Ropes& ropes, std::string& why,
             llvm::function_ref<Value()> input) {
  if (!isPositional(rotation.cosine) || !isPositional(rotation.sine)) {
    why = "factors depend on more than positions";
    return {};
  }
  RankedTensorType type = typeOf(rotation.x);
  int64_t rowAxis = rowAxisOf(rotation);
  if (rowAxis < 0 || !holdsHeads(type, rowAxis)) {
    why = "operand does not hold heads of rows";
    return {};
  }
  const Extent extent = extentOf(op, ropes.evaluator);
  KnownFrequencies::Entry found = ropes.known.of(rotation, cosine, sine, extent, ropes.evaluator);
  auto& frequencies = found.frequencies;
  if (!frequencies) {
    why = found.why;
    return {};
  }
  if (frequencies->positions < extent.positions && op->getParentOfType<func::FuncOp>().getName() != "encode")
    endContext(op, frequencies->positions);
  if (rotation.backwards)
    for (float& frequency : frequencies->perPosition)
      frequency = -frequency;
  int64_t headDim = type.getShape().back();
  Value flat = toRows(rewriter, op->getLoc(), input(), rowAxis);
  Value rope = rewriter.create<tfm::RopeOp>(op->getLoc(), flat.getType(), flat, headDim, headDim, rotation.interleaved,
                                            frequencies->perPosition, APFloat(static_cast<float>(frequencies->scale)));
  return fromRows(rewriter, op->getLoc(), rope, type, rowAxis);
}

struct SumToRope : OpRewritePattern<tfm::BinaryOp> {
  SumToRope(MLIRContext* context, Ropes& ropes) : OpRewritePattern(context), ropes(ropes) {}

  LogicalResult matchAndRewrite(tfm::BinaryOp op, PatternRewriter& rewriter) const override {
    auto rotation = matchRotation(op);
    if (!rotation)
      return rewriter.notifyMatchFailure(op, "is not x * a + rotate_half(x) * b");
    if (rotation->x.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "factors have more rows than what they turn");
    std::string why;
    Value rope = ropeOf(op, *rotation, rotation->cosine, rotation->sine, rewriter, ropes, why, [&] { return rotation->x; });
    if (!rope)
      return declined(rewriter, op, why);
    rewriter.replaceOp(op, rope);
    return success();
  }

  Ropes& ropes;
};

/// a * cosine - b * sine and b * cosine + a * sine: halves that are computed one by one.
struct Halves {
  Value a, b, cosine, sine;
};

std::optional<Halves> matchHalves(Value one, Value other) {
  auto difference = binaryOf(one, BinaryKind::sub), sum = binaryOf(other, BinaryKind::add);
  auto ac = difference ? binaryOf(difference.getLhs(), BinaryKind::mul) : tfm::BinaryOp();
  auto bs = difference ? binaryOf(difference.getRhs(), BinaryKind::mul) : tfm::BinaryOp();
  if (!ac || !bs || !sum)
    return std::nullopt;
  auto multiplies = [](Value product, Value x, Value y) {
    auto op = binaryOf(product, BinaryKind::mul);
    return op && llvm::any_of(bothOrders(op), [&](OperandPair pair) { return pair.first == x && pair.second == y; });
  };
  for (auto [a, cosine] : bothOrders(ac))
    for (auto [b, sine] : bothOrders(bs))
      for (auto [first, second] : bothOrders(sum))
        if (a.getType() == one.getType() && b.getType() == a.getType() && sum.getType() == a.getType() && multiplies(first, b, cosine) &&
            multiplies(second, a, sine))
          return Halves{a, b, cosine, sine};
  return std::nullopt;
}

/// concat(..., halves, ...) along the last axis.
struct HalvesToRope : OpRewritePattern<tfm::ConcatOp> {
  HalvesToRope(MLIRContext* context, Ropes& ropes) : OpRewritePattern(context), ropes(ropes) {}

  LogicalResult matchAndRewrite(tfm::ConcatOp op, PatternRewriter& rewriter) const override {
    if (static_cast<int64_t>(op.getAxis()) != typeOf(op).getRank() - 1)
      return rewriter.notifyMatchFailure(op, "does not join parts of heads");
    std::string why = "does not join halves that are turned";
    for (size_t i = 0; i + 1 < op.getOperands().size(); ++i) {
      auto halves = matchHalves(op.getOperands()[i], op.getOperands()[i + 1]);
      Value rope = halves ? ropeOfHalves(op, *halves, rewriter, why) : Value();
      if (!rope)
        continue;
      SmallVector<Value> parts(op.getOperands());
      parts[i] = rope;
      parts.erase(parts.begin() + i + 1);
      if (parts.size() == 1)
        rewriter.replaceOp(op, rope);
      else
        rewriter.replaceOpWithNewOp<tfm::ConcatOp>(op, op.getType(), parts, op.getAxis());
      return success();
    }
    return rewriter.notifyMatchFailure(op, why);
  }

  Value ropeOfHalves(tfm::ConcatOp op, const Halves& halves, PatternRewriter& rewriter, std::string& why) const {
    Block trial;  // what whole heads and their factors would be, to look at
    OpBuilder builder(op.getContext());
    builder.setInsertionPointToStart(&trial);
    auto join = [](OpBuilder& builder, Value one, Value other) -> Value {
      RankedTensorType type = typeOf(one);
      if (type.getRank() == 0 || type.isDynamicDim(type.getRank() - 1))
        return {};
      return builder.create<tfm::ConcatOp>(one.getLoc(), withLastDim(type, 2 * type.getShape().back()), ValueRange{one, other},
                                           type.getRank() - 1);
    };
    Rotation rotation{join(builder, halves.a, halves.b), join(builder, halves.cosine, halves.cosine),
                      join(builder, halves.sine, halves.sine)};
    if (!rotation.x || !rotation.cosine || !rotation.sine)
      return {};
    return ropeOf(op, rotation, halves.cosine, halves.sine, rewriter, ropes, why, [&]() -> Value {
      auto slice = halves.a.getDefiningOp<tfm::SliceOp>();
      const int64_t half = typeOf(halves.a).getShape().back();
      if (slice && slice.getOperand().getType() == rotation.x.getType() && isLastSlice(halves.a, slice.getOperand(), 0, half) &&
          isLastSlice(halves.b, slice.getOperand(), half, half))
        return slice.getOperand();
      return join(rewriter, halves.a, halves.b);
    });
  }

  Ropes& ropes;
};

/// concat(rope of the first elements of x's heads, the others as they are): a rope that turns only those.
struct PartialRope : OpRewritePattern<tfm::ConcatOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(tfm::ConcatOp op, PatternRewriter& rewriter) const override {
    int64_t rank = typeOf(op).getRank();
    if (op.getOperands().size() != 2 || rank < 3 || static_cast<int64_t>(op.getAxis()) != rank - 1)
      return rewriter.notifyMatchFailure(op, "does not join two parts of heads");
    // Through the views that split heads off rows.
    Value turned = op.getOperands()[0];
    while (turned.getDefiningOp() && isa<tfm::ReshapeOp, tfm::TransposeOp>(turned.getDefiningOp()))
      turned = turned.getDefiningOp()->getOperand(0);
    auto rope = turned.getDefiningOp<tfm::RopeOp>();
    auto rest = op.getOperands()[1].getDefiningOp<tfm::SliceOp>();
    Value x = rest ? Value(rest.getOperand()) : Value();
    if (!rope || !x || x.getType() != op.getType() || typeOf(x).isDynamicDim(rank - 1))
      return rewriter.notifyMatchFailure(op, "does not join a rope and the rest of its heads");
    int64_t headDim = typeOf(x).getShape().back(), rotary = rope.getHeadDim();
    Value first = rope.getInput();
    while (first.getDefiningOp() && isa<tfm::ReshapeOp, tfm::TransposeOp>(first.getDefiningOp()))
      first = first.getDefiningOp()->getOperand(0);
    if (!isLastSlice(first, x, 0, rotary) || !isLastSlice(rest, x, rotary, headDim - rotary) ||
        static_cast<int64_t>(rope.getRotaryDim()) != rotary)
      return rewriter.notifyMatchFailure(op, "joins parts of different tensors");
    for (int64_t rowAxis : {rank - 2, rank - 3}) {
      AffineExpr rows = tfm::dimsOf(typeOf(rope.getInput()))[typeOf(rope.getInput()).getRank() - 2];
      if (rowAxis < 0 || !holdsHeads(typeOf(x), rowAxis) || tfm::dimsOf(typeOf(x))[rowAxis] != rows)
        continue;
      Value flat = toRows(rewriter, op.getLoc(), x, rowAxis);
      Value whole = rewriter.create<tfm::RopeOp>(op.getLoc(), flat.getType(), flat, headDim, rotary, rope.getInterleaved(),
                                                 rope.getInvFreq(), rope.getScale());
      rewriter.replaceOp(op, fromRows(rewriter, op.getLoc(), whole, typeOf(op), rowAxis));
      return success();
    }
    return rewriter.notifyMatchFailure(op, "does not hold heads of rows");
  }
};

struct RaiseRopePass : impl::RaiseRopePassBase<RaiseRopePass> {
  void runOnOperation() override {
    Ropes ropes{Evaluator(getOperation()), {}};
    RewritePatternSet patterns(&getContext());
    patterns.add<SumToRope, HalvesToRope>(&getContext(), ropes);
    patterns.add<PartialRope>(&getContext());
    GreedyRewriteConfig config;
    config.listener = &ropes.known;
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns), config)))
      signalPassFailure();
  }
};

}  // namespace
}  // namespace quantc
