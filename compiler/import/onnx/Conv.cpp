// Convolutions and what changes the size of images. ONNX has channels before positions, [batch, channels, positions...]; tfm has rows of channels, so
// convolutions are surrounded by transposes, which simplification moves to where they meet.
#include <cmath>

#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"
#include "compiler/weights/FloatConversion.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

constexpr const char* kDamaged = " that do not fit together; the model is damaged, export it again";
constexpr int64_t kLargest = int64_t{1} << 20;  // of a kernel, stride, dilation or padding

/// Numbers for every dimension of positions.
struct Window {
  SmallVector<int64_t> extents, kernel, strides, dilations, before, after;
};

SmallVector<int64_t> numbers(Node& node, const char* name, size_t count, int64_t absent, int64_t least) {
  SmallVector<int64_t> values = node.attributeInts(name).value_or(SmallVector<int64_t>(count, absent));
  if (values.size() != count || llvm::any_of(values, [&](int64_t value) { return value < least || value > kLargest; }))
    node.fail(std::string("has ") + name + kDamaged);
  return values;
}

Window readWindow(Node& node, ArrayRef<AffineExpr> dims, ArrayRef<int64_t> kernel) {
  size_t count = kernel.size();
  Window window;
  for (AffineExpr dim : dims.drop_front(2)) {
    auto extent = constantOf(dim);
    if (!extent)
      node.fail(
          "convolves along a dimension of unknown size, which is supported for one dimension without groups and dilations; export the "
          "model with images of a fixed size");
    window.extents.push_back(*extent);
  }
  window.kernel.assign(kernel.begin(), kernel.end());
  if (llvm::any_of(kernel, [](int64_t size) { return size < 1 || size > kLargest; }))
    node.fail(std::string("has a kernel") + kDamaged);
  window.strides = numbers(node, "strides", count, 1, 1);
  window.dilations = numbers(node, "dilations", count, 1, 1);
  SmallVector<int64_t> pads = numbers(node, "pads", 2 * count, 0, 0);
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
      node.fail(std::string("has an image, kernel and padding") + kDamaged);
  }
  return window;
}

/// [batch, places..., kernel elements * channels] of [batch, positions..., channels].
Value patches(Node& node, const Maker& make, Value image, const Window& window) {
  SmallVector<AffineExpr> dims = make.dims(image);
  int64_t elements = 1;
  bool whole = true;
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    int64_t room = window.extents[i] + window.before[i] + window.after[i] - (window.kernel[i] - 1) * window.dilations[i] - 1;
    dims[i + 1] = make.number(room / window.strides[i] + 1);
    whole &= window.kernel[i] == 1 && window.strides[i] == 1 && window.before[i] == 0 && window.after[i] == 0;
    if (llvm::MulOverflow(elements, window.kernel[i], elements) || elements > kLargest)
      node.fail(std::string("has a kernel") + kDamaged);
  }
  if (whole)
    return image;
  dims.back() = foldBinary(tfm::BinaryKind::mul, dims.back(), make.number(elements));
  return node.create<tfm::PatchesOp>(node.tensorType(dims, make.type(image).getElementType()), image, window.kernel, window.strides,
                                     window.dilations, window.before, window.after);
}

/// Products of every group's channels with the weights [out, channels of a group, kernel...] of its outputs.
Value groupProducts(Node& node, const Maker& make, Value rows, Value weight, int64_t groups) {
  SmallVector<AffineExpr> dims = make.dims(rows), shape = make.dims(weight);
  int64_t out = *constantOf(shape[0]), channels = *constantOf(shape[1]), elements = *constantOf(dims.back()) / groups / channels;
  AffineExpr places = tfm::productOf(ArrayRef(dims).drop_back(), node.context());
  // [groups, places, elements * channels] x [groups, elements * channels, outputs]
  Value left =
      make.transpose(make.reshape(rows, {places, make.number(elements), make.number(groups), make.number(channels)}), {2, 0, 1, 3});
  left = make.reshape(left, {make.number(groups), places, make.number(elements * channels)});
  Value right = make.reshape(weight, {make.number(groups), make.number(out / groups), make.number(channels), make.number(elements)});
  right =
      make.reshape(make.transpose(right, {0, 3, 2, 1}), {make.number(groups), make.number(elements * channels), make.number(out / groups)});
  dims.back() = make.number(out);
  return make.reshape(make.transpose(make.matmul(left, right), {1, 0, 2}), dims);
}

