// Attention and rotary embeddings of com.microsoft but MultiHeadAttention, imported as what they mean.
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
  checkRotaryWidth(node, make, cosines);
  Value moved = make.transpose(heads, {0, 2, 1, 3});
  Value rotated =
      rotate(node, make, moved, rotaryRows(node, make, cosines, positions), rotaryRows(node, make, sines, positions), interleaved);
  rotated = make.transpose(rotated, {0, 2, 1, 3});
  node.set(0, flat ? joinHeads(node, make, rotated) : rotated);
}

namespace {

struct Projections {
  Value q, k, v;  ///< [batch, heads, rows, width of a head]
};

/// Of x [batch, rows, width] by weights and bias, inputs 1 and 2.
Projections project(Node& node, const Maker& make, Value x) {
  Value product = make.matmul(x, node.value(1));
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
  auto part = [&](int64_t begin, int64_t size) { return splitHeads(node, make, make.slice(product, 2, begin, size), heads); };
  return {part(0, sizes[0]), part(sizes[0], sizes[1]), part(sizes[0] + sizes[1], sizes[2])};
}

}  // namespace

/// com.microsoft: input, weights, bias, mask_index, past, attention_bias.
void importContribAttention(Node& node) {
  Maker make(node);
  auto [q, k, v] = project(node, make, node.value(0));
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
  if (node.wants(1)) {
    auto stacked = [&](Value value) {
      SmallVector<AffineExpr> d = make.dims(value);
      d.insert(d.begin(), make.number(1));
      return make.reshape(value, d);
    };
    node.set(1, make.concat({stacked(k), stacked(v)}, 0));
  }
  Scores scores = contribScores(node, make, q, k, {3, 5}, past);
  if (node.attribute("unidirectional", int64_t(0)))
    scores.diagonal = past;
  node.set(0, joinHeads(node, make, attention(node, make, q, k, v, scores).result));
}

/// com.microsoft: input [tokens, width], weights, bias, token_offset [batch, sequence], cumulative_sequence_length, attention_bias. All sequences are
/// full, as RestorePadding has them.
void importPackedAttention(Node& node) {
  constexpr unsigned kNoMask = ~0u;
  Maker make(node);
  auto [q, k, v] = project(node, make, restorePadding(node));
  Value result =
      joinHeads(node, make, attention(node, make, q, k, v, contribScores(node, make, q, k, {kNoMask, 5}, make.number(0))).result);
  SmallVector<AffineExpr> dims = make.dims(result);
  node.set(0, make.reshape(result, {make.dim(node.value(0), 0), dims[2]}));
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

namespace {

/// x [batch, heads, rows, d] with every row's RMS norm times the weights [d] that an input has, where it is there.
Value normedHeads(Node& node, const Maker& make, Value x, unsigned weights) {
  if (!node.has(weights))
    return x;
  auto width = constantOf(make.dim(x, 3));
  if (!width || make.type(node.value(weights)).getNumElements() != *width)
    node.fail("has weights of a norm that are not as many as a head is wide; the model is damaged, export it again");
  Value square = make.reduce(tfm::ReduceKind::mean, make.mul(x, x), {3});
  Value deviation = make.unary(tfm::UnaryKind::sqrt, make.add(square, node.attribute("qk_norm_epsilon", 1e-6f)));
  return make.mul(make.binary(BinaryKind::div, x, deviation), make.reshape(node.value(weights), {make.number(*width)}));
}

/// The sinks of the softmax: input 11, one for each head, or a score of 0 where it is smooth; null where there are none.
Value sinksOf(Node& node, const Maker& make, int64_t heads) {
  const bool smooth = node.attribute("smooth_softmax", int64_t(-1)) > 0;
  if (!node.has(11))
    return smooth ? node.scalar(0, make.f32()) : Value();
  if (!make.type(node.value(11)).hasStaticShape() || make.type(node.value(11)).getNumElements() != heads)
    node.fail("has sinks that are not as many as its heads; the model is damaged, export it again");
  return node.value(11);
}

}  // namespace

/// com.microsoft: query, key, value, past_key, past_value, seqlens_k, total_sequence_length, cos_cache, sin_cache, position_ids, attention_bias, head_sink,
/// scales of quantized caches (2, not supported), and weights of the norms of query and key heads.
void importGroupQueryAttention(Node& node) {
  constexpr unsigned kTotalSequenceLength = 6;  // that of the keys
  node.ignoreInput(kTotalSequenceLength);
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
  q = normedHeads(node, make, q, 14);
  k = normedHeads(node, make, k, 15);
  const AffineExpr past = pastPositions(node, make, 3), rows = make.dim(q, 2);
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
  prependPast(node, make, 3, k, v);
  setPresent(node, k, v);
  Scores scores;
  scores.scale = scaleOf(node, make, q);
  scores.softcap = node.attribute("softcap", 0.0f);
  scores.capsFirst = true;
  scores.diagonal = past;
  scores.window = std::max<int64_t>(0, node.attribute("local_window_size", int64_t(-1)));
  scores.sinks = sinksOf(node, make, heads);
  if (node.has(10))
    addBias(make, scores, node.value(10));
  if (node.has(5) && !countsThisStep(make, node.value(5), make.dim(k, 2)))
    addBias(make, scores, lengthMask(node, make, node.value(5), make.dim(k, 2), scores.hidden));
  node.set(0, joinHeads(node, make, attention(node, make, q, k, v, scores).result));
}

}  // namespace quantc::onnx_import
