#include "passes/lower/StridedTensor.h"

#include <numeric>

#include "llvm/Support/MathExtras.h"

namespace quantc {

using namespace mlir;

namespace {

std::optional<int64_t> constantOf(AffineExpr expr) {
  auto constant = dyn_cast<AffineConstantExpr>(expr);
  return constant ? std::optional<int64_t>(constant.getValue()) : std::nullopt;
}

/// expr / divisor where every step divides evenly.
AffineExpr quotient(AffineExpr expr, int64_t divisor) {
  std::optional<tfm::LinearSize> size = tfm::linearOf(expr);
  if (!size || divisor <= 0)
    return {};
  for (int64_t part : {size->constant, size->sequence, size->past, size->outputs})
    if (part % divisor != 0)
      return {};
  return simplifyAffineExpr(expr.floorDiv(divisor), 0, tfm::kSymbols);
}

/// A dimension that an element is repeated along, or that has one element, fits behind any other.
bool lieTogether(int64_t outer, int64_t inner, int64_t extent) {
  int64_t span;
  return !llvm::MulOverflow(inner, extent, span) && outer == span;
}

/// The stride of a dimension along which all starts can be told for which there is none; 0 where there is one for each.
int64_t strideOfStarts(const StridedTensor& tensor) {
  int64_t common = 0;
  for (const auto& start : tensor.starts)
    if (llvm::none_of(tensor.strides, [&](int64_t stride) { return stride > 0 && start.second % stride == 0; }))
      common = std::gcd(common, start.second);
  return common;
}

}  // namespace

Type heldAs(Type element, MLIRContext* context) {
  if (isa<FloatType>(element))
    return Float32Type::get(context);
  return isa<IntegerType>(element) ? Type(IntegerType::get(context, 32)) : Type();
}

bool isOne(AffineExpr extent) { return constantOf(extent) == 1; }

bool isEmpty(ArrayRef<AffineExpr> extents) {
  return llvm::any_of(extents, [](AffineExpr extent) {
    auto constant = dyn_cast<AffineConstantExpr>(extent);
    return constant && constant.getValue() == 0;
  });
}

bool broadcastsTo(ArrayRef<AffineExpr> from, ArrayRef<AffineExpr> to) {
  if (from.size() > to.size())
    return false;
  for (auto [own, wanted] : llvm::zip(from, to.take_back(from.size())))
    if (own != wanted && !isOne(own))
      return false;
  return true;
}

void preferDense(StridedTensor& tensor) {
  if (isOne(tensor.extents.back()))
    tensor.strides.back() = 1;
}

std::optional<SmallVector<int64_t>> denseStrides(ArrayRef<AffineExpr> extents) {
  SmallVector<int64_t> strides(extents.size(), 0);
  std::optional<int64_t> stride = 1;
  for (size_t i = extents.size(); i-- > 0;) {
    if (isOne(extents[i]))
      continue;
    if (!stride)
      return std::nullopt;
    strides[i] = *stride;
    auto extent = constantOf(extents[i]);
    int64_t next = 0;
    stride = extent && !llvm::MulOverflow(*stride, std::max<int64_t>(*extent, 1), next) ? std::optional<int64_t>(next) : std::nullopt;
  }
  return strides;
}

std::optional<StridedTensor> reshaped(const StridedTensor& tensor, ArrayRef<AffineExpr> extents) {
  StridedTensor result = tensor;
  result.extents.assign(extents.begin(), extents.end());
  result.strides.assign(extents.size(), 0);
  StridedTensor joined = tensor;
  StridedTensor* pointer = &joined;
  joinDimensions(pointer);
  // From the innermost dimension on, each group of elements that lie together is divided among dimensions of the result.
  size_t next = extents.size();
  for (size_t group = joined.rank(); group-- > 0;) {
    AffineExpr rest = joined.extents[group];
    int64_t stride = joined.strides[group];
    while (!isOne(rest)) {
      while (next > 0 && isOne(extents[next - 1]))
        --next;
      if (next == 0)
        return std::nullopt;
      AffineExpr extent = extents[--next];
      result.strides[next] = stride;
      if (extent == rest)
        break;
      auto size = constantOf(extent);
      rest = size ? quotient(rest, *size) : AffineExpr();
      if (!rest || llvm::MulOverflow(stride, *size, stride))
        return std::nullopt;
    }
  }
  while (next > 0)
    if (!isOne(extents[--next]))
      return std::nullopt;
  return result;
}

StridedTensor transposed(const StridedTensor& tensor, ArrayRef<int64_t> order) {
  StridedTensor result = tensor;
  for (auto [i, axis] : llvm::enumerate(order)) {
    result.extents[i] = tensor.extents[axis];
    result.strides[i] = tensor.strides[axis];
  }
  return result;
}

StridedTensor broadcast(const StridedTensor& tensor, ArrayRef<AffineExpr> extents) {
  StridedTensor result = tensor;
  result.extents.assign(extents.begin(), extents.end());
  result.strides.assign(extents.size(), 0);
  size_t added = extents.size() - tensor.rank();
  for (size_t i = 0; i < tensor.rank(); ++i)
    result.strides[added + i] = isOne(tensor.extents[i]) ? 0 : tensor.strides[i];
  return result;
}

StridedTensor sliced(const StridedTensor& tensor, int64_t axis, AffineExpr begin, AffineExpr count, int64_t step) {
  StridedTensor result = tensor;
  if (auto constant = constantOf(begin))
    result.offset += *constant * tensor.strides[axis];
  else if (tensor.strides[axis])
    result.starts.push_back({begin, tensor.strides[axis]});
  result.extents[axis] = count;
  result.strides[axis] *= step;
  return result;
}

void joinDimensions(ArrayRef<StridedTensor*> tensors) {
  StridedTensor& first = *tensors.front();
  auto erase = [&](size_t dim) {
    for (StridedTensor* tensor : tensors) {
      tensor->extents.erase(tensor->extents.begin() + dim);
      tensor->strides.erase(tensor->strides.begin() + dim);
    }
  };
  for (size_t i = first.rank(); i-- > 0;)
    if (isOne(first.extents[i]))
      erase(i);
  for (size_t i = first.rank(); i-- > 1;) {
    auto inner = constantOf(first.extents[i]);
    bool together = inner && *inner > 0 && llvm::all_of(tensors, [&](StridedTensor* tensor) {
                      return lieTogether(tensor->strides[i - 1], tensor->strides[i], *inner);
                    });
    if (!together)
      continue;
    AffineExpr extent = first.extents[i - 1] * *inner;
    for (StridedTensor* tensor : tensors) {
      tensor->strides[i - 1] = tensor->strides[i];
      tensor->extents[i - 1] = extent;
    }
    erase(i);
  }
  AffineExpr one = getAffineConstantExpr(1, first.element.getContext());
  if (first.rank() == 0)
    for (StridedTensor* tensor : tensors) {
      tensor->extents.push_back(one);
      tensor->strides.push_back(1);
    }
  if (llvm::all_of(tensors, [](StridedTensor* tensor) { return strideOfStarts(*tensor) == 0; }))
    return;
  for (StridedTensor* tensor : tensors) {
    tensor->strides.insert(tensor->strides.begin(), strideOfStarts(*tensor));
    tensor->extents.insert(tensor->extents.begin(), one);
  }
}

std::string formOf(const StridedTensor& tensor) {
  int64_t stride = tensor.strides.back();
  return std::string(tensor.element.isF32() ? "f" : "i") + (stride == 1 ? "1" : stride == 0 ? "0" : "s");
}

Value viewOf(KernBuilder& kb, const StridedTensor& tensor, int64_t splitDim) {
  SmallVector<ViewDim> dims;
  for (size_t i = tensor.rank(); i-- > 0;)
    dims.push_back({kb.constantExpr(0), kb.constantExpr(0), tensor.extents[i], tensor.strides[i]});
  for (auto [start, stride] : tensor.starts) {
    ViewDim* place = nullptr;
    for (ViewDim& dim : dims)
      if (dim.stride > 0 && stride % dim.stride == 0 && (!place || dim.stride > place->stride))
        place = &dim;
    if (!place)
      return {};
    place->start = place->start + start * (stride / place->stride);
  }
  return kb.view(tensor.buffer, tensor.element, tensor.offset * 4, dims, splitDim);
}

}  // namespace quantc
