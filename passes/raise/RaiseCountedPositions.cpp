#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "passes/raise/Evaluation.h"
#include "passes/raise/Matching.h"
#include "passes/raise/Passes.h"
#include "passes/raise/PositionTable.h"

namespace quantc {
#define GEN_PASS_DEF_RAISECOUNTEDPOSITIONSPASS
#include "passes/raise/Passes.h.inc"

using namespace mlir;
using namespace raise;

namespace {

Value withoutCasts(Value value) {
  while (auto cast = value.getDefiningOp<tfm::CastOp>())
    value = cast.getOperand();
  return value;
}

/// Token ids, and the one that is padding: the operation that compares them.
struct PaddingTest {
  Value ids;
  int64_t padding;
  tfm::BinaryOp equal;
};

/// The comparisons with one token that are all which `indices` take from their tokens; nullopt where they take anything else from an argument.
std::optional<PaddingTest> paddingTestOf(Value indices) {
  std::optional<PaddingTest> test;
  bool fits = true;
  visitProducers(indices, [&](Operation* op) {
    if (auto binary = dyn_cast<tfm::BinaryOp>(op); binary && binary.getKind() == tfm::BinaryKind::equal) {
      for (auto [tokens, other] : bothOrders(binary)) {
        Value ids = withoutCasts(tokens);
        auto padding = scalarOf(other);
        if (!isa<BlockArgument>(ids) || initialOf(ids) || !padding)
          continue;
        fits &= typeOf(ids).getElementType().isInteger(32) && (!test || (test->ids == ids && test->padding == *padding));
        if (!test)
          test = PaddingTest{ids, static_cast<int64_t>(*padding), binary};
        return false;
      }
    }
    fits &= !isa<tfm::CacheAppendOp, tfm::SourceReadOp>(op) &&
            llvm::all_of(op->getOperands(), [](Value operand) { return operand.getDefiningOp() || initialOf(operand); });
    return fits;
  });
  return fits ? test : std::nullopt;
}

/// Tokens of a step; those at odd places, or all, are padding.
enum class Padding { none, odd, all };
Evaluator::Given tokensOf(const PaddingTest& test, tfm::StepSize step, Padding padding) {
  Evaluator::Given given{test.ids, {}};
  const double token = test.padding == 0 ? 1 : 0;
  for (int64_t i = 0; i < step.sequence; ++i)
    given.elements.push_back(padding == Padding::all || (padding == Padding::odd && i % 2 == 1) ? static_cast<double>(test.padding)
                                                                                                : token);
  return given;
}

/// The one row that padding looks up, wherever it stands and whatever is before it; nullopt where there is no such row.
std::optional<int64_t> paddingRow(Value indices, const PaddingTest& test, Extent extent, Evaluator& evaluator) {
  std::optional<double> row;
  Probe probe(evaluator, indices, extent);
  for (const Probe::Step& step : probe.steps()) {
    for (Padding padding : {Padding::odd, Padding::all}) {
      const Evaluator::Given given = tokensOf(test, step.size, padding);
      auto values = probe.rows(indices, step.size, step.rows, 1, &given);
      if (!values)
        return std::nullopt;
      for (auto [i, value] : llvm::zip_equal(step.rows, *values)) {
        if (given.elements[i] != static_cast<double>(test.padding))
          continue;
        if (row && *row != value)
          return std::nullopt;
        row = value;
      }
    }
  }
  return row ? std::optional(static_cast<int64_t>(*row)) : std::nullopt;
}

/// Keys are those of an encoder, or nothing is seen of later tokens.
bool seesNothingLater(tfm::AttentionOp attention) {
  return attention.getKey().getDefiningOp<tfm::SourceReadOp>() || attention.getMaskKind() == tfm::MaskKind::causal;
}

struct RaiseCountedPositionsPass : impl::RaiseCountedPositionsPassBase<RaiseCountedPositionsPass> {
  void runOnOperation() override {
    Evaluator evaluator(getOperation());
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main || evaluator.hasPast())  // with a past the graph counts for itself
      return;
    auto attentions = main.getOps<tfm::AttentionOp>();
    if (attentions.empty() || !llvm::all_of(attentions, seesNothingLater))
      return;
    for (tfm::EmbedOp embed : llvm::to_vector(main.getOps<tfm::EmbedOp>()))
      raise(embed, evaluator);
  }

  void raise(tfm::EmbedOp embed, Evaluator& evaluator) {
    Value indices = embed.getIds();
    Attribute table = weightExprOf(embed.getTable());
    if (isa<BlockArgument>(withoutCasts(indices)) || !table)
      return;
    auto test = paddingTestOf(indices);
    if (!test || startsWith(test->padding))
      return;
    const int64_t rows = typeOf(embed.getTable()).getDimSize(0);
    const Extent extent{std::min(evaluator.context(), rows), false};
    auto offset = positionOffset(indices, extent, evaluator, [&](tfm::StepSize step) { return tokensOf(*test, step, Padding::none); });
    auto padding = paddingRow(indices, *test, extent, evaluator);
    if (!offset || *offset < 0 || *offset >= rows || !padding || *padding < 0 || *padding >= rows)
      return;

    OpBuilder builder(embed);
    SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(embed)), places(dims), row(dims.size(), getAffineConstantExpr(1, &getContext()));
    places.back() = row.back();
    row.back() = dims.back();
    Attribute sliced = tfm::SlicedAttr::get(&getContext(), table, 0, *padding, *padding + 1);
    RankedTensorType rowType = tfm::makeTensorType(row, typeOf(embed).getElementType());
    Value ofPadding = createWeight(builder, embed.getLoc(), reshaped(sliced, rowType.getShape()));
    Value isPadding = makeReshape(builder, embed.getLoc(), test->equal, tfm::makeTensorType(places, typeOf(test->equal).getElementType()));
    Value positions = createPositionRows(builder, embed, table, *offset);
    embed.replaceAllUsesWith(builder.create<tfm::SelectOp>(embed.getLoc(), embed.getType(), isPadding, ofPadding, positions).getResult());
    embed.erase();
  }

  /// Where every text begins with padding, what is behind it does not count from there.
  bool startsWith(int64_t token) {
    auto start = getOperation()->getAttrOfType<DenseI32ArrayAttr>("tfm.start");
    return start && llvm::is_contained(start.asArrayRef(), token);
  }
};

}  // namespace
}  // namespace quantc
