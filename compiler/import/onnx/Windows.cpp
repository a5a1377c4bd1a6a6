#include "compiler/import/onnx/Windows.h"

#include "llvm/Support/MathExtras.h"

namespace quantc::onnx_import {

using namespace mlir;

SmallVector<int64_t> windowNumbers(Node& node, const char* name, size_t count, int64_t absent, int64_t least) {
  SmallVector<int64_t> values = node.attributeInts(name).value_or(SmallVector<int64_t>(count, absent));
  if (values.size() != count || llvm::any_of(values, [&](int64_t value) { return value < least || value > kLargestWindow; }))
    node.fail(std::string("has ") + name + " that do not fit together" + kDamaged);
  return values;
}

void checkKernelShape(const Node& node, ArrayRef<int64_t> kernel) {
  if (auto given = node.attributeInts("kernel_shape"); given && ArrayRef(*given) != kernel)
    node.fail(std::string("has a kernel_shape that is not that of its weights") + kDamaged);
}

Window readWindow(Node& node, ArrayRef<AffineExpr> dims, ArrayRef<int64_t> kernel, bool roundUp) {
  size_t count = kernel.size();
  Window window;
  if (dims.size() != count + 2 || count == 0)
    node.fail(std::string("has an image and a kernel that do not fit together") + kDamaged);
  for (AffineExpr dim : dims.drop_front(2)) {
    auto extent = constantOf(dim);
    if (!extent)
      node.fail("moves a kernel along a dimension of unknown size, which is supported for convolutions along one dimension with padding "
                "that does "
                "not depend on it; export the model with images of a fixed size");
    window.extents.push_back(*extent);
  }
  checkKernelShape(node, kernel);
  window.kernel.assign(kernel.begin(), kernel.end());
  if (llvm::any_of(kernel, [](int64_t size) { return size < 1 || size > kLargestWindow; }))
    node.fail(std::string("has a kernel that does not fit") + kDamaged);
  window.strides = windowNumbers(node, "strides", count, 1, 1);
  window.dilations = windowNumbers(node, "dilations", count, 1, 1);
  SmallVector<int64_t> pads = windowNumbers(node, "pads", 2 * count, 0, 0);
  window.before.assign(pads.begin(), pads.begin() + count);
  window.after.assign(pads.begin() + count, pads.end());
  const onnx::AttributeProto* automatic = node.find("auto_pad");
  const std::string mode = automatic ? automatic->s() : "NOTSET";
  bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  for (size_t i = 0; i < count; ++i) {
    int64_t span = (kernel[i] - 1) * window.dilations[i] + 1;
    if (same) {  // as many places as strides fit into the image
      int64_t places = (window.extents[i] + window.strides[i] - 1) / window.strides[i];
      int64_t missing = std::max<int64_t>(0, (places - 1) * window.strides[i] + span - window.extents[i]);
      window.before[i] = mode == "SAME_UPPER" ? missing / 2 : missing - missing / 2;
      window.after[i] = missing - window.before[i];
    }
    if (window.extents[i] + window.before[i] + window.after[i] < span)
      node.fail(std::string("has an image, kernel and padding that do not fit together") + kDamaged);
    window.padding.push_back(window.after[i]);
    // One place more where it begins within the image or the padding before it.
    int64_t next = window.places(i) * window.strides[i], end = window.extents[i] + window.before[i];
    if (roundUp && !same && (end + window.after[i] - span) % window.strides[i] != 0 && next < end)
      window.after[i] = next + span - end;
  }
  return window;
}

Value patches(Node& node, const Maker& make, Value image, const Window& window) {
  SmallVector<AffineExpr> dims = make.dims(image);
  int64_t elements = 1;
  bool whole = true;
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    dims[i + 1] = make.number(window.places(i));
    whole &= window.kernel[i] == 1 && window.strides[i] == 1 && window.before[i] == 0 && window.after[i] == 0;
    if (llvm::MulOverflow(elements, window.kernel[i], elements) || elements > kLargestWindow)
      node.fail(std::string("has a kernel that does not fit") + kDamaged);
  }
  if (whole)
    return image;
  dims.back() = foldBinary(tfm::BinaryKind::mul, dims.back(), make.number(elements));
  return node.create<tfm::PatchesOp>(node.tensorType(dims, make.type(image).getElementType()), image, window.kernel, window.strides,
                                     window.dilations, window.before, window.after);
}

}  // namespace quantc::onnx_import
