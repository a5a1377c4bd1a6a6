// Attention and rotary embeddings of com.microsoft, imported as what they mean.
#include "compiler/import/onnx/AttentionParts.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;

/// com.microsoft: positions before the tables; one position is that of the first row.
void importContribRotaryEmbedding(Node& node) {
  Maker make(node);
  Value x = node.value(0), positions = node.value(1), cosines = node.value(2), sines = node.value(3);
  bool flat = make.type(x).getRank() == 3, interleaved = node.attribute("interleaved", int64_t(0)) != 0;
  int64_t count = node.attribute("num_heads", int64_t(0));
  auto half = constantOf(make.dim(cosines, -1)), width = constantOf(make.dim(x, -1));
  if (flat && count == 0 && half && width && *half > 0)
    count = *width / (2 * *half);
  Value heads = flat ? splitHeads(node, make, x, count) : x;
  if (make.type(heads).getRank() != 4)
    node.fail("needs a tensor of 3 or 4 dimensions; the model is damaged, export it again");
  if (make.type(positions).getRank() == 1) {
    AffineExpr rows = make.dim(heads, 2);
    Value line = make.cast(make.iota(rows, make.number(0)), make.type(positions).getElementType());
    positions = make.reshape(make.add(line, make.reshape(positions, {make.number(1)})), {make.number(1), rows});
  }
  Value moved = make.transpose(heads, {0, 2, 1, 3});
  Value rotated =
      rotate(node, make, moved, rotaryRows(node, make, cosines, positions), rotaryRows(node, make, sines, positions), interleaved);
  rotated = make.transpose(rotated, {0, 2, 1, 3});
  node.set(0, flat ? joinHeads(node, make, rotated) : rotated);
}

namespace {

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

void addBias(const Maker& make, Scores& scores, Value bias) { scores.bias = scores.bias ? make.add(scores.bias, bias) : bias; }

/// How com.microsoft's Attention and MultiHeadAttention score: a padding mask as input `mask`, a bias as input 5, causal where unidirectional.
Scores contribScores(Node& node, Maker& make, Value q, Value k, unsigned mask, AffineExpr past) {
  Scores scores;
  scores.scale = scaleOf(node, make, q);
  scores.hidden = node.attribute("mask_filter_value", -10000.0f);
  if (node.has(mask))
    scores.bias = contribMask(node, make, mask, q, k, past, scores.hidden);
  if (node.has(5))
    addBias(make, scores, node.value(5));
  if (node.attribute("unidirectional", int64_t(0)))
    scores.diagonal = past;
  return scores;
}

}  // namespace

/// com.microsoft: input, weights, bias, mask_index, past, attention_bias.
void importContribAttention(Node& node) {
  Maker make(node);
  Value x = node.value(0), product = make.matmul(x, node.value(1));
  if (node.has(2))
    product = make.add(product, node.value(2));
  int64_t heads = node.attribute("num_heads", int64_t(0));
  auto width = constantOf(make.dim(product, -1));
  SmallVector<int64_t> sizes = node.attributeInts("qkv_hidden_sizes").value_or(SmallVector<int64_t>());
  if (!width || heads < 1 || (sizes.empty() && *width % 3 != 0) ||
      (!sizes.empty() && (sizes.size() != 3 || sizes[0] + sizes[1] + sizes[2] != *width)))
    node.fail("has weights that are not those of queries, keys and values; the model is damaged, export it again");
  if (sizes.empty())
    sizes.assign(3, *width / 3);
  Value q = splitHeads(node, make, make.slice(product, 2, 0, sizes[0]), heads);
  Value k = splitHeads(node, make, make.slice(product, 2, sizes[0], sizes[1]), heads);
  Value v = splitHeads(node, make, make.slice(product, 2, sizes[0] + sizes[1], sizes[2]), heads);
  AffineExpr past = make.number(0);
  if (node.has(4)) {
    Value both = node.value(4);
    SmallVector<AffineExpr> d = make.dims(both);
    if (d.size() != 5 || constantOf(d[0]) != 2)
      node.fail("has a past that is not [2, batch, heads, positions, width]; the model is damaged, export it again");
    ArrayRef<AffineExpr> inner = ArrayRef(d).drop_front();
    past = d[3];
    k = make.concat({make.reshape(make.slice(both, 0, 0, 1), inner), k}, 2);
    v = make.concat({make.reshape(make.slice(both, 0, 1, 1), inner), v}, 2);
  }
  if (wanted(node, 1)) {
    auto stacked = [&](Value value) {
      SmallVector<AffineExpr> d = make.dims(value);
      d.insert(d.begin(), make.number(1));
      return make.reshape(value, d);
    };
    node.set(1, make.concat({stacked(k), stacked(v)}, 0));
  }
  const Scores scores = contribScores(node, make, q, k, 3, past);
  node.set(0, joinHeads(node, make, attention(node, make, q, k, v, scores).result));
}

