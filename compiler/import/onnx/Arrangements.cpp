// Operators that repeat, move, or surround elements, and those that write numbers as places.
#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;

void importTile(Node& node) {
  Maker make(node);
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0)), apart, repeated, result;
  bool broadcasts = true;
  const Known* repeats = node.known(1);
  if (!repeats)
    node.fail("has repeats that depend on the values of tensors; export the model with such as depend on shapes alone");
  if (repeats->size() != dims.size())
    node.fail("has " + std::to_string(repeats->size()) + " repeats, its tensor " + std::to_string(dims.size()) +
              " dimensions; the model is damaged, export it again");
  for (auto [dim, count] : llvm::zip(dims, *repeats)) {
    if (boundsOf(count).least.value_or(-1) < 0)
      node.fail("can have a negative repeat; the model is damaged, export it again");
    apart.append({make.number(1), dim});
    repeated.append({count, dim});
    broadcasts &= constantOf(count) == 1 || constantOf(dim) == 1;
    AffineExpr whole = foldBinary(BinaryKind::mul, dim, count);
    if (!whole)
      node.fail("repeats a dynamic dimension a dynamic number of times, or makes a tensor that is too large; export the model without it");
    result.push_back(whole);
  }
  node.set(0, broadcasts ? make.broadcast(node.value(0), result)
                         : make.reshape(make.broadcast(make.reshape(node.value(0), apart), repeated), result));
}

/// [n, c, h, w] with blocks of pixels moved between channels and image.
static void importDepthSpace(Node& node, bool toSpace) {
  Maker make(node);
  SmallVector<AffineExpr> d = tfm::dimsOf(node.type(0));
  int64_t block = node.attribute("blocksize", int64_t(0));
  auto sizes = d.size() == 4 ? constantsOf(ArrayRef(d).drop_front()) : std::nullopt;
  const int64_t channels = sizes ? (*sizes)[0] : 0, height = sizes ? (*sizes)[1] : 0, width = sizes ? (*sizes)[2] : 0;
  if (!sizes || block < 1 || block > 4096 || (toSpace ? channels % (block * block) : height % block + width % block))
    node.fail("needs an image of constant size that its blocks divide; export the model again");
  const onnx::AttributeProto* mode = node.find("mode");
  bool crd = mode && mode->s() == "CRD";
  int64_t b = block;
  auto n = [&](int64_t value) { return make.number(value); };
  if (toSpace) {
    int64_t c = channels / (b * b);
    Value apart = make.reshape(node.value(0), crd ? ArrayRef<AffineExpr>{d[0], n(c), n(b), n(b), d[2], d[3]}
                                                  : ArrayRef<AffineExpr>{d[0], n(b), n(b), n(c), d[2], d[3]});
    Value moved = make.transpose(apart, crd ? ArrayRef<int64_t>{0, 1, 4, 2, 5, 3} : ArrayRef<int64_t>{0, 3, 4, 1, 5, 2});
    return node.set(0, make.reshape(moved, {d[0], n(c), n(height * b), n(width * b)}));
  }
  Value apart = make.reshape(node.value(0), {d[0], d[1], n(height / b), n(b), n(width / b), n(b)});
  node.set(0, make.reshape(make.transpose(apart, {0, 3, 5, 1, 2, 4}), {d[0], n(channels * b * b), n(height / b), n(width / b)}));
}

void importDepthToSpace(Node& node) { importDepthSpace(node, true); }
void importSpaceToDepth(Node& node) { importDepthSpace(node, false); }

void importEyeLike(Node& node) {
  Maker make(node);
  SmallVector<AffineExpr> d = tfm::dimsOf(node.type(0));
  if (d.size() != 2)
    node.fail("needs a matrix; the model is damaged, export it again");
  Type element = node.find("dtype") ? elementOf(node.attribute("dtype", int64_t(1)), node.context()) : node.type(0).getElementType();
  if (!element)
    node.fail("has elements of a type that is not supported; export the model in float32");
  Value row = make.reshape(make.iota(d[0], make.number(node.attribute("k", int64_t(0)))), {d[0], make.number(1)});
  node.set(0, make.cast(make.binary(BinaryKind::equal, row, make.iota(d[1], make.number(0))), element));
}

void importOneHot(Node& node) {
  Maker make(node);
  auto depth = node.knownScalar(1);
  if (!depth)
    node.fail("has a depth that is computed from the input; export the model with a constant one");
  Value indices = make.cast(node.value(0), IntegerType::get(node.context(), 64)), values = node.value(2);
  int64_t rank = node.type(0).getRank() + 1, axis = node.axis(node.attribute("axis", int64_t(-1)), rank);
  SmallVector<AffineExpr> apart = make.dims(indices), line(rank, make.number(1));
  apart.insert(apart.begin() + axis, make.number(1));
  line[axis] = depth;
  Value index = make.reshape(indices, apart), place = make.reshape(make.iota(depth, make.number(0)), line);
  Value wrapped = make.select(make.binary(BinaryKind::less, index, 0.0), make.add(index, constantOf(depth).value_or(0)), index);
  Value off = make.reshape(make.slice(values, 0, 0, 1), {}), on = make.reshape(make.slice(values, 0, 1, 1), {});
  node.set(0, make.select(make.binary(BinaryKind::equal, wrapped, place), on, off));
}

