#include "passes/quantize/Passes.h"

#include "dialects/schemes/Scheme.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

namespace quantc {
#define GEN_PASS_DEF_QUANTIZEPASS
#include "passes/quantize/Passes.h.inc"

namespace {

using namespace mlir;

/// A head's result leaves the model, possibly under another shape, with a bias or capped.
bool isHead(tfm::LinearOp linear) {
  Operation* op = linear;
  while (op->hasOneUse()) {
    Operation* user = *op->user_begin();
    if (isa<func::ReturnOp>(user))
      return true;
    if (!isa<tfm::ReshapeOp, tfm::UnaryOp, tfm::BinaryOp, tfm::TailOp>(user))
      return false;
    op = user;
  }
  return false;
}

class Quantize : public impl::QuantizePassBase<Quantize> {
public:
  using QuantizePassBase::QuantizePassBase;

  void runOnOperation() override {
    const Scheme* linearScheme = requireScheme(linear);
    const Scheme* embeddingScheme = requireScheme(embedding);
    const Scheme* headScheme = requireScheme(head);
    if (!linearScheme || !embeddingScheme || !headScheme)
      return signalPassFailure();
    getOperation().walk([&](tfm::EmbedOp embed) { storeAs(*embeddingScheme, embed.getTableMutable()); });
    getOperation().walk([&](tfm::LinearOp op) {
      const Scheme& scheme = isHead(op) ? *headScheme : *linearScheme;
      if (!storeAs(scheme, op.getWeightMutable()))
        return;
      if (scheme.quantized())
        op.getInputMutable().assign(quantizedActivation(op.getInput()));
    });
  }

private:
  const Scheme* requireScheme(const std::string& name) {
    const Scheme* scheme = findScheme(name);
    if (!scheme)
      getOperation().emitError("scheme '") << name << "' is not known; known are " << knownSchemes();
    return scheme;
  }

  /// False when the operand is no weight (then it stays as it is).
  bool storeAs(const Scheme& scheme, OpOperand& operand) {
    if (!operand.get().getDefiningOp<tfm::WeightOp>())
      return false;
    operand.set(roundTrip(operand.get(), scheme.name));
    return true;
  }

  Value quantizedActivation(Value value) {
    auto [slot, isNew] = activations.try_emplace(value);
    if (isNew)
      slot->second = roundTrip(value, tfm::kActivationScheme);
    return slot->second;
  }

  Value roundTrip(Value value, StringRef scheme) {
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfterValue(value);
    auto type = cast<RankedTensorType>(value.getType());
    Location loc = value.getLoc();
    auto quantizedType = tfm::withElement(type, tfm::QuantizedType::get(&getContext(), scheme));
    Value quantized = builder.create<tfm::QuantizeOp>(loc, quantizedType, value);
    return builder.create<tfm::DequantizeOp>(loc, tfm::withElement(type, builder.getF32Type()), quantized);
  }

  llvm::MapVector<Value, Value> activations;
};

}  // namespace
}  // namespace quantc
