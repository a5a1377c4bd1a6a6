#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/RegionUtils.h"
#include "passes/raise/Evaluation.h"
#include "passes/raise/Matching.h"
#include "passes/raise/Passes.h"

namespace quantc {
#define GEN_PASS_DEF_RAISECACHEPASS
#include "passes/raise/Passes.h.inc"

using namespace mlir;
using namespace raise;

namespace {

/// concat(an argument, this step's) behind the flat view that an attention reads.
struct PastConcat {
  tfm::ConcatOp concat;
  int64_t rowAxis;
};

std::optional<PastConcat> matchPastConcat(Value flat) {
  auto reshape = flat.getDefiningOp<tfm::ReshapeOp>();
  if (!reshape)
    return std::nullopt;
  auto transpose = reshape.getOperand().getDefiningOp<tfm::TransposeOp>();
  auto concat = (transpose ? transpose.getOperand() : reshape.getOperand()).getDefiningOp<tfm::ConcatOp>();
  if (!concat || concat.getOperands().size() != 2 || !isa<BlockArgument>(concat.getOperands()[0]))
    return std::nullopt;
  int64_t rank = typeOf(concat).getRank(), axis = concat.getAxis();
  if (!holdsHeads(typeOf(concat), axis) || (axis == rank - 2) != static_cast<bool>(transpose))
    return std::nullopt;
  if (transpose && (transpose.getOrder()[rank - 2] != rank - 3 || transpose.getOrder()[rank - 3] != rank - 2))
    return std::nullopt;
  return PastConcat{concat, axis};
}

/// [1, past + sequence, width] of this step's [1, sequence, width].
RankedTensorType wholeType(RankedTensorType type) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  dims[dims.size() - 2] = dims[dims.size() - 2] + symbolExpr(tfm::Symbol::past, type.getContext());
  return tfm::makeTensorType(dims, type.getElementType());
}

bool isPerStep(Value value) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(value));
  return dims.size() >= 2 && dims[dims.size() - 2] == symbolExpr(tfm::Symbol::sequence, value.getContext());
}

bool isConstantDim(Value value, int64_t axis) { return !typeOf(value).isDynamicDim(static_cast<unsigned>(axis)); }

/// Attention to what an encoder left, which is the same at every step.
bool isOverSource(tfm::AttentionOp attention) {
  return attention.getKey().getDefiningOp<tfm::SourceReadOp>() && attention.getValue().getDefiningOp<tfm::SourceReadOp>();
}

/// The first rows of the step, however many its operand has behind them.
bool isOfStep(tfm::SliceOp slice) {
  const AffineExpr zero = getAffineConstantExpr(0, slice.getContext());
  return slice.getStep() == 1 && slice.getBegin().getResult(0) == zero &&
         tfm::dimsOf(typeOf(slice))[slice.getAxis()] == symbolExpr(tfm::Symbol::sequence, slice.getContext());
}

/// How a convolution along the step's rows takes them together.
struct RowWindow {
  int64_t span, stride, before;

  /// Whether window i ends with row i, or earlier.
  bool isCausal() const { return stride == 1 && before >= span - 1; }
};

std::optional<RowWindow> windowOfRows(Operation& op) {
  if (auto windows = dyn_cast<tfm::WindowsOp>(op); windows && isPerStep(windows.getInput()))
    return RowWindow{static_cast<int64_t>(windows.getKernel()), static_cast<int64_t>(windows.getStride()),
                     static_cast<int64_t>(windows.getBefore())};
  auto patches = dyn_cast<tfm::PatchesOp>(op);
  if (!patches || patches.getKernel().size() != 1 || !isPerStep(patches.getInput()) || !isConstantDim(patches.getInput(), 0))
    return std::nullopt;
  return RowWindow{(patches.getKernel()[0] - 1) * patches.getDilations()[0] + 1, patches.getStrides()[0], patches.getBefore()[0]};
}

/// Where the rows of a step lie among a tensor's elements: in each of `before` blocks one after the other, `size` elements of each.
struct PlaceOfRows {
  int64_t before, size, extra;  // `extra`: what is behind the rows, as a convolution leaves it

