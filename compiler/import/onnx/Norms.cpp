// Norms. Those of the last dimension by vectors are operations of their own; others are formulas.
#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::ReduceKind;
using tfm::UnaryKind;

namespace {

/// `x` as a vector as long as the last dimension of `like`; null when it is none.
Value asVector(const Maker& make, Node& node, Value x, Value like) {
  AffineExpr width = make.dims(like).back();
  if (make.type(x).getRank() == 0 || make.dims(x).back() != width || tfm::productOf(make.dims(x), node.context()) != width)
    return {};
  return make.reshape(x, width);
}

/// A vector of one value as long as the last dimension of `like`.
Value vectorOf(Node& node, const Maker& make, float value, Value like) {
  RankedTensorType type = make.type(like);
  auto vector = RankedTensorType::get({type.getShape().back()}, type.getElementType());
  return node.create<tfm::ConstantOp>(vector,
                                      DenseElementsAttr::get(vector, Attribute(node.builder().getFloatAttr(type.getElementType(), value))));
}

struct Normalized {
  Value result, mean, inverse;  ///< mean is null without centering
};

/// Over all dimensions from `axis` on; `weight` and `bias` broadcast to x, either may be null.
Normalized normalize(Node& node, const Maker& make, Value x, int64_t axis, Value weight, Value bias, float epsilon, bool centered) {
  auto axes = llvm::to_vector(llvm::seq<int64_t>(axis, make.type(x).getRank()));
  Normalized norm;
  if (centered) {
    norm.mean = make.reduce(ReduceKind::mean, x, axes);
    x = make.sub(x, norm.mean);
  }
  Value variance = make.reduce(ReduceKind::mean, make.mul(x, x), axes);
  norm.inverse = make.div(1, make.unary(UnaryKind::sqrt, make.add(variance, epsilon)));
  norm.result = make.mul(x, norm.inverse);
  if (weight)
    norm.result = make.mul(norm.result, make.cast(weight, make.type(x).getElementType()));
  if (bias)
    norm.result = make.add(norm.result, make.cast(bias, make.type(x).getElementType()));
  return norm;
}

/// Output 0, and mean and inverse deviation where they are wanted.
void setNorm(Node& node, const Maker& make, Value x, int64_t axis, Value weight, Value bias, bool centered, int meanOutput,
             int inverseOutput) {
  float epsilon = node.attribute("epsilon", 1e-5f);
  bool mean = meanOutput >= 0 && node.wants(meanOutput), inverse = inverseOutput >= 0 && node.wants(inverseOutput);
  bool last = axis == make.type(x).getRank() - 1 && !mean && !inverse && make.type(x).getElementType().isF32();
  Value vector = last && weight ? asVector(make, node, weight, x) : Value(), shift = last && bias ? asVector(make, node, bias, x) : Value();
  if (last && !ShapedType::isDynamic(make.type(x).getShape().back()) && (vector || !weight) && (shift || !bias)) {
    if (!vector)
      vector = vectorOf(node, make, 1, x);
    if (centered && !shift)
      shift = vectorOf(node, make, 0, x);
    FloatAttr attribute = node.builder().getF32FloatAttr(epsilon);
    if (centered)
      return node.set(0, node.create<tfm::LayerNormOp>(make.type(x), x, vector, shift, attribute));
    Value scaled = node.create<tfm::RmsNormOp>(make.type(x), x, vector, attribute);
    return node.set(0, shift ? make.add(scaled, shift) : scaled);
  }
  Normalized norm = normalize(node, make, x, axis, weight, bias, epsilon, centered);
  node.set(0, norm.result);
  if (mean)
    node.set(meanOutput, norm.mean);
  if (inverse)
    node.set(inverseOutput, norm.inverse);
}

Value inputOr(Node& node, unsigned input) { return node.has(input) ? node.value(input) : Value(); }

}  // namespace

void importLayerNormalization(Node& node) {
  Maker make(node);
  int64_t axis = node.axis(node.attribute("axis", int64_t(-1)), node.type(0).getRank());
  setNorm(node, make, node.value(0), axis, node.value(1), inputOr(node, 2), true, 1, 2);
}

void importRmsNormalization(Node& node) {
  Maker make(node);
  int64_t axis = node.axis(node.attribute("axis", int64_t(-1)), node.type(0).getRank());
  setNorm(node, make, node.value(0), axis, node.value(1), {}, false, -1, 1);
}