/// Where position `i` of a resized dimension lies in the original one (ONNX Resize, coordinate_transformation_mode).
std::optional<double> original(const std::string& mode, double i, double scale, int64_t from, int64_t to) {
  if (mode == "asymmetric")
    return i / scale;
  if (mode == "half_pixel" || (mode == "pytorch_half_pixel" && to > 1))
    return (i + 0.5) / scale - 0.5;
  if (mode == "pytorch_half_pixel")
    return 0;
  if (mode == "align_corners")
    return to == 1 ? 0 : i * static_cast<double>(from - 1) / static_cast<double>(to - 1);
  if (mode == "half_pixel_symmetric") {
    double exact = scale * static_cast<double>(from), adjustment = static_cast<double>(to) / exact, center = static_cast<double>(from) / 2;
    return center * (1 - adjustment) + (i + 0.5) / scale - 0.5;
  }
  return std::nullopt;
}

/// The nearest of the original positions (ONNX Resize, nearest_mode).
std::optional<double> nearest(const std::string& mode, double x) {
  double below = std::floor(x);
  if (mode == "floor")
    return below;
  if (mode == "ceil")
    return std::ceil(x);
  if (mode == "round_prefer_floor" || mode == "round_prefer_ceil")
    return x - below == 0.5 ? (mode == "round_prefer_floor" ? below : below + 1) : std::floor(x + 0.5);
  return std::nullopt;
}

std::string textOr(Node& node, const char* name, const char* absent) {
  const onnx::AttributeProto* found = node.find(name);
  return found ? found->s() : absent;
}

struct Resized {
  int64_t from, to;
  double scale;
};

constexpr int64_t kMostPositions = 4096;  // a constant of indices holds them

/// Elements of a float tensor that the file stores; nothing for what is computed.
std::optional<SmallVector<float>> storedFloats(Node& node, Value value) {
  if (auto constant = value.getDefiningOp<tfm::ConstantOp>()) {
    auto elements = dyn_cast<DenseFPElementsAttr>(constant.getValue());
    if (!elements)
      return std::nullopt;
    SmallVector<float> result;
    for (const APFloat& element : elements.getValues<APFloat>())
      result.push_back(static_cast<float>(element.convertToDouble()));
    return result;
  }
  auto weight = value.getDefiningOp<tfm::WeightOp>();
  auto expr = weight ? dyn_cast<tfm::StoredAttr>(weight.getExpr()) : tfm::StoredAttr();
  const StoredTensor* tensor = expr ? node.stored(expr.getTensor().str()) : nullptr;
  if (!tensor || tensor->blocks || tensor->elements() > 64)
    return std::nullopt;
  SmallVector<float> result(static_cast<size_t>(tensor->elements()));
  return convertToFloat(tensor->type, tensor->data, 0, tensor->elements(), result.data()) ? std::optional(result) : std::nullopt;
}

/// Scales or sizes of a node, one for each of `axes`, as sizes of those dimensions.
SmallVector<Resized> readSizes(Node& node, const Maker& make, ArrayRef<int64_t> axes, unsigned scalesInput) {
  unsigned sizesInput = scalesInput + 1;
  Value scales = node.has(scalesInput) ? node.value(scalesInput) : Value();
  bool bySizes = node.has(sizesInput) && (!scales || make.type(scales).getNumElements() == 0);
  SmallVector<int64_t> sizes = bySizes ? node.constants(sizesInput, "sizes") : SmallVector<int64_t>();
  auto factors = scales && !bySizes ? storedFloats(node, scales) : std::nullopt;
  if (!bySizes && !factors)
    node.fail("has scales that are computed from the input; export the model with constant ones");
  if ((bySizes ? sizes.size() : static_cast<size_t>(factors->size())) != axes.size())
    node.fail(std::string("has a size and scales") + kDamaged);
  SmallVector<Resized> result;
  for (size_t i = 0; i < axes.size(); ++i) {
    double factor = bySizes ? 0 : (*factors)[i];
    auto from = constantOf(make.dim(node.value(0), axes[i]));
    if (!from && factor == 1)
      from = 0;  // any size, which stays
    if (!from || (bySizes ? sizes[i] < 1 || *from < 1 : !(factor > 0)) || static_cast<double>(*from) * factor > kMostPositions ||
        (bySizes && sizes[i] > kMostPositions && sizes[i] != *from))
      node.fail("resizes a dimension of unknown size, or to none or more than " + std::to_string(kMostPositions) +
                " positions; export the model with images of a fixed size");
    int64_t to = bySizes ? sizes[i] : static_cast<int64_t>(std::floor(static_cast<double>(*from) * factor));
    result.push_back({*from, to, bySizes ? static_cast<double>(to) / static_cast<double>(*from) : factor});
  }
  return result;
}

}  // namespace

