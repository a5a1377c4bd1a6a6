#include "passes/quantize/Passes.h"

#include "dialects/schemes/BlockFormat.h"
#include "dialects/schemes/Scheme.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "passes/raise/RouterAttribute.h"
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

/// A router's result decides which experts are taken: a small error would take others.
bool isRouter(tfm::LinearOp linear) {
  return linear->hasAttr(raise::kRouterAttribute) ||
         llvm::any_of(linear->getUsers(), [](Operation* user) { return isa<tfm::TopKOp>(user); });
}
constexpr const char* kRouterScheme = "f32";

/// The narrowest scheme that has all codes; int8 for others of eight bits, which are encoded anew, and binary16 for wider ones.
const Scheme& schemeOfCodes(tfm::DequantizedAttr attr) {
  const tfm::CodeRange range = tfm::codeRangeOf(attr);
  for (const char* name : {"int4", "int6"}) {
    const Scheme& scheme = *findScheme(name);
    if (range.least != range.most && range.least >= lowestCode(scheme) && range.most <= highestCode(scheme))
      return scheme;
  }
  const bool wide = tfm::typeOfWeight(attr.getCodes()).getElementTypeBitWidth() > 8;
  return *findScheme(wide ? "f16" : "int8");
}

/// The scheme that holds what the file holds, of several tensors the widest.
const Scheme& keptScheme(Attribute expr) {
  const Scheme* kept = nullptr;
  expr.walk<WalkOrder::PreOrder>([&](Attribute part) {
    const Scheme* scheme = nullptr;
    auto take = [&] {
      if (scheme && (!kept || scheme->bits > kept->bits))
        kept = scheme;
    };
    if (auto dequantized = dyn_cast<tfm::DequantizedAttr>(part)) {
      scheme = &schemeOfCodes(dequantized);
      take();
      return WalkResult::skip();  // its scales are no weights
    }
    if (auto stored = dyn_cast<tfm::StoredAttr>(part)) {
      if (stored.getBlocks())
        scheme = findScheme(findBlockFormat(stored.getBlocks().str())->kept);
      else
        scheme = findScheme(cast<RankedTensorType>(stored.getType()).getElementType().isF16() ? "f16" : "f32");
    } else if (isa<tfm::LiteralAttr, tfm::RopeTableAttr>(part)) {
      scheme = findScheme("f32");
    }
    take();
    return WalkResult::advance();
  });
  return kept ? *kept : *findScheme("f32");
}

class Quantize : public impl::QuantizePassBase<Quantize> {
public:
  using QuantizePassBase::QuantizePassBase;

  void runOnOperation() override {
    for (const std::string& name : {std::string(linear), std::string(embedding), std::string(head)})
      if (name != kKeepScheme && !findScheme(name)) {
        getOperation().emitError("scheme '") << name << "' is not known; known are " << knownSchemes() << ", " << kKeepScheme;
        return signalPassFailure();
      }
    getOperation().walk([&](tfm::EmbedOp embed) { storeAs(embedding, embed.getTableMutable()); });
    getOperation().walk([&](tfm::LinearOp op) {
      const Scheme* scheme = storeAs(isRouter(op) ? std::string(kRouterScheme) : isHead(op) ? head : linear, op.getWeightMutable());
      if (scheme && scheme->quantized())
        op.getInputMutable().assign(quantizedActivation(op.getInput()));
    });
    getOperation().walk([&](tfm::ExpertLinearOp op) {
      const Scheme* scheme = storeAs(linear, op.getWeightMutable());
      if (scheme && scheme->quantized())
        op.getInputMutable().assign(quantizedActivation(op.getInput()));
    });
  }

private:
  /// nullptr when the operand is no weight (then it stays as it is).
  const Scheme* storeAs(const std::string& name, OpOperand& operand) {
    auto weight = operand.get().getDefiningOp<tfm::WeightOp>();
    if (!weight)
      return nullptr;
    const Scheme* scheme = name == kKeepScheme ? &keptScheme(weight.getExpr()) : findScheme(name);
    operand.set(roundTrip(operand.get(), scheme->name));
    return scheme;
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
