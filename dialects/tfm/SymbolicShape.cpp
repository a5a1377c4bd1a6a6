#include "dialects/tfm/SymbolicShape.h"

#include "dialects/tfm/Quotient.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/MathExtras.h"
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

namespace {

bool isSmall(int64_t value) { return -kLargestDim <= value && value <= kLargestDim; }

/// `evaluate` gives a number for it whatever the symbols are.
bool isSymbolicDim(AffineExpr expr) {
  bool fits = true;
  expr.walk([&](AffineExpr part) {
    if (auto constant = dyn_cast<AffineConstantExpr>(part))
      fits &= isSmall(constant.getValue());
    else if (auto symbol = dyn_cast<AffineSymbolExpr>(part))
      fits &= symbol.getPosition() < kMostSymbols;
    else if (isa<AffineDimExpr>(part))
      fits = false;
    else if (part.getKind() != AffineExprKind::Add && part.getKind() != AffineExprKind::Mul) {
      auto divisor = dyn_cast<AffineConstantExpr>(cast<AffineBinaryOpExpr>(part).getRHS());
      fits &= divisor && divisor.getValue() > 0;
    }
  });
  return fits;
}

std::optional<LinearSize> scaled(const LinearSize& size, int64_t factor) {
  LinearSize result = size;
  for (int64_t* value : {&result.constant, &result.sequence, &result.past, &result.outputs, &result.source})
    if (llvm::MulOverflow(*value, factor, *value) || !isSmall(*value))
      return std::nullopt;
  return result;
}

std::optional<LinearSize> sum(const LinearSize& a, const LinearSize& b) {
  LinearSize result = {a.constant + b.constant, a.sequence + b.sequence, a.past + b.past, a.outputs + b.outputs, a.source + b.source};
  return scaled(result, 1);
}

}  // namespace

bool hasSymbolicShape(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return false;
  if (!tensor.getEncoding())
    return tensor.hasStaticShape() && llvm::all_of(tensor.getShape(), isSmall);
  auto map = dyn_cast<AffineMapAttr>(tensor.getEncoding());
  if (!map || static_cast<int64_t>(map.getValue().getNumResults()) != tensor.getRank())
    return false;
  for (auto [size, dim] : llvm::zip(tensor.getShape(), map.getValue().getResults())) {
    auto constant = dyn_cast<AffineConstantExpr>(dim);
    if (!isSymbolicDim(dim) || ShapedType::isDynamic(size) == static_cast<bool>(constant) || (constant && constant.getValue() != size))
      return false;
  }
  return true;
}

std::optional<LinearSize> linearOf(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return scaled({constant.getValue(), 0, 0, 0}, 1);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    switch (symbol.getPosition()) {
    case 0: return LinearSize{0, 1, 0, 0};
    case 1: return LinearSize{0, 0, 1, 0};
    case 2: return LinearSize{0, 0, 0, 1};
    case 3: return LinearSize{0, 0, 0, 0, 1};
    default: return std::nullopt;
    }
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return std::nullopt;
  std::optional<LinearSize> lhs = linearOf(binary.getLHS()), rhs = linearOf(binary.getRHS());
  if (!lhs || !rhs)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Add)
    return sum(*lhs, *rhs);
  auto factor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (expr.getKind() == AffineExprKind::Mul && factor)
    return scaled(*lhs, factor.getValue());
  return std::nullopt;
}

AffineExpr floorDivided(AffineExpr expr, int64_t divisor) {
  MLIRContext* context = expr.getContext();
  std::optional<LinearSize> size = linearOf(expr);
  if (!size || size->sequence % divisor || size->past % divisor || size->outputs % divisor || size->source % divisor)
    return simplifyAffineExpr(expr.floorDiv(divisor), 0, kMostSymbols);
  AffineExpr result = getAffineConstantExpr(llvm::divideFloorSigned(size->constant, divisor), context);
  const std::pair<Symbol, int64_t> factors[] = {
      {Symbol::sequence, size->sequence}, {Symbol::past, size->past}, {Symbol::outputs, size->outputs}, {Symbol::source, size->source}};
  for (auto [symbol, factor] : factors)
    result = result + symbolExpr(symbol, context) * (factor / divisor);
  return simplifyAffineExpr(result, 0, kMostSymbols);
}

SmallVector<AffineExpr> dimsOf(RankedTensorType type) {
  if (auto map = dyn_cast_or_null<AffineMapAttr>(type.getEncoding()))
    return SmallVector<AffineExpr>(map.getValue().getResults());
  SmallVector<AffineExpr> dims;
  for (int64_t size : type.getShape()) {
    assert(!ShapedType::isDynamic(size) && "dimsOf was asked about a type without a symbolic shape");
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

int64_t evaluate(AffineExpr expr, int64_t sequence, int64_t past, int64_t outputs, int64_t source) {
  MLIRContext* context = expr.getContext();
  AffineExpr values[] = {getAffineConstantExpr(sequence, context), getAffineConstantExpr(past, context),
                         getAffineConstantExpr(outputs, context), getAffineConstantExpr(source, context)};
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
