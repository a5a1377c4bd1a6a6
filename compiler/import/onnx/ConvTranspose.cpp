// Transposed convolutions: products of every position with all kernel elements, added where they overlap.
#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"
#include "compiler/import/onnx/Windows.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;

namespace {

constexpr int64_t kMostBlocks = 256;

/// Along one dimension. The whole result has (positions - 1) * stride + span() elements, of which `before` are cut off.
struct Spread {
  AffineExpr positions, extent;  // extent: of the result
  int64_t kernel, stride, dilation, before;

  int64_t span() const { return (kernel - 1) * dilation + 1; }
  /// Of one stride each, that a position reaches.
  int64_t blocks() const { return static_cast<int64_t>(llvm::divideCeil(span(), stride)); }
};

/// Of an image [batch, channels, positions...] of `dims`.
SmallVector<Spread> readSpreads(Node& node, const Maker& make, ArrayRef<AffineExpr> dims, ArrayRef<int64_t> kernel) {
  const size_t count = kernel.size();
  checkKernelShape(node, kernel);
  const SmallVector<int64_t> strides = windowNumbers(node, "strides", count, 1, 1),
                             dilations = windowNumbers(node, "dilations", count, 1, 1), pads = windowNumbers(node, "pads", 2 * count, 0, 0),
                             more = windowNumbers(node, "output_padding", count, 0, 0);
  const auto shape = node.attributeInts("output_shape");
  const onnx::AttributeProto* automatic = node.find("auto_pad");
  const std::string mode = automatic ? automatic->s() : "NOTSET";
  const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (shape && shape->size() < count)
    node.fail(std::string("has an output_shape that does not fit") + kDamaged);
  SmallVector<Spread> spreads;
  for (size_t i = 0; i < count; ++i) {
    Spread spread{dims[i + 2], nullptr, kernel[i], strides[i], dilations[i], pads[i]};
    if (kernel[i] < 1 || kernel[i] > kLargestWindow || spread.span() > kLargestWindow)
      node.fail(std::string("has a kernel that does not fit") + kDamaged);
    if (spread.blocks() > kMostBlocks)
      node.fail("has a kernel of more than " + std::to_string(kMostBlocks) +
                " strides, which is not supported; export the model without it");
    // Before anything is cut off.
    AffineExpr whole = (spread.positions - 1) * strides[i] + (spread.span() + more[i]);
    if (shape)
      spread.extent = make.number((*shape)[shape->size() - count + i]);
    else
      spread.extent = same ? spread.positions * strides[i] : whole - (pads[i] + pads[i + count]);
    if (shape || same) {
      const auto cut = constantOf(simplifyAffineExpr(whole - spread.extent, 0, tfm::kMostSymbols));
      if (!cut)
        node.fail("cuts a dimension of unknown size to a known one, which is not supported; export the model with images of a fixed size");
      const int64_t missing = std::max<int64_t>(0, *cut);
      spread.before = mode == "SAME_UPPER" ? missing / 2 : missing - missing / 2;
    }
    spread.extent = simplifyAffineExpr(spread.extent, 0, tfm::kMostSymbols);
    if (auto extent = constantOf(spread.extent); extent && *extent < 1)
      node.fail(std::string("has an image, kernel and padding that do not fit together") + kDamaged);
    spreads.push_back(spread);
  }
  return spreads;
}

/// [batch, positions..., kernel elements..., outputs] of an image [batch, positions..., channels].
Value productsWithKernel(Node& node, const Maker& make, Value image, Value weight, int64_t groups) {
  SmallVector<AffineExpr> dims = make.dims(image);
  const SmallVector<AffineExpr> shape = make.dims(weight);
  const int64_t channels = *constantOf(shape[0]), outputs = *constantOf(shape[1]);
  const int64_t elements = make.type(weight).getNumElements() / channels / outputs;
  weight = make.channelsLast(weight);  // [channels, kernel elements..., outputs of a group]
  dims.pop_back();
  SmallVector<AffineExpr> result = dims;
  result.append(shape.begin() + 2, shape.end());
  result.push_back(make.number(outputs * groups));
  if (groups == 1)
    return make.reshape(make.matmul(image, make.reshape(weight, {make.number(channels), make.number(elements * outputs)})), result);
  AffineExpr places = tfm::productOf(dims, node.context()), each = make.number(channels / groups);
  Value left = make.transpose(make.reshape(image, {places, make.number(groups), each}), {1, 0, 2});
  Value right = make.reshape(weight, {make.number(groups), each, make.number(elements * outputs)});
  Value product = make.reshape(make.matmul(left, right), {make.number(groups), places, make.number(elements), make.number(outputs)});
  return make.reshape(make.transpose(product, {1, 2, 0, 3}), result);
}

/// [outer, positions, kernel elements, inner] to [outer, extent, inner]: element k of position p belongs to p * stride + k * dilation. In blocks of
/// one stride that is block p + k * dilation / stride, so whole blocks are added.
Value overlap(const Maker& make, Value x, const Spread& spread) {
  SmallVector<AffineExpr> dims = make.dims(x);
  const AffineExpr outer = dims[0], inner = dims[3];
  auto padded = [&](Value value, int64_t axis, int64_t before, int64_t after) {
    return make.pad(value, axis, before, after, make.like(0, value));
  };
  if (spread.dilation > 1) {
    x = make.reshape(x, {outer, spread.positions, dims[2], make.number(1), inner});
    x = make.reshape(padded(x, 3, 0, spread.dilation - 1), {outer, spread.positions, dims[2] * spread.dilation, inner});
    x = make.slice(x, 2, 0, spread.span());
  }
  const int64_t blocks = spread.blocks();
  x = padded(x, 2, 0, blocks * spread.stride - spread.span());
  x = make.reshape(x, {outer, spread.positions, make.number(blocks), make.number(spread.stride), inner});
  Value sum;
  for (int64_t block = 0; block < blocks; ++block) {
    Value part = make.reshape(make.slice(x, 2, block, 1), {outer, spread.positions, make.number(spread.stride), inner});
    part = padded(part, 1, block, blocks - 1 - block);
    sum = sum ? make.add(sum, part) : part;
  }
  AffineExpr whole = (spread.positions + (blocks - 1)) * spread.stride;
  sum = make.reshape(sum, {outer, whole, inner});
  const auto missing = constantOf(simplifyAffineExpr(spread.extent + spread.before - whole, 0, tfm::kMostSymbols));
  sum = padded(sum, 1, 0, std::max<int64_t>(0, missing.value_or(0)));
  return make.slice(sum, 1, make.number(spread.before), spread.extent);
}

}  // namespace