/// com.microsoft: query, key, value, bias, key_padding_mask, attention_bias, past_key, past_value.
void importMultiHeadAttention(Node& node) {
  Maker make(node);
  int64_t heads = node.attribute("num_heads", int64_t(0));
  Value q = node.value(0), k, v;
  SmallVector<Value> biases(3);
  if (make.type(q).getRank() == 5) {  // [b, s, heads, 3, d]
    SmallVector<AffineExpr> d = make.dims(q);
    AffineExpr width = foldBinary(BinaryKind::mul, d[2], d[4]);
    auto part = [&](int64_t i) { return make.reshape(make.slice(q, 3, i, 1), {d[0], d[1], width}); };
    k = part(1);
    v = part(2);
    q = part(0);
  } else if (node.has(1) && make.type(node.value(1)).getRank() == 5) {  // [b, t, heads, 2, d]
    Value both = node.value(1);
    SmallVector<AffineExpr> d = make.dims(both);
    AffineExpr width = foldBinary(BinaryKind::mul, d[2], d[4]);
    k = make.reshape(make.slice(both, 3, 0, 1), {d[0], d[1], width});
    v = make.reshape(make.slice(both, 3, 1, 1), {d[0], d[1], width});
  } else {
    k = node.value(1);
    v = node.value(2);
  }
  if (node.has(3)) {
    auto width = constantOf(make.dim(node.value(3), 0)), own = constantOf(make.dim(q, -1));
    if (!width || !own || *width < 2 * *own)
      node.fail("has a bias that is not those of queries, keys and values; the model is damaged, export it again");
    biases[0] = make.slice(node.value(3), 0, 0, *own);
    biases[1] = make.slice(node.value(3), 0, *own, *own);
    biases[2] = make.slice(node.value(3), 0, 2 * *own, *width - 2 * *own);
  }
  auto headsOf = [&](Value x, Value bias) {
    if (make.type(x).getRank() == 4)  // keys and values of a cross-attention, by heads already
      return x;
    return splitHeads(node, make, bias ? make.add(x, bias) : x, heads);
  };
  q = headsOf(q, biases[0]);
  k = headsOf(k, biases[1]);
  v = headsOf(v, biases[2]);
  AffineExpr past = make.number(0);
  if (node.has(6) && node.has(7)) {
    past = make.dim(node.value(6), 2);
    k = make.concat({node.value(6), k}, 2);
    v = make.concat({node.value(7), v}, 2);
  }
  if (wanted(node, 1))
    node.set(1, k);
  if (wanted(node, 2))
    node.set(2, v);
  const Scores scores = contribScores(node, make, q, k, 4, past);
  AttentionValues values = attention(node, make, q, k, v, scores);
  node.set(0, joinHeads(node, make, values.result));
  if (wanted(node, 3))
    node.set(3, values.scaled);
}

