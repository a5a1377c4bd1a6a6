#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/raise/Evaluation.h"
#include "passes/raise/Matching.h"
#include "passes/raise/Passes.h"
#include "passes/raise/PositionTable.h"

namespace quantc {
#define GEN_PASS_DEF_RAISEEMBEDDINGPASS
#include "passes/raise/Passes.h.inc"

using namespace mlir;
using namespace raise;

namespace {

/// The one row that is looked up at every step, whatever the token.
std::optional<int64_t> constantIndex(Value indices, Extent extent, Evaluator& evaluator) {
  std::optional<int64_t> index;
  Probe probe(evaluator, indices, extent);
  for (const Probe::Step& step : probe.steps()) {
    const int64_t sequence = step.size.sequence, count = tfm::elementCount(probe.shapeOf(indices, step.size)).value_or(0);
    auto values =
        count % sequence == 0 ? probe.rows(indices, step.size, step.rows, count / sequence) : probe.rows(indices, step.size, {0}, count);
    if (!values)
      return std::nullopt;
    for (double value : *values)
      if (!index)
        index = static_cast<int64_t>(value);
      else if (static_cast<double>(*index) != value)
        return std::nullopt;
  }
  return index;
}

struct RowsOfWeight : OpRewritePattern<tfm::GatherOp> {
  RowsOfWeight(MLIRContext* context, Evaluator& evaluator) : OpRewritePattern(context), evaluator(evaluator) {}

  LogicalResult matchAndRewrite(tfm::GatherOp op, PatternRewriter& rewriter) const override {
    Attribute table = weightExprOf(op.getOperand());
    if (!table || typeOf(op.getOperand()).getRank() != 2 || op.getAxis() != 0 || !isa<FloatType>(typeOf(op.getOperand()).getElementType()))
      return rewriter.notifyMatchFailure(op, "does not look up rows of a weight");
    if (isPositional(op.getIndices()))
      return positionRows(op, table, rewriter);

    Value ids = op.getIndices();
    while (auto cast = ids.getDefiningOp<tfm::CastOp>())
      if (isa<IntegerType>(typeOf(cast.getOperand()).getElementType()))
        ids = cast.getOperand();
      else
        return rewriter.notifyMatchFailure(op, "is indexed by numbers that were not integers");
    rewriter.replaceOpWithNewOp<tfm::EmbedOp>(op, op.getType(), ids, createWeight(rewriter, op.getLoc(), table));
    return success();
  }

  LogicalResult positionRows(tfm::GatherOp op, Attribute table, PatternRewriter& rewriter) const {
    Extent extent = extentOf(op, evaluator);
    extent.positions = evaluablePositions(op.getIndices(), extent, evaluator);
    auto offset = positionOffset(op.getIndices(), extent, evaluator);
    int64_t rows = typeOf(op.getOperand()).getDimSize(0);
    // Segments of a text that has one (BERT's token types).
    if (auto index = offset ? std::nullopt : constantIndex(op.getIndices(), extent, evaluator); index && *index >= 0 && *index < rows) {
      Attribute row = reshaped(tfm::SlicedAttr::get(op.getContext(), table, 0, *index, *index + 1), typeOf(op).getShape().take_back());
      endContext(op, extent.positions);
      rewriter.replaceOpWithNewOp<tfm::BroadcastOp>(op, op.getType(), createWeight(rewriter, op.getLoc(), row));
      return success();
    }
    if (!offset || *offset < 0 || *offset >= rows)
      return declined(rewriter, op, "rows of a table are chosen by something else than the positions, one row for each");
    endContext(op, extent.positions);
    rewriter.replaceOp(op, createPositionRows(rewriter, op, table, *offset));
    return success();
  }

  Evaluator& evaluator;
};

struct RaiseEmbeddingPass : impl::RaiseEmbeddingPassBase<RaiseEmbeddingPass> {
  void runOnOperation() override {
    Evaluator evaluator(getOperation());
    RewritePatternSet patterns(&getContext());
    patterns.add<RowsOfWeight>(&getContext(), evaluator);
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

}  // namespace
}  // namespace quantc