/// com.microsoft: the norm of input + skip + bias.
static void importSkipNorm(Node& node, Value weight, Value shift, Value bias, bool centered) {
  Maker make(node);
  Value sum = make.add(node.value(0), node.value(1));
  if (bias)
    sum = make.add(sum, bias);
  if (node.wants(3))
    node.set(3, sum);
  setNorm(node, make, sum, make.type(sum).getRank() - 1, weight, shift, centered, 1, 2);
}

void importSkipLayerNormalization(Node& node) { importSkipNorm(node, node.value(2), inputOr(node, 3), inputOr(node, 4), true); }

void importSkipSimplifiedLayerNormalization(Node& node) { importSkipNorm(node, node.value(2), {}, inputOr(node, 3), false); }

/// com.microsoft: input_ids, segment_ids, word, position and segment embeddings, gamma, beta, mask, position_ids.
void importEmbedLayerNormalization(Node& node) {
  Maker make(node);
  Value ids = node.value(0), words = node.value(2), positions = node.value(3);
  Value sum = make.gather(words, ids, 0);
  if (node.has(8)) {
    sum = make.add(sum, make.gather(positions, node.value(8), 0));
  } else {
    AffineExpr rows = make.dim(ids, 1);
    sum = make.add(sum, make.gather(positions, make.reshape(make.iota(rows, make.number(0)), {make.number(1), rows}), 0));
  }
  if (node.has(1) && node.has(4))
    sum = make.add(sum, make.gather(node.value(4), node.value(1), 0));
  if (node.wants(2))
    node.set(2, sum);
  if (node.wants(1)) {  // how many tokens every sequence has
    Type i32 = IntegerType::get(node.context(), 32);
    if (node.has(7)) {
      node.set(1, make.reduce(ReduceKind::sum, make.cast(node.value(7), i32), 1, false));
    } else {
      Value zeros = node.scalar(0, i32);
      node.set(1, make.broadcast(zeros, make.dim(ids, 0)));
    }
  }
  node.set(0, normalize(node, make, sum, 2, node.value(5), node.value(6), node.attribute("epsilon", 1e-12f), true).result);
}

namespace {

/// One image [1, channels, positions...] of constant size, normalized by groups of its channels: rows of channels inside. Null when it is none.
Value groupNormalized(Node& node, const Maker& make, Value x, int64_t groups) {
  RankedTensorType type = make.type(x);
  if (type.getRank() < 3 || !type.hasStaticShape() || !type.getElementType().isF32() || type.getDimSize(0) != 1 || groups < 1 ||
      type.getDimSize(1) < 1 || type.getDimSize(1) % groups != 0)
    return {};
  Value rows = make.channelsLast(x);
  return make.channelsFirst(node.create<tfm::GroupNormOp>(
      make.type(rows), rows, node.builder().getF32FloatAttr(node.attribute("epsilon", 1e-5f)), node.builder().getI64IntegerAttr(groups)));
}

/// The tensor before a reshape that puts the channels of each group together; x itself without such a reshape.
Value beforeGrouping(const Maker& make, Value x) {
  auto reshape = x.getDefiningOp<tfm::ReshapeOp>();
  RankedTensorType grouped = make.type(x), from = reshape ? make.type(reshape.getOperand()) : RankedTensorType();
  bool groups = from && from.getRank() >= 3 && from.hasStaticShape() && grouped.hasStaticShape() && grouped.getDimSize(1) > 0 &&
                from.getDimSize(0) == grouped.getDimSize(0) && from.getDimSize(1) % grouped.getDimSize(1) == 0;
  return groups ? reshape.getOperand() : x;
}

/// [1, n, 1...] of a vector, to be combined with [batch, n, positions...].
Value alongChannels(Node& node, const Maker& make, unsigned input, Value x) {
  SmallVector<AffineExpr> line(make.type(x).getRank(), make.number(1));
  line[1] = make.dim(x, 1);
  return make.reshape(node.value(input), line);
}

}  // namespace

