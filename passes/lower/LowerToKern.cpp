#include "passes/lower/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/lower/Lowering.h"

namespace quantc {
#define GEN_PASS_DEF_LOWERTOKERNPASS
#include "passes/lower/Passes.h.inc"

namespace {

using namespace mlir;

constexpr int64_t kLargestContext = int64_t{1} << 30;  // positions; kMaxContext of the runtime

class LowerToKern : public impl::LowerToKernPassBase<LowerToKern> {
public:
  using LowerToKernPassBase::LowerToKernPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto function = module.lookupSymbol<func::FuncOp>("main");
    auto context = module->getAttrOfType<IntegerAttr>("tfm.context");
    if (!function || function.isExternal() || !context || context.getInt() <= 0 || context.getInt() > kLargestContext) {
      module.emitError() << "module has no function @main or no attribute tfm.context from 1 to " << kLargestContext
                         << "; it is not a model that quantc printed";
      return signalPassFailure();
    }
    if (maxSequence < 1) {
      module.emitError() << "steps of " << maxSequence.getValue() << " tokens are asked for, expected at least 1";
      return signalPassFailure();
    }
    if (cache != "f32" && cache != "f16") {
      module.emitError("KV cache '") << cache << "' is not known; use one of f32, f16";
      return signalPassFailure();
    }
    if (failed(checkSignature(function)))
      return signalPassFailure();
    SmallVector<Architecture> architectures;
    for (const std::string& name : targets) {
      if (!parseArchitecture(name, architectures.emplace_back())) {
        module.emitError("target '") << name << "' is not known; known are " << knownArchitectures();
        return signalPassFailure();
      }
    }
    // A model that does not generate takes a whole sequence at once.
    int64_t sequence = givesLogits(function) ? std::min<int64_t>(maxSequence, context.getInt()) : context.getInt();
    for (Architecture architecture : architectures) {
      SmallVector<Operation*> unsupported;
      Lowering(module, function, architecture, sequence, context.getInt(), cache).run(unsupported);
      if (!unsupported.empty()) {
        refuse(module, unsupported);
        return signalPassFailure();
      }
    }
    function.erase();
    Builder builder(&getContext());
    module->setAttr("kern.max_sequence", builder.getI64IntegerAttr(sequence));
  }

private:
  static LogicalResult checkSignature(func::FuncOp function) {
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
      if (!function.getArgAttrOfType<StringAttr>(i, "tfm.name"))
        return function.emitError() << "argument " << i << " of @main has no attribute tfm.name, which names an input of the model";
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor || !tfm::hasSymbolicShape(type) || !(tensor.getElementType().isF32() || tensor.getElementType().isSignlessInteger(32)))
        return function.emitError() << "argument " << i << " of @main is " << type << ", expected a tensor of f32 or i32";
    }
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (!function.getResultAttrOfType<StringAttr>(i, "tfm.name"))
        return function.emitError() << "result " << i << " of @main has no attribute tfm.name, which names an output of the model";
    return success();
  }

  static void refuse(ModuleOp module, ArrayRef<Operation*> operations) {
    std::string list;
    for (Operation* op : operations)
      list += (list.empty() ? "" : ", ") + op->getName().stripDialect().str() + " (" + nameOf(op) + ")";
    module.emitError() << operations.size() << " operations have no kernel: " << list
                       << "; see docs/adding-an-architecture.md for the forms that have one";
  }
};

}  // namespace
}  // namespace quantc
