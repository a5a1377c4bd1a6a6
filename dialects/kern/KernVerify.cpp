// What kern operations must satisfy.
#include "dialects/kern/Kern.h"

#include "dialects/schemes/Scheme.h"
#include "dialects/tfm/SymbolicShape.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/IR/BuiltinOps.h"

namespace quantc::kern {

using namespace mlir;

namespace {

/// Whether a map gives sizes: linear expressions of the step's symbols.
bool givesSizes(AffineMap map) {
  return map.getNumDims() == 0 && (map.getNumSymbols() == tfm::kSymbols || map.getNumSymbols() == tfm::kMostSymbols) &&
         llvm::all_of(map.getResults(), [](AffineExpr expr) { return tfm::linearOf(expr).has_value(); });
}

}  // namespace

LogicalResult KernelOp::verify() {
  for (NamedAttribute param : getParams())
    if (!isa<StringAttr>(param.getValue()))
      return emitOpError("parameter '") << param.getName().getValue() << "' is not a string";
  if (hasProgram() && !isa<tfm::YieldOp>(getBody().front().back()))
    return emitOpError("region does not end with tfm.yield");
  return success();
}

LogicalResult ConstantOp::verify() {
  const Scheme* scheme = findScheme(getScheme().str());
  if (!scheme)
    return emitOpError("names scheme '") << getScheme() << "', known are " << knownSchemes();
  RankedTensorType type = tfm::typeOfWeight(getExpr());
  if (!type)
    return emitOpError("has an expression that does not fit together");
  if (getPacked() && type.getRank() != 2)
    return emitOpError("packs ") << type << ", expected a matrix [out, in]";
  if (!getPacked() && scheme->id != SchemeId::f32)
    return emitOpError("stores rows as ") << scheme->name << ", only f32 can be stored unpacked";
  if (!getPacked() && static_cast<int64_t>(getBytes()) != type.getNumElements() * 4)
    return emitOpError("has ") << getBytes() << " bytes, expected " << type.getNumElements() * 4;
  return success();
}

LogicalResult BufferOp::verify() {
  if (static_cast<int64_t>(getBytes()) < 0)
    return emitOpError("has a negative size");
  if (getSpace() == Space::weights)
    return emitOpError("lies among the weights, which are kern.constant");
  return success();
}

LogicalResult ViewOp::verify() {
  if (!getBuffer().getDefiningOp<ConstantOp>() && !getBuffer().getDefiningOp<BufferOp>())
    return emitOpError("is not of a kern.constant or kern.buffer");
  size_t rank = getStrides().size();
  for (AffineMap map : {getMins(), getStarts(), getExtents()}) {
    if (map.getNumResults() != rank)
      return emitOpError("has a map of ") << map.getNumResults() << " results, expected " << rank << " results of the step's symbols";
    if (!givesSizes(map))
      return emitOpError("has map ") << AffineMapAttr::get(map) << ", expected linear expressions of the step's " << tfm::kSymbols
                                     << " symbols";
  }
  if (static_cast<int64_t>(getSplitDim()) < -1 || static_cast<int64_t>(getSplitDim()) >= static_cast<int64_t>(rank))
    return emitOpError("splits dimension ") << static_cast<int64_t>(getSplitDim()) << " of " << rank;
  if (getSplitUnit() < 1 || getSplitUnit() > INT32_MAX)
    return emitOpError("is divided into units of ") << static_cast<int64_t>(getSplitUnit()) << ", expected 1 to " << INT32_MAX;
  return success();
}

LogicalResult CallOp::verify() {
  if (getOutputs() == 0 || getOutputs() > getViews().size())
    return emitOpError("has ") << getOutputs() << " outputs among " << getViews().size() << " views";
  for (Value view : getViews())
    if (!view.getDefiningOp<ViewOp>())
      return emitOpError("has an argument that is not of a kern.view");
  for (AffineMap map : {getUnits(), getRows()})
    if (map.getNumResults() != 1 || !givesSizes(map))
      return emitOpError("has map ") << AffineMapAttr::get(map) << ", expected one linear expression of the step's " << tfm::kSymbols
                                     << " symbols";
  if (static_cast<int64_t>(getRowMultiplyAdds()) < 0 || static_cast<int64_t>(getPositionMultiplyAdds()) < 0 || getWindow() > INT32_MAX)
    return emitOpError("has ") << static_cast<int64_t>(getRowMultiplyAdds()) << " and " << static_cast<int64_t>(getPositionMultiplyAdds())
                               << " multiply-adds and a window of " << static_cast<int64_t>(getWindow())
                               << ", expected none below 0 and a window of 31 bits";
  auto module = (*this)->getParentOfType<ModuleOp>();
  for (FlatSymbolRefAttr symbol : {getKernelAttr(), getKernelOneAttr()})
    if (!module.lookupSymbol<KernelOp>(symbol.getValue()))
      return emitOpError("calls ") << symbol << ", which is not a kern.kernel of the module";
  return success();
}

LogicalResult PortOp::verify() {
  auto buffer = getBuffer().getDefiningOp<BufferOp>();
  if (!buffer || buffer.getSpace() != (getIsOutput() ? Space::output : Space::input))
    return emitOpError("'") << getName() << "' is not of an " << (getIsOutput() ? "output" : "input") << " buffer";
  if (!givesSizes(getShape()))
    return emitOpError("'") << getName() << "' has shape " << getShapeAttr() << ", expected linear expressions of the step's "
                            << tfm::kSymbols << " symbols";
  return success();
}

}  // namespace quantc::kern
