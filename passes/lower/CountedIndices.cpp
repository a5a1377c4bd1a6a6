#include "passes/lower/CountedIndices.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

namespace quantc {

using namespace mlir;

namespace {

constexpr int64_t kMostConstants = 4096, kLargest = int64_t{1} << 31;

SmallVector<AffineExpr> dimsOf(Value value) { return tfm::dimsOf(cast<RankedTensorType>(value.getType())); }

bool isSmall(int64_t number) { return number > -kLargest && number < kLargest; }

std::optional<CountedIndices> ofConstant(tfm::ConstantOp op) {
  auto values = dyn_cast<DenseIntElementsAttr>(op.getValue());
  auto type = cast<RankedTensorType>(op.getResult().getType());
  if (!values || type.getNumElements() < 1 || type.getNumElements() > kMostConstants || type.getElementType().isUnsignedInteger())
    return std::nullopt;
  SmallVector<int64_t> numbers;
  for (const APInt& value : values.getValues<APInt>())
    numbers.push_back(value.getSExtValue());
  if (!llvm::all_of(numbers, isSmall))
    return std::nullopt;
  CountedIndices counted{getAffineConstantExpr(numbers[0], op.getContext()), {}};
  int64_t inner = 1;
  for (int64_t extent : llvm::reverse(type.getShape())) {
    counted.steps.insert(counted.steps.begin(), extent > 1 ? numbers[inner] - numbers[0] : 0);
    inner *= extent;
  }
  for (auto [i, number] : llvm::enumerate(numbers)) {
    int64_t expected = numbers[0], rest = static_cast<int64_t>(i);
    for (auto [extent, step] : llvm::zip(llvm::reverse(type.getShape()), llvm::reverse(counted.steps))) {
      expected += rest % extent * step;
      rest /= extent;
    }
    if (number != expected)
      return std::nullopt;
  }
  return counted;
}

/// Where dimensions of one element alone come or go.
std::optional<CountedIndices> ofReshape(tfm::ReshapeOp op) {
  auto counted = countedIndices(op.getOperand());
  SmallVector<AffineExpr> from = dimsOf(op.getOperand()), to = dimsOf(op.getResult());
  if (!counted)
    return std::nullopt;
  SmallVector<int64_t> steps;
  size_t next = 0;
  auto skipOnes = [&] {
    while (next < from.size() && isOne(from[next]))
      ++next;
  };
  for (AffineExpr extent : to) {
    skipOnes();
    if (!isOne(extent) && (next == from.size() || from[next] != extent))
      return std::nullopt;
    steps.push_back(isOne(extent) ? 0 : counted->steps[next++]);
  }
  skipOnes();
  return next == from.size() ? std::optional(CountedIndices{counted->start, steps}) : std::nullopt;
}

/// As the elements of a tensor of `rank` dimensions that these are repeated along.
void widen(CountedIndices& counted, ArrayRef<AffineExpr> extents, size_t rank) {
  for (auto [extent, step] : llvm::zip(extents, counted.steps))
    if (isOne(extent))
      step = 0;
  counted.steps.insert(counted.steps.begin(), rank - counted.steps.size(), 0);
}

std::optional<CountedIndices> ofBinary(tfm::BinaryOp op) {
  auto lhs = countedIndices(op.getLhs()), rhs = countedIndices(op.getRhs());
  if (!lhs || !rhs)
    return std::nullopt;
  const size_t rank = dimsOf(op.getResult()).size();
  widen(*lhs, dimsOf(op.getLhs()), rank);
  widen(*rhs, dimsOf(op.getRhs()), rank);
  int64_t left = 1, right = 1;
  CountedIndices& result = *lhs;
  switch (op.getKind()) {
  case tfm::BinaryKind::add: break;
  case tfm::BinaryKind::sub: right = -1; break;
  case tfm::BinaryKind::mul: {  // by a number
    auto isNumber = [](const CountedIndices& counted) {
      return isa<AffineConstantExpr>(counted.start) && llvm::all_of(counted.steps, [](int64_t step) { return step == 0; });
    };
    if (isNumber(*lhs))
      std::swap(*lhs, *rhs);
    if (!isNumber(*rhs))
      return std::nullopt;
    left = cast<AffineConstantExpr>(rhs->start).getValue();
    right = 0;
    break;
  }
  default: return std::nullopt;
  }
  for (auto [step, other] : llvm::zip(result.steps, rhs->steps)) {
    step = step * left + other * right;
    if (!isSmall(step))
      return std::nullopt;
  }
  result.start = simplifyAffineExpr(result.start * left + rhs->start * right, 0, tfm::kMostSymbols);
  return tfm::linearOf(result.start) ? lhs : std::nullopt;
}

/// Whether it is at least 0 in every step, which has a token or more.
bool isNeverNegative(AffineExpr expr) {
  auto size = tfm::linearOf(simplifyAffineExpr(expr, 0, tfm::kMostSymbols));
  return size && size->sequence >= 0 && size->past >= 0 && size->outputs >= 0 && size->source >= 0 && size->constant + size->sequence >= 0;
}

}  // namespace

std::optional<CountedIndices> countedIndices(Value indices) {
  Operation* op = indices.getDefiningOp();
  auto type = dyn_cast<RankedTensorType>(indices.getType());
  if (!op || !type || !(type.getElementType().isSignlessInteger(64) || type.getElementType().isSignlessInteger(32)))
    return std::nullopt;
  return llvm::TypeSwitch<Operation*, std::optional<CountedIndices>>(op)
      .Case([](tfm::ConstantOp constant) { return ofConstant(constant); })
      .Case([](tfm::ReshapeOp reshape) { return ofReshape(reshape); })
      .Case([](tfm::BinaryOp binary) { return ofBinary(binary); })
      .Case([](tfm::CastOp cast) { return countedIndices(cast.getOperand()); })
      .Case([](tfm::IotaOp iota) -> std::optional<CountedIndices> {
        AffineExpr start = iota.getStart().getResult(0);
        const int64_t step = iota.getStep();
        return tfm::linearOf(start) && isSmall(step) ? std::optional(CountedIndices{start, {step}}) : std::nullopt;
      })
      .Default([](Operation*) { return std::nullopt; });
}

std::optional<StridedTensor> takenAt(const StridedTensor& x, int64_t axis, const CountedIndices& indices, ArrayRef<AffineExpr> extents) {
  AffineExpr last = indices.start;
  for (auto [extent, step] : llvm::zip(extents, indices.steps)) {
    if (step < 0)
      return std::nullopt;
    last = last + (extent - 1) * step;
  }
  if (!isNeverNegative(indices.start) || !isNeverNegative(x.extents[axis] - 1 - last))
    return std::nullopt;
  StridedTensor result = sliced(x, axis, indices.start, x.extents[axis], 1);
  const int64_t stride = x.strides[axis];
  result.extents.erase(result.extents.begin() + axis);
  result.strides.erase(result.strides.begin() + axis);
  result.extents.insert(result.extents.begin() + axis, extents.begin(), extents.end());
  for (auto [i, step] : llvm::enumerate(indices.steps)) {
    int64_t moved;
    if (llvm::MulOverflow(stride, step, moved))
      return std::nullopt;
    result.strides.insert(result.strides.begin() + axis + static_cast<int64_t>(i), moved);
  }
  return result;
}

}  // namespace quantc
