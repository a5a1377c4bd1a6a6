// ONNX's own operators of attention and rotary embeddings, imported as what they mean.
#include "compiler/import/onnx/AttentionParts.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;

/// The mask of the operator: true or added, of as many dimensions as it has, as something that is added.
static Value biasOf(Node& node, const Maker& make, Value mask, double hidden, AffineExpr keys) {
  Value bias = mask;
  if (make.type(mask).getElementType().isInteger(1)) {
    Value zero = node.scalar(0, make.f32());
    bias = make.select(mask, zero, hidden);
  }
  bias = make.toFloat(bias);
  auto have = constantOf(make.dim(bias, -1)), need = constantOf(keys);
  if (have && need && *have < *need && *have != 1) {  // what the mask does not reach is not seen
    SmallVector<AffineExpr> rest = make.dims(bias);
    rest.back() = make.number(*need - *have);
    bias = make.concat({bias, make.broadcast(make.like(hidden, bias), rest)}, -1);
  }
  return bias;
}

void importAttention(Node& node) {
  Maker make(node);
  Value q = make.toFloat(node.value(0)), k = make.toFloat(node.value(1)), v = make.toFloat(node.value(2));
  bool flat = make.type(q).getRank() == 3;
  if (flat) {
    int64_t heads = node.attribute("q_num_heads", int64_t(0)), kvHeads = node.attribute("kv_num_heads", int64_t(0));
    q = splitHeads(node, make, q, heads);
    k = splitHeads(node, make, k, kvHeads);
    v = splitHeads(node, make, v, kvHeads);
  }
  const AffineExpr past = pastPositions(node, make, 4);
  prependPast(node, make, 4, k, v);
  if (node.has(6))
    node.fail("has lengths of keys that are computed from the input, which is not supported; export the model with a mask");
  if (node.wants(1))
    node.set(1, make.cast(k, node.type(1).getElementType()));
  if (node.wants(2))
    node.set(2, make.cast(v, node.type(2).getElementType()));
  Scores scores;
  scores.scale = scaleOf(node, make, q);
  scores.softcap = node.attribute("softcap", 0.0f);
  if (node.has(3))
    scores.bias = biasOf(node, make, node.value(3), -kInfinity, make.dim(k, 2));
  if (node.attribute("is_causal", int64_t(0)))
    scores.diagonal = past;
  AttentionValues values = attention(node, make, q, k, v, scores);
  Type element = node.type(0).getElementType();
  node.set(0, make.cast(flat ? joinHeads(node, make, values.result) : values.result, element));
  if (node.wants(3)) {
    Value stages[] = {values.scaled, values.masked, values.capped, values.weights};
    int64_t mode = node.attribute("qk_matmul_output_mode", int64_t(0));
    if (mode < 0 || mode > 3)
      node.fail("has qk_matmul_output_mode " + std::to_string(mode) + ", expected 0 to 3; the model is damaged, export it again");
    node.set(3, make.cast(stages[mode], element));
  }
}

void importRotaryEmbedding(Node& node) {
  Maker make(node);
  Value x = node.value(0), cosines = node.value(1), sines = node.value(2);
  bool flat = make.type(x).getRank() == 3, interleaved = node.attribute("interleaved", int64_t(0)) != 0;
  Value heads = flat ? splitHeads(node, make, x, node.attribute("num_heads", int64_t(0))) : x;
  if (make.type(heads).getRank() != 4)
    node.fail("needs a tensor of 3 or 4 dimensions; the model is damaged, export it again");
  auto table = [&](Value rows) {
    return node.has(3) ? rotaryRows(node, make, rows, node.value(3))
                       : make.reshape(rows, {make.dim(rows, 0), make.dim(rows, 1), make.number(1), make.dim(rows, 2)});
  };
  if (make.type(cosines).getRank() != (node.has(3) ? 2 : 3) || cosines.getType() != sines.getType())
    node.fail("has tables of an unexpected shape; the model is damaged, export it again");
  checkRotaryWidth(node, make, cosines);
  Value rotated = rotate(node, make, make.transpose(heads, {0, 2, 1, 3}), table(cosines), table(sines), interleaved);
  rotated = make.transpose(rotated, {0, 2, 1, 3});
  node.set(0, flat ? joinHeads(node, make, rotated) : rotated);
}

}  // namespace quantc::onnx_import
