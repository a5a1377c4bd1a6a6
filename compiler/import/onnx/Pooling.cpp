// Pooling: a reduction of the patches under a kernel, channel by channel.
#include <limits>

#include "compiler/import/onnx/Ops.h"
#include "compiler/import/onnx/Windows.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;
using tfm::ReduceKind;

namespace {

bool flag(Node& node, const char* name) { return node.attribute(name, int64_t(0)) != 0; }

Window windowOf(Node& node) {
  auto kernel = node.attributeInts("kernel_shape");
  if (!kernel || node.type(0).getRank() < 3)
    node.fail("has no kernel_shape, or no image [batch, channels, positions...]; the model is damaged, export it again");
  return readWindow(node, tfm::dimsOf(node.type(0)), *kernel, flag(node, "ceil_mode"));
}

/// What is less than any element.
double lowest(Type element) {
  if (isa<FloatType>(element))
    return std::numeric_limits<float>::lowest();
  if (element.isUnsignedInteger() || element.isInteger(1))
    return 0;
  unsigned width = std::min(32u, element.getIntOrFloatBitWidth());
  return -static_cast<double>(int64_t{1} << (width - 1));
}

/// [batch, positions..., channels] with a frame of `fill` in place of the window's padding.
Value framed(const Maker& make, Value image, Window& window, double fill) {
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    SmallVector<Value> parts;
    SmallVector<AffineExpr> dims = make.dims(image);
    for (int64_t count : {window.before[i], int64_t{0}, window.after[i]}) {
      dims[i + 1] = make.number(count);
      if (count > 0)
        parts.push_back(make.broadcast(make.like(fill, image), dims));
      else if (parts.empty() || parts.back() != image)
        parts.push_back(image);
    }
    window.extents[i] += window.before[i] + window.after[i];
    window.before[i] = window.after[i] = 0;
    image = make.concat(parts, static_cast<int64_t>(i) + 1);
  }
  return image;
}

/// [batch, places..., kernel elements, channels] of an image [batch, positions..., channels].
Value elementsOf(Node& node, const Maker& make, Value image, const Window& window) {
  AffineExpr channels = make.dim(image, -1);
  Value rows = patches(node, make, image, window);
  SmallVector<AffineExpr> dims = make.dims(rows);
  int64_t elements = 1;
  for (int64_t size : window.kernel)
    elements *= size;
  dims.back() = make.number(elements);
  dims.push_back(channels);
  return make.reshape(rows, dims);
}

int64_t elementAxis(const Maker& make, Value elements) { return make.type(elements).getRank() - 2; }

/// How many elements of the image, or of it with its padding, lie under the kernel: [places..., 1], or nothing where all are.
std::optional<DenseElementsAttr> counts(Node& node, const Window& window, bool withPadding) {
  SmallVector<float> numbers{1};
  SmallVector<int64_t> shape;
  float whole = 1;
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    SmallVector<float> next, own;
    int64_t least = withPadding ? -window.before[i] : 0, end = window.extents[i] + (withPadding ? window.padding[i] : 0);
    for (int64_t place = 0; place < window.places(i); ++place) {
      int64_t count = 0;
      for (int64_t k = 0; k < window.kernel[i]; ++k) {
        int64_t position = place * window.strides[i] - window.before[i] + k * window.dilations[i];
        count += position >= least && position < end;
      }
      own.push_back(static_cast<float>(count));
    }
    for (float outer : numbers)
      for (float inner : own)
        next.push_back(outer * inner);
    numbers = std::move(next);
    shape.push_back(window.places(i));
    whole *= static_cast<float>(window.kernel[i]);
  }
  if (llvm::all_of(numbers, [&](float count) { return count == whole; }))
    return std::nullopt;
  shape.push_back(1);
  return DenseElementsAttr::get(RankedTensorType::get(shape, Float32Type::get(node.context())), ArrayRef(numbers));
}

