#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/raise/Matching.h"
#include "passes/raise/Passes.h"

namespace quantc {
#define GEN_PASS_DEF_WIDENFLOATSPASS
#include "passes/raise/Passes.h.inc"

using namespace mlir;
using namespace raise;

namespace {

/// float32 for a tensor of other floats.
Type widened(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa<FloatType>(tensor.getElementType()) ? tfm::withElement(tensor, Float32Type::get(type.getContext())) : type;
}

void widen(Value value) { value.setType(widened(value.getType())); }

void widenElements(tfm::ConstantOp op) {
  auto elements = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!elements || !isa<FloatType>(elements.getElementType()) || elements.getElementType().isF32())
    return;
  op.setValueAttr(elements.mapValues(Float32Type::get(op.getContext()), [](const APFloat& value) {
    APFloat single = value;
    bool inexact = false;
    single.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &inexact);
    return single.bitcastToAPInt();
  }));
}

struct WidenFloatsPass : impl::WidenFloatsPassBase<WidenFloatsPass> {
  void runOnOperation() override {
    getOperation().walk([](func::FuncOp function) {
      for (Block& block : function.getBody())
        for (Value argument : block.getArguments())
          widen(argument);
      function.walk([](Operation* op) {
        if (auto constant = dyn_cast<tfm::ConstantOp>(op))
          widenElements(constant);
        for (Value result : op->getResults())
          widen(result);
      });
      SmallVector<Type> results;
      for (Type type : function.getResultTypes())
        results.push_back(widened(type));
      SmallVector<Type> arguments;
      for (Type type : function.getArgumentTypes())
        arguments.push_back(widened(type));
      function.setType(FunctionType::get(function.getContext(), arguments, results));
    });
  }
};

}  // namespace
}  // namespace quantc