  bool operator==(const PlaceOfRows& other) const { return before == other.before && size == other.size && extra == other.extra; }
};

/// nullopt for a tensor with several dimensions of rows, or with one that stands behind those that an encoder left; {1, 0, 0} for one without rows
/// of the step.
std::optional<PlaceOfRows> placeOfRows(RankedTensorType type) {
  PlaceOfRows place{1, 0, 0};
  bool behindSource = false;
  for (AffineExpr dim : tfm::dimsOf(type)) {
    auto size = tfm::linearOf(dim);
    if (!size || size->past != 0 || size->outputs != 0)
      return std::nullopt;
    if (size->sequence != 0) {
      if (place.size != 0 || size->source != 0 || behindSource)
        return std::nullopt;
      place.size = size->sequence;
      place.extra = size->constant;
    } else if (size->source != 0) {
      behindSource = true;
    } else {
      (place.size != 0 ? place.size : place.before) *= size->constant;
    }
  }
  return place.size != 0 ? place : PlaceOfRows{1, 0, 0};
}

/// Operations of which row i of the result depends on rows 0 to i of the operands alone, and on no count of positions: proven by their structure.
bool isCausal(Operation& op) {
  auto hasPlace = [](Type type) { return placeOfRows(cast<RankedTensorType>(type)).has_value(); };
  if (!llvm::all_of(op.getOperandTypes(), hasPlace) || !llvm::all_of(op.getResultTypes(), hasPlace))
    return false;
  if (auto attention = dyn_cast<tfm::AttentionOp>(op))
    return isOverSource(attention) ||
           (attention.getMaskKind() == tfm::MaskKind::causal && isPerStep(attention.getKey()) && isPerStep(attention.getValue()));
  if (auto reduce = dyn_cast<tfm::ReduceOp>(op))
    return llvm::all_of(reduce.getAxes(), [&](int64_t axis) { return isConstantDim(reduce.getOperand(), axis); });
  if (auto softmax = dyn_cast<tfm::SoftmaxOp>(op))
    return isConstantDim(softmax, softmax.getAxis());
  if (auto slice = dyn_cast<tfm::SliceOp>(op))
    return isConstantDim(slice.getOperand(), slice.getAxis()) ? isConstantDim(slice, slice.getAxis()) : isOfStep(slice);
  if (auto reshape = dyn_cast<tfm::ReshapeOp>(op))
    return placeOfRows(typeOf(reshape.getOperand())) == placeOfRows(typeOf(reshape));
  if (auto topK = dyn_cast<tfm::TopKOp>(op))
    return isConstantDim(topK.getInput(), typeOf(topK.getInput()).getRank() - 1);
  if (isa<tfm::PositionRowsOp, tfm::RopeOp>(op))
    return isPerStep(op.getResult(0)) && placeOfRows(typeOf(op.getResult(0)))->before == 1;
  if (auto window = windowOfRows(op))
    return window->isCausal();
  if (auto matmul = dyn_cast<tfm::MatmulOp>(op))
    return typeOf(matmul.getRhs()).hasStaticShape() && isConstantDim(matmul.getLhs(), typeOf(matmul.getLhs()).getRank() - 1);
  if (auto concat = dyn_cast<tfm::ConcatOp>(op))
    return isConstantDim(concat, concat.getAxis());
  if (auto gather = dyn_cast<tfm::GatherOp>(op))
    return typeOf(gather.getOperand()).hasStaticShape() ||
           (isConstantDim(gather.getOperand(), gather.getAxis()) && typeOf(gather.getIndices()).hasStaticShape());
  if (auto gather = dyn_cast<tfm::GatherElementsOp>(op))
    return isConstantDim(gather.getOperand(), gather.getAxis());
  if (auto numbers = dyn_cast<tfm::IotaOp>(op))
    return typeOf(numbers).hasStaticShape() && isa<AffineConstantExpr>(numbers.getStart().getResult(0));
  return isa<tfm::WeightOp, tfm::ConstantOp, tfm::EmbedOp, tfm::RmsNormOp, tfm::LayerNormOp, tfm::LinearOp, tfm::SourceReadOp, tfm::UnaryOp,
             tfm::BinaryOp, tfm::SelectOp, tfm::CastOp, tfm::TransposeOp, tfm::BroadcastOp, tfm::ExpertLinearOp, tfm::CombineOp,
             func::ReturnOp>(op);
}

