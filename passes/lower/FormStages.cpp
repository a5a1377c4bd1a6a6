#include "passes/lower/Passes.h"
#include "llvm/ADT/DenseSet.h"

namespace quantc {
#define GEN_PASS_DEF_FORMSTAGESPASS
#include "passes/lower/Passes.h.inc"

namespace {

using namespace mlir;

/// What the calls of a stage read and write.
class Stage {
public:
  /// Whether the call can run at the same time as those of the stage.
  bool admits(kern::CallOp call) const {
    return llvm::none_of(inputs(call), [&](Value view) { return written.contains(bufferOf(view)); }) &&
           llvm::none_of(outputs(call), [&](Value view) { return written.contains(bufferOf(view)) || read.contains(bufferOf(view)); });
  }

  void add(kern::CallOp call) {
    for (Value view : inputs(call))
      read.insert(bufferOf(view));
    for (Value view : outputs(call))
      written.insert(bufferOf(view));
  }

private:
  static OperandRange inputs(kern::CallOp call) { return call.getViews().drop_back(call.getOutputs()); }
  static OperandRange outputs(kern::CallOp call) { return call.getViews().take_back(call.getOutputs()); }
  static Value bufferOf(Value view) { return view.getDefiningOp<kern::ViewOp>().getBuffer(); }

  llvm::SmallDenseSet<Value> read, written;
};

class FormStages : public impl::FormStagesPassBase<FormStages> {
public:
  void runOnOperation() override {
    for (auto program : getOperation().getOps<kern::ProgramOp>()) {
      Stage stage;
      bool first = true;
      for (auto call : program.getOps<kern::CallOp>()) {
        bool joins = !first && stage.admits(call);
        call.setWithPrevious(joins);
        if (!joins)
          stage = Stage();
        stage.add(call);
        first = false;
      }
    }
  }
};

}  // namespace
}  // namespace quantc
