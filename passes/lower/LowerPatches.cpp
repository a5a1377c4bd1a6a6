// Convolutions in several dimensions are products with patches. A view has the patches already, with a dimension for each of the kernel's; one copy lays
// them behind each other, as rows that products read.
#include "passes/lower/Lowering.h"

namespace quantc {

using namespace mlir;

std::optional<StridedTensor> Lowering::framed(Location loc, const StridedTensor& image, ArrayRef<int64_t> before, ArrayRef<int64_t> after) {
  SmallVector<AffineExpr> extents(image.extents);
  for (size_t i = 0; i < before.size(); ++i)
    extents[i + 1] = extents[i + 1] + (before[i] + after[i]);
  std::optional<StridedTensor> whole = temporary("framed", image.element, extents);
  if (!whole)
    return std::nullopt;
  auto type = RankedTensorType::get({1}, f32());
  StridedTensor zero{kb.plainConstant(tfm::LiteralAttr::get(loc.getContext(), DenseElementsAttr::get(type, 0.0f)), "constant").buffer,
                     f32()};
  zero.extents = {kb.constantExpr(1)};
  zero.strides = {1};
  // Dimension by dimension: zeros before and behind, then the rest in the middle.
  StridedTensor middle = *whole;
  for (size_t i = 0; i < before.size(); ++i) {
    int64_t axis = static_cast<int64_t>(i) + 1;
    AffineExpr inside = image.extents[axis];
    for (auto [begin, count] : {std::pair(kb.constantExpr(0), before[i]), std::pair(inside + before[i], after[i])})
      if (count > 0 && failed(callStrided(loc, "copy", "", nullptr, {zero}, sliced(middle, axis, begin, kb.constantExpr(count), 1))))
        return std::nullopt;
    middle = sliced(middle, axis, kb.constantExpr(before[i]), inside, 1);
  }
  return succeeded(callStrided(loc, "copy", "", nullptr, {image}, middle)) ? whole : std::nullopt;
}

LogicalResult Lowering::lowerPatches(tfm::PatchesOp op, StridedTensor image, const StridedTensor& out) {
  size_t count = op.getKernel().size();
  auto isZero = [](int64_t number) { return number == 0; };
  // In three dimensions a view of all elements has too many; of an image that lies dense, channels and the kernel's last dimension are one.
  if (count > 2 || !llvm::all_of(op.getBefore(), isZero) || !llvm::all_of(op.getAfter(), isZero)) {
    std::optional<StridedTensor> whole = framed(op.getLoc(), image, op.getBefore(), op.getAfter());
    if (!whole)
      return failure();
    image = *whole;
  }
  // [batch, places..., kernel..., channels]
  StridedTensor patches = image;
  patches.extents.assign(out.extents.begin(), out.extents.end() - 1);
  patches.strides.truncate(count + 1);
  for (size_t i = 0; i < count; ++i)
    patches.strides[i + 1] *= op.getStrides()[i];
  for (size_t i = 0; i < count; ++i) {
    patches.extents.push_back(kb.constantExpr(op.getKernel()[i]));
    patches.strides.push_back(image.strides[i + 1] * op.getDilations()[i]);
  }
  patches.extents.push_back(image.extents.back());
  patches.strides.push_back(image.strides.back());
  std::optional<StridedTensor> rows = reshaped(out, patches.extents);
  return rows ? callStrided(op.getLoc(), "copy", "", nullptr, {patches}, *rows) : failure();
}

}  // namespace quantc
