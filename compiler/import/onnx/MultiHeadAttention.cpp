// com.microsoft's attention of queries, keys and values that come apart, with keys and values of earlier steps.
#include "compiler/import/onnx/AttentionParts.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;

namespace {

/// Numbers of the inputs that are not queries, keys and values; keys of earlier steps come before their values.
struct Inputs {
  unsigned bias, past, length;
  MaskInputs masks;
};

/// Queries, keys and values [b, rows, width], or [b, heads, rows, width] where they are by heads already.
struct Parts {
  Value q, k, v;
};

Parts partsOf(Node& node, const Maker& make) {
  Parts parts{node.value(0), {}, {}};
  auto joined = [&](Value x, int64_t i) {  // of [b, rows, heads, parts, d]
    SmallVector<AffineExpr> d = make.dims(x);
    return make.reshape(make.slice(x, 3, i, 1), {d[0], d[1], foldBinary(BinaryKind::mul, d[2], d[4])});
  };
  if (make.type(parts.q).getRank() == 5) {  // [b, s, heads, 3, d]
    parts.k = joined(parts.q, 1);
    parts.v = joined(parts.q, 2);
    parts.q = joined(parts.q, 0);
  } else if (node.has(1) && make.type(node.value(1)).getRank() == 5) {  // [b, t, heads, 2, d]
    parts.k = joined(node.value(1), 0);
    parts.v = joined(node.value(1), 1);
  } else if (node.has(1)) {
    parts.k = node.value(1);
    parts.v = node.value(2);
  } else {  // [b, s, 3 * width]
    auto width = constantOf(make.dim(parts.q, -1));
    if (make.type(parts.q).getRank() != 3 || !width || *width % 3 != 0)
      node.fail("has no keys, and queries that hold none; the model is damaged, export it again");
    Value all = parts.q;
    parts = {make.slice(all, 2, 0, *width / 3), make.slice(all, 2, *width / 3, *width / 3),
             make.slice(all, 2, 2 * (*width / 3), *width / 3)};
  }
  return parts;
}

/// By heads, with the biases of all three behind each other; keys and values of a cross-attention come with theirs.
void addBiases(Node& node, const Maker& make, Parts& parts, unsigned input, int64_t heads) {
  SmallVector<Value> biases(3);
  if (node.has(input)) {
    Value all = node.value(input);
    auto width = constantOf(make.dim(all, 0)), own = constantOf(make.dim(parts.q, -1));
    if (!width || !own || *width < 2 * *own)
      node.fail("has a bias that is not those of queries, keys and values; the model is damaged, export it again");
    biases = {make.slice(all, 0, 0, *own), make.slice(all, 0, *own, *own), make.slice(all, 0, 2 * *own, *width - 2 * *own)};
  }
  Value* each[] = {&parts.q, &parts.k, &parts.v};
  for (auto [part, bias] : llvm::zip(each, biases))
    if (make.type(*part).getRank() != 4)
      *part = splitHeads(node, make, bias ? make.add(*part, bias) : *part, heads);
}

/// Positions 0 to `room` - 1 less `begin`, the position of a step's first row: [room].
Value fromBegin(const Maker& make, Value begin, AffineExpr room) {
  Value places = make.cast(make.iota(room, make.number(0)), make.type(begin).getElementType());
  return make.sub(places, make.reshape(begin, {make.number(1)}));
}

/// A buffer [b, heads, room, d] of keys or values with `rows` of this step in their places.
Value placed(Node& node, const Maker& make, Value buffer, Value rows, Value begin) {
  AffineExpr room = make.dim(buffer, 2), one = make.number(1);
  auto count = constantOf(make.dim(rows, 2));
  if (!count || make.type(buffer).getRank() != 4 || make.dims(buffer)[1] != make.dims(rows)[1])
    node.fail("puts keys or values into a buffer that they do not fit; the model is damaged, export it again");
  Value offset = fromBegin(make, begin, room);
  Value inside = make.binary(BinaryKind::and_, make.binary(BinaryKind::greater_equal, offset, 0),
                             make.binary(BinaryKind::less, offset, static_cast<double>(*count)));
  Value row = make.binary(BinaryKind::min, make.binary(BinaryKind::max, offset, 0), static_cast<double>(*count - 1));
  return make.select(make.reshape(inside, {one, one, room, one}), make.gather(rows, row, 2), buffer);
}

/// What hides the places of a buffer that are behind a row, or behind all of this step where it is not causal: [rows, room].
Value bufferBias(Node& node, const Maker& make, AffineExpr rows, AffineExpr room, Value begin, bool causal, double hidden) {
  Value offset = make.reshape(fromBegin(make, begin, room), {make.number(1), room});
  Value last = make.reshape(make.cast(make.iota(rows, make.number(0)), make.type(offset).getElementType()), {rows, make.number(1)});
  if (!causal)
    last = make.slice(last, 0, *constantOf(rows) - 1, 1);
  return make.select(make.binary(BinaryKind::less_equal, offset, last), node.scalar(0, make.f32()), hidden);
}

/// `shares`: a past of a fixed size is a buffer, filled up to the length that is an input, in which this step's keys and values take their places.
void importHeads(Node& node, const Inputs& inputs, bool causal, bool shares) {
  Maker make(node);
  int64_t heads = node.attribute("num_heads", int64_t(0));
  Parts parts = partsOf(node, make);
  addBiases(node, make, parts, inputs.bias, heads);
  auto& [q, k, v] = parts;
  const AffineExpr past = pastPositions(node, make, inputs.past);
  Value begin;
  if (shares && hasPast(node, inputs.past) && node.has(inputs.length) && constantOf(past)) {
    begin = node.value(inputs.length);
    if (!make.type(begin).hasStaticShape() || make.type(begin).getNumElements() != 1)
      node.fail("has a length of the past that is not one number; the model is damaged, export it again");
    k = placed(node, make, node.value(inputs.past), k, begin);
    v = placed(node, make, node.value(inputs.past + 1), v, begin);
  } else {
    prependPast(node, make, inputs.past, k, v);
  }
  setPresent(node, k, v);
  Scores scores = contribScores(node, make, q, k, inputs.masks, past);
  if (begin)
    addBias(make, scores, bufferBias(node, make, make.dim(q, 2), past, begin, causal, scores.hidden));
  else if (causal)
    scores.diagonal = past;
  AttentionValues values = attention(node, make, q, k, v, scores);
  node.set(0, joinHeads(node, make, values.result));
  if (node.wants(3))
    node.set(3, values.scaled);
}

}  // namespace

/// com.microsoft: query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value, past_sequence_length, cache_indirection, which
/// is for beams: there is one.
void importMultiHeadAttention(Node& node) {
  for (unsigned i : {8, 9})  // the length is that of the past where there is no shared buffer
    node.ignoreInput(i);
  importHeads(node, {3, 6, 8, {4, 5}}, node.attribute("unidirectional", int64_t(0)) != 0, true);
}

/// com.microsoft: query, key, value, mask_index, attention_bias, past_key, past_value, past_sequence_length, beam_width, cache_indirection, bias.
/// Keys and values by heads are those of a cross-attention.
void importDecoderMaskedMultiHeadAttention(Node& node) {
  for (unsigned i : {7, 8, 9})
    node.ignoreInput(i);
  const bool cross = node.has(1) && node.type(1).getRank() == 4;
  importHeads(node, {10, 5, 7, {3, 4}}, !cross, node.attribute("past_present_share_buffer", int64_t(0)) != 0);
}

}  // namespace quantc::onnx_import
