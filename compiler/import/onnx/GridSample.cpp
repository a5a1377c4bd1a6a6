// Images read at computed places.
#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;
using tfm::UnaryKind;

namespace {

constexpr int64_t kMostExtent = int64_t{1} << 24;  // places are floats, which count no further
constexpr double kCubic = -0.75;                   // Keys 1981, as PyTorch has it

enum class Outside { zeros, border, reflection };

/// A position along one dimension, as a float, and its share.
struct Tap {
  Value position, weight;
};

class Sampler {
public:
  Sampler(const Maker& make, int64_t extent, bool alignCorners, Outside outside)
      : make_(make), extent_(extent), alignCorners_(alignCorners), outside_(outside) {}

  /// Positions of a coordinate from -1 to 1, for the lines between one, two or four neighbours.
  SmallVector<Tap> taps(Value coordinate, StringRef mode) const {
    const double half = static_cast<double>(extent_) / 2;
    Value place = alignCorners_ ? make_.mul(make_.add(coordinate, 1), static_cast<double>(extent_ - 1) / 2)
                                : make_.add(make_.mul(make_.add(coordinate, 1), half), -0.5);
    if (mode == "cubic")
      return cubicTaps(place);
    if (outside_ == Outside::reflection)
      place = reflected(place);
    if (mode == "nearest")
      return {tap(make_.unary(UnaryKind::round, place), {})};
    Value below = make_.unary(UnaryKind::floor, place), share = make_.sub(place, below);
    return {tap(below, make_.sub(make_.like(1, share), share)), tap(make_.add(below, 1), share)};
  }

private:
  Value between(Value x, double least, double most) const {
    return make_.binary(BinaryKind::min, make_.binary(BinaryKind::max, x, least), most);
  }

  /// The position within the image; outside of it the share is nothing where zeros are around the image.
  Tap tap(Value position, Value weight) const {
    const auto last = static_cast<double>(extent_ - 1);
    Value within = between(position, 0, last);
    if (outside_ != Outside::zeros)
      return {within, weight};
    Value inside = make_.cast(make_.binary(BinaryKind::equal, within, position), make_.type(position).getElementType());
    return {within, weight ? make_.mul(weight, inside) : inside};
  }

  Value reflected(Value x) const {
    const double low = alignCorners_ ? 0 : -0.5, range = static_cast<double>(alignCorners_ ? extent_ - 1 : extent_);
    if (range == 0)
      return make_.mul(x, 0.0);
    Value distance = make_.unary(UnaryKind::abs, make_.add(x, -low));
    // There and back again.
    Value times = make_.unary(UnaryKind::floor, make_.mul(distance, 1 / (2 * range)));
    Value rest = make_.sub(distance, make_.mul(times, 2 * range));
    return make_.add(make_.binary(BinaryKind::min, rest, make_.sub(make_.like(2 * range, rest), rest)), low);
  }

  SmallVector<Tap> cubicTaps(Value place) const {
    Value below = make_.unary(UnaryKind::floor, place), t = make_.sub(place, below), rest = make_.sub(make_.like(1, t), t);
    auto near = [&](Value d) { return make_.add(make_.mul(make_.mul(make_.add(make_.mul(d, kCubic + 2), -(kCubic + 3)), d), d), 1); };
    auto far = [&](Value d) {
      return make_.add(make_.mul(make_.add(make_.mul(make_.add(make_.mul(d, kCubic), -5 * kCubic), d), 8 * kCubic), d), -4 * kCubic);
    };
    SmallVector<Tap> taps;
    const Value weights[] = {far(make_.add(t, 1)), near(t), near(rest), far(make_.add(rest, 1))};
    for (int i = 0; i < 4; ++i) {
      Value position = make_.add(below, i - 1);
      taps.push_back(tap(outside_ == Outside::reflection ? reflected(position) : position, weights[i]));
    }
    return taps;
  }

  const Maker& make_;
  const int64_t extent_;
  const bool alignCorners_;
  const Outside outside_;
};

}  // namespace

/// X [batch, channels, positions...] at places [batch, places..., dimensions], the last dimension's coordinate first.
void importGridSample(Node& node) {
  Maker make(node);
  const SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0)), grid = tfm::dimsOf(node.type(1));
  auto text = [&](const char* name, const char* absent) {
    const onnx::AttributeProto* found = node.find(name);
    return found ? found->s() : absent;
  };
  std::string mode = text("mode", "linear"), padding = text("padding_mode", "zeros");
  mode = mode == "bilinear" ? "linear" : mode == "bicubic" ? "cubic" : mode;
  const auto count = static_cast<int64_t>(dims.size()) - 2;
  const auto extents = count > 0 ? constantsOf(ArrayRef(dims).drop_front(2)) : std::nullopt;
  if (!extents || llvm::any_of(*extents, [](int64_t extent) { return extent < 1 || extent > kMostExtent; }) || grid.size() != dims.size() ||
      constantOf(grid.back()) != count || grid[0] != dims[0])
    node.fail("has an image of unknown size, or places that do not fit it; export the model with images of a fixed size");
  if ((mode != "linear" && mode != "nearest" && mode != "cubic") ||
      (padding != "zeros" && padding != "border" && padding != "reflection") || (mode == "cubic" && count != 2))
    node.fail("reads by mode " + mode + " with " + padding + " around, which is not supported; export the model without it");
  const Outside outside = padding == "zeros" ? Outside::zeros : padding == "border" ? Outside::border : Outside::reflection;
  const bool alignCorners = node.attribute("align_corners", int64_t(0)) != 0;
  const SmallVector<AffineExpr> places(grid.begin(), grid.end() - 1);
  Type integer = IntegerType::get(node.context(), 64);
  AffineExpr pixels = tfm::productOf(ArrayRef(dims).drop_front(2), node.context());
  Value image = make.reshape(make.channelsLast(node.value(0)), {foldBinary(BinaryKind::mul, dims[0], pixels), dims[1]});
  Value coordinates = make.toFloat(node.value(1));

  // Of every batch the first pixel, and the products of shares so far.
  struct Corner {
    Value pixel, weight;
  };
  SmallVector<AffineExpr> line(places.size(), make.number(1));
  line[0] = dims[0];
  SmallVector<Corner> corners{
      {make.mul(make.reshape(make.iota(dims[0], make.number(0)), line), static_cast<double>(constantOf(pixels).value_or(0))), {}}};
  for (int64_t i = 0, inner = *constantOf(pixels); i < count; ++i) {
    inner /= (*extents)[i];
    Value coordinate = make.reshape(make.slice(coordinates, -1, count - 1 - i, 1), places);
    SmallVector<Corner> next;
    for (const Tap& tap : Sampler(make, (*extents)[i], alignCorners, outside).taps(coordinate, mode)) {
      Value offset = make.mul(make.cast(tap.position, integer), static_cast<double>(inner));
      for (const Corner& corner : corners)
        next.push_back({make.add(corner.pixel, offset), !corner.weight ? tap.weight
                                                        : !tap.weight  ? corner.weight
                                                                       : make.mul(corner.weight, tap.weight)});
    }
    corners = next;
  }
  SmallVector<AffineExpr> column = places;
  column.push_back(make.number(1));
  Value sum;
  for (const Corner& corner : corners) {
    Value pixel = make.gather(image, corner.pixel, 0);
    if (corner.weight)
      pixel = make.mul(pixel, make.reshape(corner.weight, column));
    sum = sum ? make.add(sum, pixel) : pixel;
  }
  node.set(0, make.channelsFirst(sum));
}

}  // namespace quantc::onnx_import