/// Of [batch, channels, positions...]. Since opset 21 scale and bias have an element for every channel, before for every group.
void importGroupNormalization(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  int64_t groups = node.attribute("num_groups", int64_t(0));
  RankedTensorType type = make.type(x);
  if (type.getRank() < 3 || !type.hasStaticShape() || groups < 1 || type.getDimSize(1) < 1 || type.getDimSize(1) % groups != 0)
    node.fail("has " + std::to_string(groups) +
              " groups, expected a divisor of the number of channels of an image of fixed size; export the model again");
  int64_t each = type.getDimSize(1) / groups;
  Value normed = groupNormalized(node, make, x, groups);
  if (!normed) {
    SmallVector<AffineExpr> grouped{make.dim(x, 0), make.number(groups), make.number(type.getNumElements() / type.getDimSize(0) / groups)};
    normed = make.reshape(normalize(node, make, make.reshape(x, grouped), 2, {}, {}, node.attribute("epsilon", 1e-5f), true).result,
                          make.dims(x));
  }
  auto vector = [&](unsigned input) -> Value {
    Value given = node.value(input);
    if (make.type(given).getNumElements() == type.getDimSize(1))
      return alongChannels(node, make, input, x);
    Value repeated = make.broadcast(make.reshape(given, {make.number(groups), make.number(1)}), {make.number(groups), make.number(each)});
    SmallVector<AffineExpr> line(type.getRank(), make.number(1));
    line[1] = make.dim(x, 1);
    return make.reshape(repeated, line);
  };
  node.set(0, make.add(make.mul(normed, vector(1)), vector(2)));
}

/// [n, c, ...] over all but the first two dimensions.
void importInstanceNormalization(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  if (make.type(x).getRank() < 3)
    node.fail("needs a tensor of at least 3 dimensions; the model is damaged, export it again");
  if (make.dim(x, 0) == make.number(1) && make.dim(x, 1) == make.number(1))
    return importGlobalNormalization(node);
  Value scale = alongChannels(node, make, 1, x), bias = alongChannels(node, make, 2, x);
  auto groups = constantOf(make.dim(x, 1));
  if (Value normed = groups ? groupNormalized(node, make, beforeGrouping(make, x), *groups) : Value())
    return node.set(0, make.add(make.mul(make.reshape(normed, make.dims(x)), scale), bias));
  node.set(0, normalize(node, make, x, 2, scale, bias, node.attribute("epsilon", 1e-5f), true).result);
}

/// By running mean and variance.
void importBatchNormalization(Node& node) {
  Maker make(node);
  if (node.attribute("training_mode", int64_t(0)))
    node.fail("is in training mode; export the model for inference");
  Value x = node.value(0);
  SmallVector<AffineExpr> line(make.type(x).getRank(), make.number(1));
  if (line.size() > 1)
    line[1] = make.dim(x, 1);
  for (unsigned input : {1u, 2u, 3u, 4u})
    if (line.size() > 1 && (node.type(input).getRank() != 1 || make.dim(node.value(input), 0) != line[1]))
      node.fail("has another number of channels than its scales; the model is damaged, export it again");
  auto channel = [&](unsigned input) { return line.size() > 1 ? make.reshape(node.value(input), line) : node.value(input); };
  Value deviation = make.unary(UnaryKind::sqrt, make.add(channel(4), node.attribute("epsilon", 1e-5f)));
  node.set(0, make.add(make.mul(make.div(make.sub(x, channel(3)), deviation), channel(1)), channel(2)));
}

void importMeanVarianceNormalization(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  SmallVector<int64_t> axes = node.attributeInts("axes").value_or(SmallVector<int64_t>{0, 2, 3});
  for (int64_t& axis : axes)
    axis = node.axis(axis, make.type(x).getRank());
  Value centered = make.sub(x, make.reduce(ReduceKind::mean, x, axes));
  Value deviation = make.unary(UnaryKind::sqrt, make.reduce(ReduceKind::mean, make.mul(centered, centered), axes));
  node.set(0, make.div(centered, make.add(deviation, 1e-9)));
}

void importLpNormalization(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  int64_t axis = node.axis(node.attribute("axis", int64_t(-1)), make.type(x).getRank());
  bool absolute = node.attribute("p", int64_t(2)) == 1;
  Value sum = make.reduce(ReduceKind::sum, absolute ? make.unary(UnaryKind::abs, x) : make.mul(x, x), axis);
  node.set(0, make.div(x, absolute ? sum : make.unary(UnaryKind::sqrt, sum)));
}

}  // namespace quantc::onnx_import
