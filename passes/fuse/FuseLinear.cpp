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
    SmallVector<Operation*> linears;
    getOperation().walk([&](Operation* op) {
      if (isa<tfm::LinearOp, tfm::ExpertLinearOp>(op))
        linears.push_back(op);
    });
    for (Operation* op : linears) {
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
  /// Operands of both operations are an input, a weight, and for experts their indices.
  tfm::FusedOp asFused(Operation* op, RewriterBase& rewriter) {
    OpBuilder::InsertionGuard guard(rewriter);
    SmallVector<Value> inputs;
    for (Value operand : op->getOperands())
      inputs.push_back(withoutDequantize(operand));
    auto producer = rewriter.getStringAttr(isa<tfm::ExpertLinearOp>(op) ? "experts" : "linear");
    auto fused = rewriter.create<tfm::FusedOp>(op->getLoc(), op->getResult(0).getType(), inputs, producer, rewriter.getI64IntegerAttr(1));
    Block& block = fused.getBody().emplaceBlock();
    block.addArgument(rewriter.getF32Type(), op->getLoc());
    rewriter.setInsertionPointToStart(&block);
    rewriter.create<tfm::YieldOp>(op->getLoc(), block.getArgument(0));
    return fused;
  }

  /// A gate and what it gates: the consumer's epilogue reads a second product of the same activations, with a weight of the same kind.
  static bool canBePair(tfm::FusedOp linear, tfm::FusedOp consumer, unsigned operand) {
    return operand >= consumer.productInputs() && linear.getProducts() + consumer.getProducts() == 2 &&
           linear.getInputs()[0] == consumer.getInputs()[0] && linear.getProducer() == consumer.getProducer() &&
           (!linear.isExperts() || linear.getInputs()[2] == consumer.getInputs()[2]) &&
           linear.getInputs()[1].getType() == consumer.getInputs()[1].getType();
  }

  void takeInEpilogue(tfm::FusedOp linear, RewriterBase& rewriter) {
    if (!linear->hasOneUse())
      return;
    OpOperand& use = *linear->use_begin();
    auto consumer = dyn_cast<tfm::FusedOp>(use.getOwner());
    // 1. The consumer computes one element from one element of the product; it may quantize its result.
    // 2. It has the product's shape.
    if (!consumer || consumer.getResult().getType().getShape() != linear.getResult().getType().getShape())
      return;
    // 3. Of chosen experts nothing but products is read.
    if (linear.isExperts() && consumer.getInputs().size() > (consumer.isLinear() ? consumer.productInputs() + 1 : 1))
      return;
    if (consumer.isLinear() && !canBePair(linear, consumer, use.getOperandNumber()))
      return;
    joinFused(rewriter, linear, consumer, use.getOperandNumber());
    rewriter.eraseOp(linear);
  }
};

}  // namespace
}  // namespace quantc