namespace {

/// Whether lengths are an input of a model that runs in steps: whoever runs it counts its positions, all of which are filled.
bool countsThisStep(const Maker& make, Value lengths, AffineExpr keys) {
  while (auto cast = lengths.getDefiningOp<tfm::CastOp>())
    lengths = cast.getOperand();
  return isa<BlockArgument>(lengths) && !constantOf(keys) && make.type(lengths).getNumElements() == 1;
}

/// seqlens_k [b] or [b, 1]: the position of the last key that each sequence has.
Value lengthMask(Node& node, const Maker& make, Value last, AffineExpr keys, double hidden) {
  if (!make.type(last).hasStaticShape())
    node.fail("has lengths of an unknown number of sequences; export the model again");
  AffineExpr one = make.number(1), batch = make.number(make.type(last).getNumElements());
  Value places = make.cast(make.iota(keys, make.number(0)), make.type(last).getElementType());
  Value seen = make.binary(BinaryKind::less_equal, make.reshape(places, {one, one, one, keys}), make.reshape(last, {batch, one, one, one}));
  return make.select(seen, node.scalar(0, make.f32()), hidden);
}

}  // namespace

/// com.microsoft: query, key, value, past_key, past_value, seqlens_k, total_sequence_length, cos_cache, sin_cache, position_ids, attention_bias.
void importGroupQueryAttention(Node& node) {
  Maker make(node);
  int64_t heads = node.attribute("num_heads", int64_t(0)), kvHeads = node.attribute("kv_num_heads", int64_t(0));
  Value q = node.value(0), k, v;
  if (heads < 1 || kvHeads < 1)
    node.fail("has no numbers of heads; the model is damaged, export it again");
  if (node.has(1)) {
    k = node.value(1);
    v = node.value(2);
  } else {
    auto width = constantOf(make.dim(q, -1));
    if (!width || *width % (heads + 2 * kvHeads) != 0)
      node.fail("has packed tensors that its heads do not divide; the model is damaged, export it again");
    int64_t d = *width / (heads + 2 * kvHeads);
    k = make.slice(q, 2, heads * d, kvHeads * d);
    v = make.slice(q, 2, (heads + kvHeads) * d, kvHeads * d);
    q = make.slice(q, 2, 0, heads * d);
  }
  q = splitHeads(node, make, q, heads);
  k = splitHeads(node, make, k, kvHeads);
  v = splitHeads(node, make, v, kvHeads);
  AffineExpr past = node.has(3) ? make.dim(node.value(3), 2) : make.number(0), rows = make.dim(q, 2);
  if (node.attribute("do_rotary", int64_t(0))) {
    bool interleaved = node.attribute("rotary_interleaved", int64_t(0)) != 0;
    Value positions = node.has(9) ? node.value(9) : make.reshape(make.iota(rows, past), {make.number(1), rows});
    Value cosines = rotaryRows(node, make, node.value(7), positions), sines = rotaryRows(node, make, node.value(8), positions);
    auto turn = [&](Value x) {
      return make.transpose(rotate(node, make, make.transpose(x, {0, 2, 1, 3}), cosines, sines, interleaved), {0, 2, 1, 3});
    };
    q = turn(q);
    k = turn(k);
  }
  if (node.has(3) && node.has(4)) {
    k = make.concat({node.value(3), k}, 2);
    v = make.concat({node.value(4), v}, 2);
  }
  if (wanted(node, 1))
    node.set(1, k);
  if (wanted(node, 2))
    node.set(2, v);
  Scores scores;
  scores.scale = scaleOf(node, make, q);
  scores.softcap = node.attribute("softcap", 0.0f);
  scores.capsFirst = true;
  scores.diagonal = past;
  scores.window = std::max<int64_t>(0, node.attribute("local_window_size", int64_t(-1)));
  if (node.has(10))
    addBias(make, scores, node.value(10));
  if (node.has(5) && !countsThisStep(make, node.value(5), make.dim(k, 2)))
    addBias(make, scores, lengthMask(node, make, node.value(5), make.dim(k, 2), scores.hidden));
  node.set(0, joinHeads(node, make, attention(node, make, q, k, v, scores).result));
}

}  // namespace quantc::onnx_import