void importConvTranspose(Node& node) {
  Maker make(node);
  RankedTensorType type = node.type(0), weight = node.type(1);
  const int64_t rank = type.getRank(), groups = node.attribute("group", int64_t(1));
  if (rank < 3 || weight.getRank() != rank || !weight.hasStaticShape() || weight.getNumElements() == 0)
    node.fail("convolves a tensor of rank " + std::to_string(rank) + " with weights of rank " + std::to_string(weight.getRank()) +
              ", expected the same rank, at least 3, and weights of a fixed size" + kDamaged);
  const SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  if (groups < 1 || weight.getDimSize(0) % groups != 0 || constantOf(dims[1]) != weight.getDimSize(0))
    node.fail(std::string("has channels, groups and weights that do not fit together") + kDamaged);
  const SmallVector<Spread> spreads = readSpreads(node, make, dims, weight.getShape().drop_front(2));
  Value x = productsWithKernel(node, make, make.channelsLast(node.value(0)), node.value(1), groups);
  const auto count = static_cast<int64_t>(spreads.size());
  SmallVector<int64_t> order{0};  // every position beside the kernel's element
  for (int64_t i = 0; i < count; ++i)
    order.append({1 + i, 1 + count + i});
  order.push_back(1 + 2 * count);
  x = make.transpose(x, order);
  SmallVector<AffineExpr> result{dims[0]}, rest = make.dims(x);
  for (int64_t i = 0; i < count; ++i) {
    AffineExpr outer = tfm::productOf(result, node.context());
    AffineExpr inner = tfm::productOf(ArrayRef(rest).drop_front(3 + 2 * i), node.context());
    x = overlap(make, make.reshape(x, {outer, rest[1 + 2 * i], rest[2 + 2 * i], inner}), spreads[i]);
    result.push_back(spreads[i].extent);
  }
  result.push_back(rest.back());
  x = make.reshape(x, result);
  node.set(0, make.channelsFirst(node.has(2) ? make.add(x, node.value(2)) : x));
}

}  // namespace quantc::onnx_import
