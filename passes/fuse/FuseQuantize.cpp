#include "dialects/schemes/Scheme.h"
#include "passes/fuse/Passes.h"
#include "passes/fuse/ScalarRegion.h"

namespace quantc {
#define GEN_PASS_DEF_FUSEQUANTIZEPASS
#include "passes/fuse/Passes.h.inc"

namespace {

using namespace mlir;

bool isActivationQuantize(tfm::QuantizeOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  return cast<tfm::QuantizedType>(type.getElementType()).getScheme() == tfm::kActivationScheme;
}

bool isElementwise(Operation* op) {
  auto fused = dyn_cast<tfm::FusedOp>(op);
  return fused && !fused.isLinear();
}

/// A head's result is whole groups.
bool isAttentionInGroups(Operation* op) {
  auto attention = dyn_cast<tfm::AttentionOp>(op);
  return attention && attention.getHeadDim() % kActivationGroup == 0;
}

class FuseQuantize : public impl::FuseQuantizePassBase<FuseQuantize> {
public:
  void runOnOperation() override {
    SmallVector<tfm::QuantizeOp> candidates;
    getOperation().walk([&](tfm::QuantizeOp op) {
      if (isActivationQuantize(op))
        candidates.push_back(op);
    });
    for (tfm::QuantizeOp op : candidates) {
      Operation* source = op.getInput().getDefiningOp();
      bool canQuantize = source && source->hasOneUse() &&
                         (isa<tfm::RmsNormOp, tfm::LayerNormOp>(source) || isElementwise(source) || isAttentionInGroups(source));
      if (canQuantize) {
        source->getResult(0).setType(op.getResult().getType());
        op.getResult().replaceAllUsesWith(source->getResult(0));
      } else {
        OpBuilder builder(op);
        tfm::FusedOp fused = createFused(builder, op.getLoc(), op.getResult().getType(), op.getInput(),
                                         [](OpBuilder&, ValueRange arguments) { return arguments[0]; });
        op.getResult().replaceAllUsesWith(fused.getResult());
      }
      op.erase();
    }
  }
};

}  // namespace
}  // namespace quantc
