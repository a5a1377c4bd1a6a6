#include "compiler/import/onnx/AttentionParts.h"

#include <cmath>

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;
using tfm::UnaryKind;

namespace {

/// Every head of keys or values as often as it has queries.
Value repeatHeads(Node& node, const Maker& make, Value x, int64_t heads) {
  auto own = constantOf(make.dim(x, 1));
  if (!own || *own < 1 || heads % *own != 0)
    node.fail("has " + std::to_string(heads) +
              " heads of queries, which its heads of keys do not divide; the model is damaged, export it again");
  if (*own == heads)
    return x;
  SmallVector<AffineExpr> d = make.dims(x);
  Value apart = make.reshape(x, {d[0], d[1], make.number(1), d[2], d[3]});
  return make.reshape(make.broadcast(apart, {d[0], d[1], make.number(heads / *own), d[2], d[3]}), {d[0], make.number(heads), d[2], d[3]});
}

/// 0 where a query may look, `hidden` where not: [rows, keys].
Value causalBias(const Maker& make, const Scores& scores, AffineExpr rows, AffineExpr keys) {
  Value row = make.reshape(make.iota(rows, *scores.diagonal), {rows, make.number(1)}), column = make.iota(keys, make.number(0));
  Value seen = make.binary(BinaryKind::less_equal, column, row);
  if (scores.window > 0)
    seen =
        make.binary(BinaryKind::and_, seen, make.binary(BinaryKind::greater, column, make.add(row, -static_cast<double>(scores.window))));
  Value zero = make.cast(make.like(0, row), make.f32());
  return make.select(seen, make.like(0, zero), scores.hidden);
}

/// com.microsoft's mask_index: [b, t] of ones and zeros, [b, s, t] the same by query, [b, 1, positions, positions] by position, or [b] lengths.
Value contribMask(Node& node, const Maker& make, unsigned input, Value q, Value k, AffineExpr past, double hidden) {
  Value mask = node.value(input);
  SmallVector<AffineExpr> d = make.dims(mask);
  AffineExpr batch = make.dim(k, 0), rows = make.dim(q, 2), keys = make.dim(k, 2);
  if (d.size() == 4 && d[1] == make.number(1)) {
    mask = make.slice(make.slice(mask, 2, past, rows), 3, make.number(0), keys);
    mask = make.reshape(mask, {d[0], rows, keys});
    d = make.dims(mask);
  }
  Value seen;
  if (d.size() == 1 && d[0] == batch) {
    Value length = make.reshape(mask, {batch, make.number(1)});
    Value places = make.cast(make.iota(keys, make.number(0)), make.type(mask).getElementType());
    seen = make.binary(BinaryKind::less, make.reshape(places, {make.number(1), keys}), length);
  } else if (d.size() == 2 || d.size() == 3) {
    seen = make.cast(mask, node.builder().getI1Type());
  } else {
    node.fail("has a mask of a form that is not supported; export the model with a mask of ones and zeros [batch, keys]");
  }
  d = make.dims(seen);
  Value wide = d.size() == 2 ? make.reshape(seen, {d[0], make.number(1), make.number(1), d[1]})
                             : make.reshape(seen, {d[0], make.number(1), d[1], d[2]});
  return make.select(wide, node.scalar(0, make.f32()), hidden);
}

/// The softmax of scores [batch, heads, rows, keys] and of a sink behind each row, without the sinks' weights.
Value sunkenSoftmax(const Maker& make, Value scores, Value sinks) {
  SmallVector<AffineExpr> dims = make.dims(scores), ofSinks(dims);
  const AffineExpr one = make.number(1), keys = dims.back();
  ofSinks.back() = one;
  const bool perHead = make.type(sinks).getNumElements() != 1;
  Value column = make.reshape(make.toFloat(sinks), {one, perHead ? dims[1] : one, one, one});
  Value all = make.concat({scores, make.broadcast(column, ofSinks)}, 3);
  return make.slice(make.softmax(all, -1), 3, make.number(0), keys);
}

}  // namespace

void addBias(const Maker& make, Scores& scores, Value bias) { scores.bias = scores.bias ? make.add(scores.bias, bias) : bias; }

Scores contribScores(Node& node, const Maker& make, Value q, Value k, MaskInputs inputs, AffineExpr past) {
  Scores scores;
  scores.scale = scaleOf(node, make, q);
  scores.hidden = node.attribute("mask_filter_value", -10000.0f);
  if (node.has(inputs.mask))
    scores.bias = contribMask(node, make, inputs.mask, q, k, past, scores.hidden);
  if (node.has(inputs.bias))
    addBias(make, scores, node.value(inputs.bias));
  return scores;
}

Value splitHeads(Node& node, const Maker& make, Value x, int64_t heads) {
  auto width = constantOf(make.dim(x, -1));
  if (make.type(x).getRank() != 3 || !width || heads < 1 || *width % heads != 0)
    node.fail("has tensors that " + std::to_string(heads) + " heads do not divide; the model is damaged, export it again");
  Value apart = make.reshape(x, {make.dim(x, 0), make.dim(x, 1), make.number(heads), make.number(*width / heads)});
  return make.transpose(apart, {0, 2, 1, 3});
}

