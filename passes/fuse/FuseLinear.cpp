#include "passes/fuse/Passes.h"
#include "passes/fuse/ScalarRegion.h"

namespace quantc {
#define GEN_PASS_DEF_FUSELINEARPASS
#include "passes/fuse/Passes.h.inc"

namespace {

using namespace mlir;

/// What a dequantize was made of, or the value itself.
Value withoutDequantize(Value value) {
  auto op = value.getDefiningOp<tfm::DequantizeOp>();
  return op ? op.getInput() : value;
}

class FuseLinear : public impl::FuseLinearPassBase<FuseLinear> {
public:
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<tfm::LinearOp> linears;
    getOperation().walk([&](tfm::LinearOp op) { linears.push_back(op); });
    for (tfm::LinearOp op : linears) {
      rewriter.setInsertionPoint(op);
      tfm::FusedOp fused = asFused(op, rewriter);
      rewriter.replaceOp(op, fused.getResult());
      takeInEpilogue(fused, rewriter);
    }
    getOperation().walk([&](tfm::DequantizeOp op) {
      if (op->use_empty())
        rewriter.eraseOp(op);
    });
  }

private:
  tfm::FusedOp asFused(tfm::LinearOp op, RewriterBase& rewriter) {
    OpBuilder::InsertionGuard guard(rewriter);
    SmallVector<Value> inputs = {withoutDequantize(op.getInput()), withoutDequantize(op.getWeight())};
    auto fused = rewriter.create<tfm::FusedOp>(op.getLoc(), op.getResult().getType(), inputs, rewriter.getStringAttr("linear"));
    Block& block = fused.getBody().emplaceBlock();
    block.addArgument(rewriter.getF32Type(), op.getLoc());
    rewriter.setInsertionPointToStart(&block);
    rewriter.create<tfm::YieldOp>(op.getLoc(), block.getArgument(0));
    return fused;
  }

  void takeInEpilogue(tfm::FusedOp linear, RewriterBase& rewriter) {
    if (!linear->hasOneUse())
      return;
    OpOperand& use = *linear->use_begin();
    auto consumer = dyn_cast<tfm::FusedOp>(use.getOwner());
    // 1. The consumer is elementwise: its quantized result or its own product would need all of this one's first.
    // 2. It has the product's shape.
    if (!consumer || !consumer.getProducer().empty() || consumer.getResult().getType() != linear.getResult().getType())
      return;
    joinFused(rewriter, linear, consumer, use.getOperandNumber());
    rewriter.eraseOp(linear);
  }
};

}  // namespace
}  // namespace quantc
