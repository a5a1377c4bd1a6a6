#include "compiler/import/onnx/Symbolic.h"

#include <functional>

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;

namespace {

/// constant + sum of coefficients[i] * symbol i.
struct Linear {
  int64_t constant = 0;
  std::array<int64_t, tfm::kMostSymbols> coefficients{};
};

std::optional<Linear> linearOf(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Linear{constant.getValue(), {}};
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    Linear linear;
    linear.coefficients[symbol.getPosition()] = 1;
    return linear;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary || (expr.getKind() != AffineExprKind::Add && expr.getKind() != AffineExprKind::Mul))
    return std::nullopt;
  auto a = linearOf(binary.getLHS()), b = linearOf(binary.getRHS());
  if (!a || !b)
    return std::nullopt;
  bool add = expr.getKind() == AffineExprKind::Add;
  auto overflows = [&](int64_t& into, int64_t other) {
    return add ? llvm::AddOverflow(into, other, into) : llvm::MulOverflow(into, other, into);
  };
  int64_t factor = b->constant;  // affine products have their constant on the right
  bool bad = overflows(a->constant, factor);
  for (unsigned i = 0; i < tfm::kMostSymbols; ++i)
    bad |= overflows(a->coefficients[i], add ? b->coefficients[i] : factor);
  return bad ? std::nullopt : a;
}

AffineExpr simplified(AffineExpr expr) { return simplifyAffineExpr(expr, 0, tfm::kMostSymbols); }

}  // namespace

bool isSmall(RankedTensorType type) {
  int64_t count = 1;
  for (int64_t size : type.getShape())
    if (ShapedType::isDynamic(size) || llvm::MulOverflow(count, size, count) || count > kMostKnown)
      return false;
  return true;
}

AffineExpr constantExpr(int64_t value, MLIRContext* context) { return getAffineConstantExpr(value, context); }

std::optional<int64_t> constantOf(AffineExpr expr) {
  if (auto constant = expr ? dyn_cast<AffineConstantExpr>(expr) : AffineConstantExpr())
    return constant.getValue();
  return std::nullopt;
}

