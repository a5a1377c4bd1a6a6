#include "dialects/tfm/SymbolicShape.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/raw_ostream.h"

namespace quantc::tfm {

using namespace mlir;

RankedTensorType makeTensorType(llvm::ArrayRef<AffineExpr> dims, Type element) {
  SmallVector<int64_t> shape;
  bool dynamic = false;
  for (AffineExpr dim : dims) {
    if (auto constant = dyn_cast<AffineConstantExpr>(dim)) {
      shape.push_back(constant.getValue());
    } else {
      shape.push_back(ShapedType::kDynamic);
      dynamic = true;
    }
  }
  Attribute encoding;
  if (dynamic)
    encoding = AffineMapAttr::get(symbolicMap(dims, element.getContext()));
  return RankedTensorType::get(shape, element, encoding);
}

SmallVector<AffineExpr> dimsOf(RankedTensorType type) {
  if (auto map = dyn_cast_or_null<AffineMapAttr>(type.getEncoding()))
    return SmallVector<AffineExpr>(map.getValue().getResults());
  SmallVector<AffineExpr> dims;
  for (int64_t size : type.getShape()) {
    assert(!ShapedType::isDynamic(size) && "dynamic dimension without an encoding");
    dims.push_back(getAffineConstantExpr(size, type.getContext()));
  }
  return dims;
}

AffineExpr productOf(llvm::ArrayRef<AffineExpr> dims, MLIRContext* context) {
  AffineExpr product = getAffineConstantExpr(1, context);
  for (AffineExpr dim : dims) {
    if (!isa<AffineConstantExpr>(product) && !isa<AffineConstantExpr>(dim))
      return {};
    product = product * dim;
  }
  return product;
}

int64_t evaluate(AffineExpr expr, int64_t sequence, int64_t past, int64_t outputs) {
  MLIRContext* context = expr.getContext();
  AffineExpr values[] = {getAffineConstantExpr(sequence, context), getAffineConstantExpr(past, context),
                         getAffineConstantExpr(outputs, context)};
  AffineExpr result = simplifyAffineExpr(expr.replaceSymbols(values), 0, 0);
  return cast<AffineConstantExpr>(result).getValue();
}

std::string toString(AffineExpr expr) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  expr.print(stream);
  return text;
}

}  // namespace quantc::tfm