/// Whether this takes several rows together.
bool overlaps(Operation& op) {
  if (auto windows = dyn_cast<tfm::WindowsOp>(op))
    return windows.getKernel() > 1;
  auto patches = dyn_cast<tfm::PatchesOp>(op);
  return patches && llvm::any_of(patches.getKernel(), [](int64_t extent) { return extent > 1; });
}

struct RaiseCachePass : impl::RaiseCachePassBase<RaiseCachePass> {
  void runOnOperation() override {
    for (func::FuncOp main : getOperation().getOps<func::FuncOp>()) {
      IRRewriter rewriter(&getContext());
      (void)runRegionDCE(rewriter, main->getRegions());
      SmallVector<tfm::AttentionOp> attentions;
      llvm::copy_if(main.getOps<tfm::AttentionOp>(), std::back_inserter(attentions), [](auto op) { return !isOverSource(op); });
      if (canDeriveCaches(main, attentions)) {
        for (auto [layer, attention] : llvm::enumerate(attentions))
          forBoth(attention, layer, [&](Value operand, const Twine& name) { return append(operand, name, attention); });
        keepConvolved(main);
      } else {
        for (auto [layer, attention] : llvm::enumerate(attentions))
          forBoth(attention, layer, [&](Value operand, const Twine& name) { return replacePast(operand, name, attention); });
      }
      if (forgets(main, attentions)) {
        main.emitError("keys and values of earlier steps cannot be kept, because a row depends on others by something else than causal "
                       "attention of a form that is recognized; export a decoder that is causal, or compile its checkpoint");
        return signalPassFailure();
      }
      if (Operation* windows = windowsOfStep(main)) {
        windows->emitError(
            "rows of a step are convolved with those before them, and of earlier steps only keys and values are kept; export the model "
            "without a cache");
        return signalPassFailure();
      }
      dropReturnedCaches(main);
      (void)runRegionDCE(rewriter, main->getRegions());
      dropUnusedArguments(main);
    }
  }

  template <typename Rewrite> void forBoth(tfm::AttentionOp attention, size_t layer, Rewrite rewrite) {
    for (auto [operand, kind] : {std::pair{&attention.getKeyMutable(), "key"}, std::pair{&attention.getValueMutable(), "value"}})
      if (Value replacement = rewrite(operand->get(), "layers." + Twine(layer) + "." + kind))
        operand->set(replacement);
  }

  Value append(Value rows, const Twine& name, tfm::AttentionOp attention) {
    OpBuilder builder(attention);
    if (auto existing = appended_.find(rows); existing != appended_.end())
      return existing->second;
    return appended_[rows] = builder.create<tfm::CacheAppendOp>(attention.getLoc(), wholeType(typeOf(rows)), rows, name.str(),
                                                                attention.getKvHeads(), attention.getHeadDim());
  }

  Value replacePast(Value flat, const Twine& name, tfm::AttentionOp attention) {
    auto past = matchPastConcat(flat);
    if (!past)
      return {};
    OpBuilder builder(attention);
    pastConcats_.insert(past->concat);
    return append(toRows(builder, attention.getLoc(), past->concat.getOperands()[1], past->rowAxis), name, attention);
  }