void importResize(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  std::string mode = textOr(node, "mode", "nearest"),
              rounding = textOr(node, "nearest_mode", node.opset() < 11 ? "floor" : "round_prefer_floor"),
              coordinates = textOr(node, "coordinate_transformation_mode", node.opset() < 11 ? "asymmetric" : "half_pixel");
  if (mode != "nearest" || textOr(node, "keep_aspect_ratio_policy", "stretch") != "stretch")
    node.fail("resizes by mode " + mode + ", supported is nearest, without a policy for the aspect ratio; export the model without it");
  SmallVector<int64_t> axes = node.attributeInts("axes").value_or(llvm::to_vector(llvm::seq<int64_t>(0, make.type(x).getRank())));
  for (int64_t& axis : axes)
    axis = node.axis(axis, make.type(x).getRank());
  SmallVector<Resized> sizes = readSizes(node, make, axes, node.opset() < 11 ? 1 : 2);
  for (auto [axis, size] : llvm::zip(axes, sizes)) {
    if (size.to == size.from && size.scale == 1)
      continue;
    SmallVector<int64_t> positions;
    for (int64_t i = 0; i < size.to; ++i) {
      auto place = original(coordinates, static_cast<double>(i), size.scale, size.from, size.to);
      auto rounded = place ? nearest(rounding, *place) : std::nullopt;
      if (!rounded)
        node.fail("rounds " + coordinates + " coordinates by " + rounding + ", which is not supported; export the model without it");
      positions.push_back(static_cast<int64_t>(std::clamp(*rounded, 0.0, static_cast<double>(size.from - 1))));
    }
    auto type = RankedTensorType::get({size.to}, IntegerType::get(node.context(), 64));
    x = make.gather(x, node.create<tfm::ConstantOp>(type, DenseElementsAttr::get(type, ArrayRef(positions))), axis);
  }
  node.set(0, x);
}

void importConv(Node& node) {
  Maker make(node);
  RankedTensorType type = node.type(0), weight = node.type(1);
  int64_t rank = type.getRank(), groups = node.attribute("group", int64_t(1));
  if (isAlongSequence(node))
    return importConv1d(node);
  if (rank < 3 || weight.getRank() != rank || !weight.hasStaticShape() || weight.getNumElements() == 0)
    node.fail("convolves a tensor of rank " + std::to_string(rank) + " with weights of rank " + std::to_string(weight.getRank()) +
              ", expected the same rank, at least 3, and weights of a fixed size; the model is damaged, export it again");
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  int64_t out = weight.getDimSize(0), channels = weight.getDimSize(1);
  if (groups < 1 || out % groups != 0 || constantOf(dims[1]) != channels * groups)
    node.fail(std::string("has channels, groups and weights") + kDamaged);
  Window window = readWindow(node, dims, weight.getShape().drop_front(2));
  Value rows = patches(node, make, make.channelsLast(node.value(0)), window);
  Value product;
  if (groups == 1) {
    Value matrix = make.channelsLast(node.value(1));
    matrix = make.reshape(matrix, {make.number(out), make.dims(rows).back()});
    product = make.matmul(rows, make.transposeLast(matrix));
  } else {
    product = groupProducts(node, make, rows, node.value(1), groups);
  }
  node.set(0, make.channelsFirst(node.has(2) ? make.add(product, node.value(2)) : product));
}

}  // namespace quantc::onnx_import