Value joinHeads(Node& node, const Maker& make, Value x) {
  Value moved = make.transpose(x, {0, 2, 1, 3});
  AffineExpr width = foldBinary(BinaryKind::mul, make.dim(moved, 2), make.dim(moved, 3));
  if (!width)
    node.fail("has a dynamic number of heads; export the model again");
  return make.reshape(moved, {make.dim(moved, 0), make.dim(moved, 1), width});
}

AttentionValues attention(Node& node, const Maker& make, Value q, Value k, Value v, const Scores& scores) {
  auto heads = constantOf(make.dim(q, 1));
  if (!heads)
    node.fail("has a dynamic number of heads; export the model again");
  AttentionValues values;
  k = repeatHeads(node, make, k, *heads);
  v = repeatHeads(node, make, v, *heads);
  values.scaled = make.mul(make.matmul(q, make.transposeLast(k)), scores.scale);
  auto capped = [&](Value x) { return make.mul(make.unary(UnaryKind::tanh, make.mul(x, 1 / scores.softcap)), scores.softcap); };
  values.masked = scores.softcap > 0 && scores.capsFirst ? capped(values.scaled) : values.scaled;
  if (scores.diagonal)
    values.masked = make.add(values.masked, causalBias(make, scores, make.dim(q, 2), make.dim(k, 2)));
  if (scores.bias)
    values.masked = make.add(values.masked, scores.bias);
  values.capped = values.masked;
  if (scores.softcap > 0 && !scores.capsFirst)
    values.capped = capped(values.masked);
  values.weights = scores.sinks ? sunkenSoftmax(make, values.capped, scores.sinks) : make.softmax(values.capped, -1);
  values.result = make.matmul(values.weights, v);
  return values;
}

double scaleOf(Node& node, const Maker& make, Value q) {
  float given = node.attribute("scale", 0.0f);
  auto width = constantOf(make.dim(q, -1));
  if (given == 0 && (!width || *width < 1))
    node.fail("has heads of a dynamic width; export the model again");
  return given != 0 ? given : 1 / std::sqrt(static_cast<double>(*width));
}

void checkRotaryWidth(Node& node, const Maker& make, Value table) {
  const int64_t given = node.attribute("rotary_embedding_dim", int64_t(0));
  if (given != 0 && constantOf(make.dim(table, -1)) != given / 2)
    node.fail("has a rotary_embedding_dim of " + std::to_string(given) +
              ", expected twice the width of its tables; the model is damaged, export it again");
}

bool hasPast(const Node& node, unsigned input) { return node.has(input) && node.has(input + 1); }

AffineExpr pastPositions(Node& node, const Maker& make, unsigned input) {
  return hasPast(node, input) ? make.dim(node.value(input), 2) : make.number(0);
}

void prependPast(Node& node, const Maker& make, unsigned input, Value& keys, Value& values) {
  if (!hasPast(node, input))
    return;
  auto before = [&](Value past, Value fresh) { return make.concat({make.cast(past, make.type(fresh).getElementType()), fresh}, 2); };
  keys = before(node.value(input), keys);
  values = before(node.value(input + 1), values);
}

void setPresent(Node& node, Value keys, Value values) {
  if (node.wants(1))
    node.set(1, keys);
  if (node.wants(2))
    node.set(2, values);
}

Value rotate(Node& node, const Maker& make, Value x, Value cosines, Value sines, bool interleaved) {
  auto half = constantOf(make.dim(cosines, -1)), width = constantOf(make.dim(x, -1));
  if (!half || !width || 2 * *half > *width)
    node.fail("rotates more elements than a head has; the model is damaged, export it again");
  SmallVector<AffineExpr> d = make.dims(x);
  Value turning = make.slice(x, 3, 0, 2 * *half), first, second;
  if (interleaved) {
    Value pairs = make.reshape(turning, {d[0], d[1], d[2], make.number(*half), make.number(2)});
    SmallVector<AffineExpr> flat = {d[0], d[1], d[2], make.number(*half)};
    first = make.reshape(make.slice(pairs, 4, 0, 1), flat);
    second = make.reshape(make.slice(pairs, 4, 1, 1), flat);
  } else {
    first = make.slice(turning, 3, 0, *half);
    second = make.slice(turning, 3, *half, *half);
  }
  Value a = make.sub(make.mul(first, cosines), make.mul(second, sines)), b = make.add(make.mul(first, sines), make.mul(second, cosines));
  Value rotated;
  if (interleaved) {
    SmallVector<AffineExpr> one = {d[0], d[1], d[2], make.number(*half), make.number(1)};
    rotated = make.reshape(make.concat({make.reshape(a, one), make.reshape(b, one)}, 4), {d[0], d[1], d[2], make.number(2 * *half)});
  } else {
    rotated = make.concat({a, b}, 3);
  }
  return 2 * *half == *width ? rotated : make.concat({rotated, make.slice(x, 3, 2 * *half, *width - 2 * *half)}, 3);
}

Value rotaryRows(Node& node, const Maker& make, Value table, Value positions) {
  if (make.type(table).getRank() != 2 || make.type(positions).getRank() != 2)
    node.fail("has tables or positions that are no matrices; the model is damaged, export it again");
  Value rows = make.gather(table, positions, 0);  // [b, rows, half]
  return make.reshape(rows, {make.dim(rows, 0), make.dim(rows, 1), make.number(1), make.dim(rows, 2)});
}

}  // namespace quantc::onnx_import