/// Position of each maximum in the whole tensor: the first of equal ones.
Value indicesOf(Node& node, const Maker& make, Value elements, Value largest, Window window) {
  int64_t positions = 1, rank = static_cast<int64_t>(window.kernel.size());
  SmallVector<AffineExpr> dims{make.number(1)}, line{make.number(1)};
  for (int64_t extent : window.extents) {
    positions *= extent;
    dims.push_back(make.number(extent));
  }
  dims.push_back(make.number(1));
  Value numbers = make.iota(make.number(positions), make.number(0));
  if (flag(node, "storage_order")) {  // the first dimension of positions lies innermost
    SmallVector<AffineExpr> reversed(dims.rbegin(), dims.rend());
    SmallVector<int64_t> order;
    for (int64_t i = 0; i < rank + 2; ++i)
      order.push_back(rank + 1 - i);
    numbers = make.transpose(make.reshape(numbers, reversed), order);
  } else {
    numbers = make.reshape(numbers, dims);
  }
  numbers = framed(make, numbers, window, INT32_MAX);
  Value places = elementsOf(node, make, numbers, window);
  int64_t axis = elementAxis(make, elements);
  Value chosen =
      make.reduce(ReduceKind::min, make.select(make.binary(BinaryKind::equal, elements, largest), places, INT32_MAX), axis, false);
  // Behind those of all images and channels before.
  SmallVector<AffineExpr> image(static_cast<size_t>(rank) + 2, make.number(1));
  AffineExpr batch = make.dim(elements, 0), channels = make.dim(elements, -1);
  auto images = constantOf(batch), count = constantOf(channels);
  if (!images || !count)
    node.fail("gives indices into a tensor of unknown size; export the model with images of a fixed size");
  image.front() = batch;
  image.back() = channels;
  Value before = make.mul(make.iota(make.number(*images * *count), make.number(0)), static_cast<double>(positions));
  return make.add(chosen, make.reshape(before, image));
}

}  // namespace

void importMaxPool(Node& node) {
  Maker make(node);
  Window window = windowOf(node), plain = window;
  Value image = make.channelsLast(node.value(0));
  image = framed(make, image, window, lowest(make.type(image).getElementType()));
  Value elements = elementsOf(node, make, image, window);
  int64_t axis = elementAxis(make, elements);
  Value largest = make.reduce(ReduceKind::max, elements, axis);
  if (node.wants(1))
    node.set(1, make.channelsFirst(indicesOf(node, make, elements, largest, plain)));
  SmallVector<AffineExpr> dims = make.dims(largest);
  dims.erase(dims.end() - 2);
  node.set(0, make.channelsFirst(make.reshape(largest, dims)));
}

void importAveragePool(Node& node) {
  Maker make(node);
  Window window = windowOf(node);
  Value elements = elementsOf(node, make, make.channelsLast(node.value(0)), window);
  int64_t axis = elementAxis(make, elements);
  auto counted = counts(node, window, flag(node, "count_include_pad"));
  if (!counted)
    return node.set(0, make.channelsFirst(make.reduce(ReduceKind::mean, elements, axis, false)));
  Value divisors = node.create<tfm::ConstantOp>(cast<RankedTensorType>(counted->getType()), *counted);
  Value sum = make.reduce(ReduceKind::sum, elements, axis, false);
  node.set(0, make.channelsFirst(make.div(sum, make.cast(divisors, make.type(sum).getElementType()))));
}

void importLpPool(Node& node) {
  Maker make(node);
  Window window = windowOf(node);
  Value elements = make.unary(tfm::UnaryKind::abs, elementsOf(node, make, make.channelsLast(node.value(0)), window));
  auto power = static_cast<double>(node.attribute("p", int64_t(2)));
  if (power < 1)
    node.fail("has a norm below 1; the model is damaged, export it again");
  Value powers = power == 2 ? make.mul(elements, elements) : make.binary(BinaryKind::pow, elements, power);
  Value sum = make.reduce(ReduceKind::sum, powers, elementAxis(make, elements), false);
  node.set(0, make.channelsFirst(power == 2 ? make.unary(tfm::UnaryKind::sqrt, sum) : make.binary(BinaryKind::pow, sum, 1 / power)));
}

static void importGlobalPool(Node& node, ReduceKind kind) {
  Maker make(node);
  if (node.type(0).getRank() < 3)
    node.fail("has no image [batch, channels, positions...]; the model is damaged, export it again");
  auto axes = llvm::to_vector(llvm::seq<int64_t>(2, node.type(0).getRank()));
  node.set(0, make.reduce(kind, node.value(0), axes));
}

void importGlobalAveragePool(Node& node) { importGlobalPool(node, ReduceKind::mean); }
void importGlobalMaxPool(Node& node) { importGlobalPool(node, ReduceKind::max); }

}  // namespace quantc::onnx_import