  /// Windows over rows reach into earlier steps instead of padding: all rows are kept as values are, zeros stand before the first, and a step takes its
  /// own with as many before them as there was padding.
  void keepConvolved(func::FuncOp main) {
    size_t count = 0;
    for (Operation& op : llvm::make_early_inc_range(main.getOps())) {
      auto window = windowOfRows(op);
      if (!window || window->before == 0)
        continue;
      OpBuilder builder(&op);
      Location loc = op.getLoc();
      Value rows = op.getOperand(0);
      RankedTensorType type = typeOf(rows), whole = wholeType(type);
      const int64_t width = type.getShape().back(), axis = type.getRank() - 2;
      auto longer = [&](RankedTensorType from, int64_t more) {
        SmallVector<AffineExpr> dims = tfm::dimsOf(from);
        dims[axis] = dims[axis] + more;
        return tfm::makeTensorType(dims, from.getElementType());
      };
      Value kept = builder.create<tfm::CacheAppendOp>(loc, whole, rows, "convolved." + std::to_string(count++), 1, width);
      SmallVector<int64_t> shape(type.getRank(), 1);
      shape[axis] = window->before;
      shape.back() = width;
      auto padding = RankedTensorType::get(shape, type.getElementType());
      Attribute zero = builder.getZeroAttr(type.getElementType());
      Value zeros = builder.create<tfm::ConstantOp>(loc, padding, DenseElementsAttr::get(padding, zero));
      Value padded = builder.create<tfm::ConcatOp>(loc, longer(whole, window->before), ValueRange{zeros, kept}, axis);
      auto past = tfm::symbolicMap(symbolExpr(tfm::Symbol::past, &getContext()), &getContext());
      op.setOperand(0, builder.create<tfm::SliceOp>(loc, longer(type, window->before), padded, axis, past, 1));
      if (auto windows = dyn_cast<tfm::WindowsOp>(op))
        windows.setBefore(0);
      else
        cast<tfm::PatchesOp>(op).setBefore(SmallVector<int64_t>{0});
      reachBack_.insert(&op);
    }
  }

  /// A causal model that computes everything anew each time works step by step once its keys and values are kept: rows depend on earlier rows
  /// through attention alone, and positions count from `past` in rope and position_rows.
  bool canDeriveCaches(func::FuncOp main, ArrayRef<tfm::AttentionOp> attentions) {
    return !attentions.empty() && !Evaluator(getOperation()).hasPast() && llvm::all_of(main.getOps(), isCausal);
  }

  /// The steps behind an encoder go on from earlier ones: all of their own tokens must be kept.
  bool forgets(func::FuncOp main, ArrayRef<tfm::AttentionOp> attentions) {
    return main.getName() == "main" && getOperation().lookupSymbol("encode") && llvm::any_of(attentions, [](tfm::AttentionOp attention) {
             return !attention.getKey().getDefiningOp<tfm::CacheAppendOp>() || !attention.getValue().getDefiningOp<tfm::CacheAppendOp>();
           });
  }

  /// A model that runs in steps would give other results for other lengths of its steps; nullptr where nothing is convolved along them.
  Operation* windowsOfStep(func::FuncOp main) {
    if (main.getOps<tfm::CacheAppendOp>().empty())
      return nullptr;
    for (Operation& op : main.getOps())
      if (overlaps(op) && !typeOf(op.getResult(0)).hasStaticShape() && !reachBack_.contains(&op))
        return &op;
    return nullptr;
  }

  /// What was appended to, or such put together.
  bool isReturnedCache(Value value) const {
    if (auto reshape = value.getDefiningOp<tfm::ReshapeOp>())
      return isReturnedCache(reshape.getOperand());
    auto concat = value.getDefiningOp<tfm::ConcatOp>();
    return concat &&
           (pastConcats_.contains(concat) || llvm::all_of(concat.getOperands(), [&](Value part) { return isReturnedCache(part); }));
  }

  /// Results that only give back what was appended to.
  void dropReturnedCaches(func::FuncOp main) {
    auto terminator = cast<func::ReturnOp>(main.getBody().front().getTerminator());
    llvm::BitVector dropped(terminator.getNumOperands());
    for (auto [i, value] : llvm::enumerate(terminator.getOperands()))
      if (isReturnedCache(value))
        dropped.set(static_cast<unsigned>(i));
    terminator->eraseOperands(dropped);
    main.eraseResults(dropped);
  }

  void dropUnusedArguments(func::FuncOp main) {
    llvm::BitVector unused(main.getNumArguments());
    for (BlockArgument argument : main.getArguments())
      if (argument.use_empty())
        unused.set(argument.getArgNumber());
    main.eraseArguments(unused);
  }

  llvm::DenseMap<Value, Value> appended_;
  llvm::DenseSet<Operation*> pastConcats_, reachBack_;
};

}  // namespace
}  // namespace quantc
