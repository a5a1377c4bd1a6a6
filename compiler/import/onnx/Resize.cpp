// What changes the size of images.
#include <cmath>

#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"
#include "compiler/weights/FloatConversion.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

/// Where position `i` of a resized dimension lies in the original one (ONNX Resize, coordinate_transformation_mode).
std::optional<double> original(const std::string& mode, double i, double scale, int64_t from, int64_t to) {
  if (mode == "asymmetric")
    return i / scale;
  if (mode == "half_pixel" || (mode == "pytorch_half_pixel" && to > 1))
    return (i + 0.5) / scale - 0.5;
  if (mode == "pytorch_half_pixel")
    return 0;
  if (mode == "align_corners")
    return to == 1 ? 0 : i * static_cast<double>(from - 1) / (scale * static_cast<double>(from) - 1);
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

/// The one for all axes so that none is more than its size, or none less; 0 for extents that are not known.
double commonFactor(const Maker& make, Value x, ArrayRef<int64_t> axes, ArrayRef<int64_t> sizes, StringRef policy) {
  double result = 0;
  for (auto [axis, size] : llvm::zip(axes, sizes)) {
    auto from = constantOf(make.dim(x, axis));
    if (!from || *from < 1 || size < 1 || size > kMostPositions || (policy != "not_larger" && policy != "not_smaller"))
      return 0;
    const double factor = static_cast<double>(size) / static_cast<double>(*from);
    result = result == 0 ? factor : policy == "not_larger" ? std::min(result, factor) : std::max(result, factor);
  }
  return result;
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
    node.fail(std::string("has a size and scales that do not fit together") + kDamaged);
  const std::string policy = textOr(node, "keep_aspect_ratio_policy", "stretch");
  double common = 0;  // 0: none
  if (bySizes && policy != "stretch")
    common = commonFactor(make, node.value(0), axes, sizes, policy);
  if (bySizes && policy != "stretch" && common == 0)
    node.fail("keeps the ratio of sizes by " + policy +
              " with images of unknown size, which is not supported; export the model without it");
  SmallVector<Resized> result;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (common > 0)
      sizes[i] = static_cast<int64_t>(std::floor(common * static_cast<double>(*constantOf(make.dim(node.value(0), axes[i]))) + 0.5));
    double factor = bySizes ? 0 : (*factors)[i];
    auto from = constantOf(make.dim(node.value(0), axes[i]));
    if (!from && factor == 1)
      from = 0;  // any size, which stays
    if (!from || (bySizes ? sizes[i] < 1 || *from < 1 : !(factor > 0)) || static_cast<double>(*from) * factor > kMostPositions ||
        (bySizes && sizes[i] > kMostPositions && sizes[i] != *from))
      node.fail("resizes a dimension of unknown size, or to none or more than " + std::to_string(kMostPositions) +
                " positions; export the model with images of a fixed size");
    int64_t to = bySizes ? sizes[i] : static_cast<int64_t>(std::floor(static_cast<double>(*from) * factor));
    result.push_back({*from, to, common > 0 ? common : bySizes ? static_cast<double>(to) / static_cast<double>(*from) : factor});
  }
  return result;
}

/// A position of the original dimension, and its share of one of the resized.
struct Tap {
  double position, weight;
};