namespace {

constexpr int64_t kMostOwn = 4096;    // elements of a tensor around itself: their places are a constant
constexpr int64_t kMostCopied = 256;  // each is an operation where the extent is not known

/// Which element of an axis stands at place `i` of those padded by mode edge, reflect or wrap; i counts from the axis's first.
int64_t elementAt(StringRef mode, int64_t i, int64_t extent) {
  if (mode == "edge")
    return std::clamp<int64_t>(i, 0, extent - 1);
  const int64_t period = mode == "wrap" ? extent : std::max<int64_t>(1, 2 * extent - 2), place = llvm::mod(i, period);
  return place < extent ? place : period - place;
}

/// Elements of the axis itself around it.
Value padWithOwn(Node& node, const Maker& make, Value x, int64_t axis, int64_t before, int64_t after, StringRef mode) {
  const AffineExpr length = make.dim(x, axis);
  const auto extent = constantOf(length);
  if (extent && *extent < 1)
    node.fail("pads a dimension without elements by its own; the model is damaged, export it again");
  const int64_t most = extent ? kMostOwn : kMostCopied;
  if (before > most || after > most)
    node.fail("pads a dimension by more than " + std::to_string(most) +
              " of its own elements, which is not supported; export the model without it");
  SmallVector<Value> parts;
  // From place `begin` on, which counts from the first element.
  auto take = [&](int64_t begin, int64_t count) {
    SmallVector<int64_t> places;
    for (int64_t i = begin; i < begin + count; ++i)
      places.push_back(elementAt(mode, i, *extent));
    auto type = RankedTensorType::get(count, IntegerType::get(node.context(), 64));
    if (count > 0)
      parts.push_back(make.gather(x, node.create<tfm::ConstantOp>(type, DenseElementsAttr::get(type, ArrayRef(places))), axis));
  };
  auto copy = [&](AffineExpr place) { parts.push_back(make.slice(x, axis, place, make.number(1))); };
  if (extent)
    take(-before, before);
  for (int64_t i = before; i > 0 && !extent; --i)
    copy(mode == "edge" ? make.number(0) : mode == "wrap" ? length - i : make.number(i));
  parts.push_back(x);
  if (extent)
    take(*extent, after);
  for (int64_t i = 0; i < after && !extent; ++i)
    copy(mode == "edge" ? length - 1 : mode == "wrap" ? make.number(i) : length - (i + 2));
  return make.concat(parts, axis);
}

}  // namespace

void importPad(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  int64_t rank = node.type(0).getRank();
  const onnx::AttributeProto* named = node.find("mode");
  const std::string mode = named ? named->s() : "constant";
  if (mode != "constant" && mode != "edge" && mode != "reflect" && mode != "wrap")
    node.fail("pads by mode " + mode + ", supported are constant, edge, reflect and wrap; export the model without it");
  // Before opset 11 pads and the value are attributes.
  auto older = node.opset() < 11 ? node.attributeInts("pads") : std::nullopt;
  SmallVector<int64_t> pads = older ? *older : node.constants(1, "pads"), axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (node.has(3)) {
    axes = node.constants(3, "axes");
    for (int64_t& axis : axes)
      axis = node.axis(axis, rank);
  }
  if (pads.size() != 2 * axes.size())
    node.fail("has " + std::to_string(pads.size()) + " pads for " + std::to_string(axes.size()) +
              " axes; the model is damaged, export it again");
  Value fill = node.has(2) ? make.reshape(node.value(2), {}) : make.like(older ? node.attribute("value", 0.0f) : 0, x);
  for (auto [i, axis] : llvm::enumerate(axes)) {
    int64_t before = pads[i], after = pads[axes.size() + i];
    if (std::max(std::abs(before / 2), std::abs(after / 2)) > tfm::kLargestDim / 2)
      node.fail("pads by more than a tensor can have; the model is damaged, export it again");
    for (int64_t* end : {&before, &after})
      if (*end < 0) {
        auto extent = constantOf(make.dim(x, axis));
        if (!extent || *extent < -*end)
          node.fail("cuts off more than its tensor has; the model is damaged, export it again");
        x = make.slice(x, axis, end == &before ? -*end : 0, *extent + *end);
        *end = 0;
      }
    if (before + after > 0)
      x = mode == "constant" ? make.pad(x, axis, before, after, fill) : padWithOwn(node, make, x, axis, before, after, mode);
  }
  node.set(0, x);
}

}  // namespace quantc::onnx_import
