#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/raise/Matching.h"
#include "passes/raise/Passes.h"

namespace quantc {
#define GEN_PASS_DEF_RAISEOUTPUTSPASS
#include "passes/raise/Passes.h.inc"

using namespace mlir;
using namespace raise;

namespace {

bool hasRows(Value value) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(value));
  return dims.size() >= 2 && dims[dims.size() - 2] == symbolExpr(tfm::Symbol::sequence, value.getContext());
}

RankedTensorType tailType(RankedTensorType type) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  dims[dims.size() - 2] = symbolExpr(tfm::Symbol::outputs, type.getContext());
  return tfm::makeTensorType(dims, type.getElementType());
}

/// tail(f(x)) = f(tail(x)) for an operation on rows that has one operand of rows, the others being the same for all rows.
struct TailBeforeRowOperation : OpRewritePattern<tfm::TailOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tfm::TailOp op, PatternRewriter& rewriter) const override {
    Operation* producer = op.getInput().getDefiningOp();
    if (!isa_and_nonnull<tfm::LinearOp, tfm::RmsNormOp, tfm::LayerNormOp, tfm::UnaryOp, tfm::BinaryOp, tfm::CastOp>(producer) ||
        !producer->hasOneUse())
      return rewriter.notifyMatchFailure(op, "input is not an operation on rows that is used here alone");
    std::optional<unsigned> rows;
    for (OpOperand& operand : producer->getOpOperands()) {
      RankedTensorType type = typeOf(operand.get());
      if (hasRows(operand.get())) {
        if (rows)
          return rewriter.notifyMatchFailure(op, "input is computed from several tensors of rows");
        rows = operand.getOperandNumber();
      } else if (!type.hasStaticShape() ||
                 (isa<tfm::BinaryOp>(producer) && type.getRank() >= 2 && type.getDimSize(type.getRank() - 2) != 1)) {
        return rewriter.notifyMatchFailure(op, "input depends on more than single rows");
      }
    }
    if (!rows)
      return rewriter.notifyMatchFailure(op, "input is computed from no tensor of rows");
    Value inner = producer->getOperand(*rows);
    Value tail = rewriter.create<tfm::TailOp>(op.getLoc(), tailType(typeOf(inner)), inner);
    IRMapping mapping;
    mapping.map(inner, tail);
    Operation* moved = rewriter.clone(*producer, mapping);
    moved->getResult(0).setType(op.getType());
    rewriter.replaceOp(op, moved->getResult(0));
    return success();
  }
};

struct RaiseOutputsPass : impl::RaiseOutputsPassBase<RaiseOutputsPass> {
  void runOnOperation() override {
    for (func::FuncOp main : getOperation().getOps<func::FuncOp>()) {
      // Rows are outputs of their own where each depends on earlier ones alone.
      bool causal = llvm::any_of(main.getOps(), [](Operation& op) { return isa<tfm::CacheAppendOp>(op); });
      if (causal)
        addTails(main);
    }
    RewritePatternSet patterns(&getContext());
    patterns.add<TailBeforeRowOperation>(&getContext());
    if (failed(applyPatternsAndFoldGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }

  static void addTails(func::FuncOp main) {
    auto terminator = cast<func::ReturnOp>(main.getBody().front().getTerminator());
    OpBuilder builder(terminator);
    for (OpOperand& result : terminator->getOpOperands())
      if (hasRows(result.get()) && isa<FloatType>(typeOf(result.get()).getElementType()))
        result.set(builder.create<tfm::TailOp>(terminator.getLoc(), tailType(typeOf(result.get())), result.get()));
    main.setType(builder.getFunctionType(main.getArgumentTypes(), terminator.getOperandTypes()));
  }
};

}  // namespace
}  // namespace quantc