/// What a neighbour at distance d gives, of two for a line between them, four for a cubic (Keys 1981).
double shareOf(Node& node, const std::string& mode, double d) {
  d = std::abs(d);
  if (mode == "linear")
    return std::max(0.0, 1 - d);
  const double a = node.attribute("cubic_coeff_a", -0.75f);
  return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/// The neighbours of a place; where an image becomes smaller, `antialias` has each as far as it reaches in the result.
SmallVector<Tap> tapsOf(Node& node, const std::string& mode, double place, const Resized& size) {
  const bool antialias = node.attribute("antialias", int64_t(0)) != 0, within = node.attribute("exclude_outside", int64_t(0)) != 0;
  const double reach = mode == "linear" ? 1 : 2, scale = antialias ? std::min(1.0, size.scale) : 1, below = std::floor(place);
  const auto first = static_cast<int64_t>(std::floor(-reach / scale)) + 1;
  SmallVector<Tap> taps;
  double sum = 0;
  for (int64_t i = first; i < 2 - first; ++i) {
    const double position = below + static_cast<double>(i);
    const bool counts = !within || (position >= 0 && position < static_cast<double>(size.from));
    taps.push_back({position, counts ? shareOf(node, mode, (position - place) * scale) : 0});
    sum += taps.back().weight;
  }
  for (Tap& tap : taps)
    if (antialias || within)
      tap.weight /= sum;
  return taps;
}

/// Along an axis the sum of as many lookups as there are taps for every place; positions outside are those at the edge.
Value mixed(Node& node, const Maker& make, Value x, int64_t axis, const Resized& size, ArrayRef<SmallVector<Tap>> taps) {
  Value sum;
  for (size_t k = 0; k < taps.front().size(); ++k) {
    SmallVector<int64_t> positions;
    SmallVector<float> weights;
    for (const SmallVector<Tap>& place : taps) {
      positions.push_back(static_cast<int64_t>(std::clamp(place[k].position, 0.0, static_cast<double>(size.from - 1))));
      weights.push_back(static_cast<float>(place[k].weight));
    }
    auto type = RankedTensorType::get({size.to}, IntegerType::get(node.context(), 64));
    Value part = make.gather(x, node.create<tfm::ConstantOp>(type, DenseElementsAttr::get(type, ArrayRef(positions))), axis);
    if (taps.front().size() > 1) {
      SmallVector<int64_t> line(make.type(x).getRank(), 1);
      line[axis] = size.to;
      auto shape = RankedTensorType::get(line, make.f32());
      Value factors = node.create<tfm::ConstantOp>(shape, DenseElementsAttr::get(shape, ArrayRef(weights)));
      part = make.mul(part, make.cast(factors, make.type(x).getElementType()));
    }
    sum = sum ? make.add(sum, part) : part;
  }
  return sum;
}

}  // namespace

void importResize(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  std::string mode = textOr(node, "mode", "nearest"),
              rounding = textOr(node, "nearest_mode", node.opset() < 11 ? "floor" : "round_prefer_floor"),
              coordinates = textOr(node, "coordinate_transformation_mode", node.opset() < 11 ? "asymmetric" : "half_pixel");
  if (mode != "nearest" && mode != "linear" && mode != "cubic")
    node.fail("resizes by mode " + mode + ", supported are nearest, linear and cubic; export the model without it");
  if (mode != "nearest" && !isa<FloatType>(make.type(x).getElementType()))
    node.fail("mixes integers, which is not supported; export the model without it");
  SmallVector<int64_t> axes = node.attributeInts("axes").value_or(llvm::to_vector(llvm::seq<int64_t>(0, make.type(x).getRank())));
  for (int64_t& axis : axes)
    axis = node.axis(axis, make.type(x).getRank());
  SmallVector<Resized> sizes = readSizes(node, make, axes, node.opset() < 11 ? 1 : 2);
  for (auto [axis, size] : llvm::zip(axes, sizes)) {
    if (size.to == size.from && size.scale == 1)
      continue;
    std::vector<SmallVector<Tap>> taps;
    for (int64_t i = 0; i < size.to; ++i) {
      auto place = original(coordinates, static_cast<double>(i), size.scale, size.from, size.to);
      auto rounded = place && mode == "nearest" ? nearest(rounding, *place) : place;
      if (!rounded)
        node.fail("rounds " + coordinates + " coordinates by " + rounding + ", which is not supported; export the model without it");
      taps.push_back(mode == "nearest" ? SmallVector<Tap>{{*rounded, 1}} : tapsOf(node, mode, *place, size));
    }
    x = mixed(node, make, x, axis, size, taps);
  }
  node.set(0, x);
}

}  // namespace quantc::onnx_import
