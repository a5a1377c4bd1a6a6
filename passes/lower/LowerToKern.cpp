#include "passes/lower/Passes.h"

#include "dialects/schemes/CacheFormat.h"
#include "dialects/tfm/Reason.h"
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
    if (!findCacheFormat(cache)) {
      module.emitError("KV cache format '") << cache << "' is not known; use one of " << knownCacheFormats();
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
    auto encoder = module.lookupSymbol<func::FuncOp>(kEncodeFunction);
    FailureOr<int64_t> source = checkEncoder(module, encoder);
    if (failed(source))
      return signalPassFailure();
    for (Architecture architecture : architectures) {
      SmallVector<Operation*> unsupported;
      Lowering(module, function, architecture, {sequence, context.getInt(), *source}, cache).run(unsupported);
      if (encoder)
        Lowering(module, encoder, architecture, {*source, *source}, cache).run(unsupported);
      if (!unsupported.empty()) {
        refuse(module, unsupported);
        return signalPassFailure();
      }
    }
    function.erase();
    if (encoder)
      encoder.erase();
    Builder builder(&getContext());
    module->setAttr("kern.max_sequence", builder.getI64IntegerAttr(sequence));
  }

private:
  /// How many positions are encoded at most, 0 without an encoder. What the steps read must be what the encoder writes.
  static FailureOr<int64_t> checkEncoder(ModuleOp module, func::FuncOp encoder) {
    auto source = module->getAttrOfType<IntegerAttr>("tfm.source");
    llvm::StringMap<tfm::SourceWriteOp> written;
    module.walk([&](tfm::SourceWriteOp op) { written[op.getSource()] = op; });
    WalkResult reads = module.walk([&](tfm::SourceReadOp op) -> WalkResult {
      tfm::SourceWriteOp write = written.lookup(op.getSource());
      if (!encoder || !write || write->getParentOp() != encoder || op->getParentOp() == encoder || write.getKeys() != op.getKeys() ||
          write.getHeads() != op.getHeads() || write.getHeadDim() != op.getHeadDim())
        return op.emitError() << "reads '" << op.getSource() << "', which @" << kEncodeFunction << " does not write like that";
      return WalkResult::advance();
    });
    if (reads.wasInterrupted())
      return failure();
    if (!encoder)
      return 0;
    if (encoder.isExternal() || !source || source.getInt() <= 0 || source.getInt() > kLargestContext || encoder.getNumResults() != 0) {
      encoder.emitError() << "@" << kEncodeFunction << " has results or no body, or the module no attribute tfm.source from 1 to "
                          << kLargestContext << "; it is not a model that quantc printed";
      return failure();
    }
    if (failed(checkSignature(encoder)))
      return failure();
    return source.getInt();
  }

  static LogicalResult checkSignature(func::FuncOp function) {
    for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
      if (!function.getArgAttrOfType<StringAttr>(i, "tfm.name"))
        return function.emitError() << "argument " << i << " of @" << function.getSymName()
                                    << " has no attribute tfm.name, which names an input of the model";
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor || !tfm::hasSymbolicShape(type) || !(tensor.getElementType().isF32() || tensor.getElementType().isSignlessInteger(32)))
        return function.emitError() << "argument " << i << " of @" << function.getSymName() << " is " << type
                                    << ", expected a tensor of f32 or i32";
    }
    for (unsigned i = 0; i < function.getNumResults(); ++i)
      if (!function.getResultAttrOfType<StringAttr>(i, "tfm.name"))
        return function.emitError() << "result " << i << " of @main has no attribute tfm.name, which names an output of the model";
    return success();
  }

  /// Lists what has no kernel though its operands have one, and why something was not recognised that would have taken its place.
  static void refuse(ModuleOp module, ArrayRef<Operation*> operations) {
    const llvm::SmallPtrSet<Operation*, 32> all(operations.begin(), operations.end());
    std::string list, reasons;
    size_t count = 0;
    for (Operation* op : operations) {
      if (auto reason = op->getAttrOfType<StringAttr>(tfm::kReasonAttribute); reason && reasons.find(reason.str()) == std::string::npos)
        reasons += "; " + nameOf(op) + " was not recognised: " + reason.str();
      if (llvm::any_of(op->getOperands(), [&](Value operand) { return operand.getDefiningOp() && all.contains(operand.getDefiningOp()); }))
        continue;
      list += (list.empty() ? "" : ", ") + op->getName().stripDialect().str() + " (" + nameOf(op) + ")";
      ++count;
    }
    module.emitError() << count << (count == 1 ? " operation has" : " operations have") << " no kernel: " << list << reasons
                       << "; see docs/adding-an-architecture.md for the forms that have one";
  }
};

}  // namespace
}  // namespace quantc