std::optional<SmallVector<int64_t>> constantsOf(ArrayRef<AffineExpr> exprs) {
  SmallVector<int64_t> values;
  for (AffineExpr expr : exprs) {
    auto value = constantOf(expr);
    if (!value)
      return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

Bounds boundsOf(AffineExpr expr) {
  if (expr.getKind() == AffineExprKind::FloorDiv) {
    auto division = cast<AffineBinaryOpExpr>(expr);
    Bounds bounds = boundsOf(division.getLHS());
    int64_t divisor = constantOf(division.getRHS()).value_or(0);
    if (divisor <= 0)
      return {};
    for (auto* end : {&bounds.least, &bounds.most})
      if (*end)
        *end = llvm::divideFloorSigned(**end, divisor);
    return bounds;
  }
  auto linear = linearOf(expr);
  if (!linear)
    return {};
  constexpr int64_t kLeast[tfm::kMostSymbols] = {1, 0, 1, 1};
  int64_t atLeast = linear->constant;
  bool grows = true, shrinks = true;
  for (unsigned i = 0; i < tfm::kMostSymbols; ++i) {
    atLeast += linear->coefficients[i] * kLeast[i];
    grows &= linear->coefficients[i] >= 0;
    shrinks &= linear->coefficients[i] <= 0;
  }
  Bounds bounds;
  if (grows)
    bounds.least = atLeast;
  if (shrinks)
    bounds.most = atLeast;
  return bounds;
}

std::optional<bool> isEqual(AffineExpr a, AffineExpr b) {
  Bounds bounds = boundsOf(simplified(a - b));
  if (bounds.least && bounds.most && *bounds.least == *bounds.most)
    return *bounds.least == 0;
  if ((bounds.least && *bounds.least > 0) || (bounds.most && *bounds.most < 0))
    return false;
  return std::nullopt;
}

std::optional<bool> isLess(AffineExpr a, AffineExpr b) {
  Bounds bounds = boundsOf(simplified(a - b));
  if (bounds.most && *bounds.most < 0)
    return true;
  if (bounds.least && *bounds.least >= 0)
    return false;
  return std::nullopt;
}

AffineExpr foldBinary(BinaryKind kind, AffineExpr a, AffineExpr b) {
  MLIRContext* context = a.getContext();
  auto boolean = [&](std::optional<bool> value, bool negate = false) {
    return value ? constantExpr(*value != negate, context) : AffineExpr();
  };
  auto left = constantOf(a), right = constantOf(b);
  int64_t value = 0;
  switch (kind) {
  case BinaryKind::add:
  case BinaryKind::sub:
  case BinaryKind::mul:
    if (left && right) {
      bool overflow = kind == BinaryKind::add   ? llvm::AddOverflow(*left, *right, value)
                      : kind == BinaryKind::sub ? llvm::SubOverflow(*left, *right, value)
                                                : llvm::MulOverflow(*left, *right, value);
      return overflow ? AffineExpr() : constantExpr(value, context);
    }
    if (kind != BinaryKind::mul)
      return simplified(kind == BinaryKind::add ? a + b : a - b);
    return left || right ? simplified(a * b) : AffineExpr();
  case BinaryKind::div: {  // rounds towards zero: a floor where nothing is negative
    if (!right || *right <= 0 || boundsOf(a).least.value_or(-1) < 0)
      return {};
    return simplified(a.floorDiv(*right));
  }
  case BinaryKind::max:
  case BinaryKind::min: {
    auto less = isLess(a, b);
    if (!less && isLess(b, a) == std::optional<bool>(false))
      less = true;  // a <= b
    return less ? (*less == (kind == BinaryKind::min) ? a : b) : AffineExpr();
  }
  case BinaryKind::equal: return boolean(isEqual(a, b));
  case BinaryKind::less: return boolean(isLess(a, b));
  case BinaryKind::greater: return boolean(isLess(b, a));
  case BinaryKind::less_equal: return boolean(isLess(b, a), true);
  case BinaryKind::greater_equal: return boolean(isLess(a, b), true);
  case BinaryKind::and_: return left && right ? constantExpr(*left && *right, context) : AffineExpr();
  case BinaryKind::or_: return left && right ? constantExpr(*left || *right, context) : AffineExpr();
  case BinaryKind::xor_: return left && right ? constantExpr(!*left != !*right, context) : AffineExpr();
  case BinaryKind::mod: {  // has the divisor's sign
    if (!left || !right || *right == 0 || *right == -1)
      return {};
    int64_t rest = *left % *right;
    return constantExpr(rest != 0 && (rest < 0) != (*right < 0) ? rest + *right : rest, context);
  }
  case BinaryKind::pow: return {};
  }
  return {};
}

AffineExpr quotientOf(ArrayRef<AffineExpr> numerator, ArrayRef<AffineExpr> denominator, MLIRContext* context) {
  // Equal symbolic factors cancel first: a product of two symbols is not affine.
  SmallVector<AffineExpr> above(numerator), below;
  for (AffineExpr factor : denominator) {
    auto same = isa<AffineConstantExpr>(factor) ? above.end() : llvm::find(above, factor);
    if (same == above.end())
      below.push_back(factor);
    else
      above.erase(same);
  }
  AffineExpr dividend = tfm::productOf(above, context);
  auto divisor = constantOf(tfm::productOf(below, context));
  if (!dividend || !divisor || *divisor <= 0)
    return {};
  dividend = simplified(dividend);
  if (!dividend.isMultipleOf(*divisor))
    return {};
  return simplified(dividend.floorDiv(*divisor));
}

SmallVector<int64_t> broadcastIndices(ArrayRef<int64_t> shape, ArrayRef<int64_t> result) {
  SmallVector<int64_t> indices(1, 0);
  int64_t stride = 1;
  // From the innermost dimension outwards, each repeats what the inner ones gave.
  for (size_t i = 0; i < result.size(); ++i) {
    int64_t extent = result[result.size() - 1 - i];
    int64_t own = i < shape.size() ? shape[shape.size() - 1 - i] : 1;
    SmallVector<int64_t> outer;
    for (int64_t k = 0; k < extent; ++k)
      for (int64_t inner : indices)
        outer.push_back(inner + (own == 1 ? 0 : k * stride));
    indices = std::move(outer);
    stride *= own;
  }
  return indices;
}

}  // namespace quantc::onnx_import
