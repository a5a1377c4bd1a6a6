#include "passes/fuse/Passes.h"
#include "passes/fuse/ScalarRegion.h"

namespace quantc {
#define GEN_PASS_DEF_FUSEELEMENTWISEPASS
#include "passes/fuse/Passes.h.inc"

namespace {

using namespace mlir;

bool isFloatTensor(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getElementType().isF32();
}

/// The value of a splat float constant, or nothing.
std::optional<float> splatOf(Value value) {
  auto constant = value.getDefiningOp<tfm::ConstantOp>();
  if (!constant)
    return std::nullopt;
  auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
  if (!dense || !dense.isSplat() || !dense.getElementType().isF32())
    return std::nullopt;
  return dense.getSplatValue<float>();
}

/// Weights that an epilogue reads are float32 in the artifact whatever their file holds.
bool isWeight(Value value) { return value.getDefiningOp<tfm::WeightOp>() != nullptr; }

/// Replaces an elementwise operation by a fused one on `operands`. `emit` builds the scalar form from their elements.
LogicalResult fuseOne(Operation* op, ValueRange operands, RewriterBase& rewriter, function_ref<Value(OpBuilder&, ValueRange)> emit) {
  SmallVector<Value> inputs;
  SmallVector<int> source;  // index into inputs, or -1 for a splat
  for (Value operand : operands) {
    if (splatOf(operand)) {
      source.push_back(-1);
      continue;
    }
    if (!isFloatTensor(operand) && !isWeight(operand))
      return rewriter.notifyMatchFailure(op, "requires float32 operands");
    source.push_back(inputs.size());
    inputs.push_back(operand);
  }
  if (!isFloatTensor(op->getResult(0)))
    return rewriter.notifyMatchFailure(op, "requires a float32 result");
  if (inputs.empty())
    return rewriter.notifyMatchFailure(op, "requires an operand that is no splat");
  rewriter.setInsertionPoint(op);
  tfm::FusedOp fused =
      createFused(rewriter, op->getLoc(), op->getResult(0).getType(), inputs, [&](OpBuilder& builder, ValueRange arguments) {
        SmallVector<Value> elements;
        for (auto [i, operand] : llvm::enumerate(operands))
          elements.push_back(source[i] >= 0
                                 ? arguments[source[i]]
                                 : builder.create<arith::ConstantOp>(op->getLoc(), builder.getF32FloatAttr(*splatOf(operand))).getResult());
        return emit(builder, elements);
      });
  if (!fused)
    return rewriter.notifyMatchFailure(op, "requires a function that kernels can compute");
  rewriter.replaceOp(op, fused.getResult());
  return success();
}

/// How many inputs the consumer has that took the producer in.
size_t inputsTogether(tfm::FusedOp producer, tfm::FusedOp consumer) {
  auto isNew = [&](Value input) { return !llvm::is_contained(consumer.getInputs(), input); };
  return consumer.getInputs().size() - 1 + static_cast<size_t>(llvm::count_if(producer.getInputs(), isNew));
}

class FuseElementwise : public impl::FuseElementwisePassBase<FuseElementwise> {
public:
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<Operation*> candidates;
    getOperation().walk([&](Operation* op) {
      if (isa<tfm::UnaryOp, tfm::BinaryOp, tfm::SelectOp>(op))
        candidates.push_back(op);
    });
    for (Operation* op : candidates)
      (void)fuse(op, rewriter);
    // Consumers first: each takes in its producers before it is taken in itself.
    SmallVector<tfm::FusedOp> fused;
    getOperation().walk([&](tfm::FusedOp op) { fused.push_back(op); });
    for (tfm::FusedOp op : llvm::reverse(fused))
      if (!takenIn.contains(op))
        takeInProducers(op, rewriter);
    takenIn.clear();
  }

private:
  static LogicalResult fuse(Operation* op, RewriterBase& rewriter) {
    Location loc = op->getLoc();
    if (auto unary = dyn_cast<tfm::UnaryOp>(op))
      return fuseOne(op, op->getOperands(), rewriter,
                     [&](OpBuilder& builder, ValueRange x) { return emitUnary(builder, loc, unary.getKind(), x[0]); });
    if (auto binary = dyn_cast<tfm::BinaryOp>(op))
      return fuseOne(op, op->getOperands(), rewriter,
                     [&](OpBuilder& builder, ValueRange x) { return emitBinary(builder, loc, binary.getKind(), x[0], x[1]); });
    // A condition has no float32 form of its own: the select takes its comparison in.
    auto select = cast<tfm::SelectOp>(op);
    auto comparison = select.getCondition().getDefiningOp<tfm::BinaryOp>();
    if (!comparison)
      return rewriter.notifyMatchFailure(op, "requires a comparison as its condition");
    Value operands[] = {comparison.getLhs(), comparison.getRhs(), select.getLhs(), select.getRhs()};
    LogicalResult result = fuseOne(op, operands, rewriter, [&](OpBuilder& builder, ValueRange x) {
      return emitSelect(builder, loc, comparison.getKind(), x[0], x[1], x[2], x[3]);
    });
    if (succeeded(result) && comparison->use_empty())
      rewriter.eraseOp(comparison);
    return result;
  }

  void takeInProducers(tfm::FusedOp consumer, RewriterBase& rewriter) {
    if (consumer->use_empty())
      return;
    for (unsigned i = 0; i < consumer.getInputs().size(); ++i) {
      auto producer = consumer.getInputs()[i].getDefiningOp<tfm::FusedOp>();
      if (!producer || !producer->hasOneUse() || producer.getResult().getType() != consumer.getResult().getType() ||
          inputsTogether(producer, consumer) > kMostFusedInputs)
        continue;
      consumer = joinFused(rewriter, producer, consumer, i);
      takenIn.insert(producer);
      rewriter.eraseOp(producer);
      i = ~0u;  // inputs have moved: begin again
    }
  }

  llvm::DenseSet<Operation*> takenIn;  // erased
};

}  // namespace
}  // namespace quantc
