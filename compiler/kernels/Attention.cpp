// Attention of query p over positions first(p)..last(p), both inclusive:
//   score(k) = (sum over d ascending of q(d) * K(k, d)) * scale [+ mask(k)]
//   weight(k) = exp(score(k) - max of the scores)
//   out(d) = (sum over k ascending of weight(k) * V(d, k)) / sum of the weights, the latter in the order of Reduce.h by absolute position
// Whatever lies outside of first..last counts for nothing, so neither other queries of the call nor the extents of the cache matter.
#include <limits>

#include "compiler/kernels/Family.h"
#include "compiler/kernels/Math.h"
#include "compiler/kernels/Reduce.h"

namespace quantc::kernels {

using namespace Halide;

Family buildAttention(const Params& params, const Facts& facts) {
  const int headDim = params.integer("head_dim", 1, 4096);
  const int group = params.integer("group", 1, 1024);
  const int maxPositions = params.integer("max_positions", 1, 1 << 20);
  const int window = params.integer("window", 0, 1 << 30);
  const std::string maskKind = params.choice("mask", {"causal", "full", "tensor"});
  const bool causal = maskKind == "causal";

  Var d("d"), h("h"), p("p"), k("k"), l("l");
  ImageParam q(Float(32), 3, "q"), keys(Float(32), 3, "keys"), values(Float(32), 3, "values"), mask(Float(32), 2, "mask");

  // Positions of the call, in whole blocks of kPartials from 0 on.
  Expr positions = min(keys.dim(0).extent(), maxPositions);
  if (causal)
    positions = min(positions, q.dim(2).min() + q.dim(2).extent());
  Expr blocks = (positions + kPartials - 1) / kPartials;
  auto visible = [&](const Expr& position) {
    Expr result = likely(position < positions);
    if (causal)
      result = result && position <= p;
    if (window > 0)
      result = result && position > p - window;
    return result;
  };
  auto inside = [&](const Expr& position) { return min(likely(position), positions - 1); };

  Func product("product"), score("score"), partMaximum("partMaximum"), maximum("maximum"), weight("weight"), partSum("partSum"),
      total("total"), mixed("mixed"), out("out");
  RDom dim(0, headDim, "dim"), block(0, blocks, "block"), position(0, positions, "position");
  const float infinity = std::numeric_limits<float>::infinity();

  product(k, h, p) = 0.0f;
  product(k, h, p) += q(dim, h, p) * keys(inside(k), dim, h / group);
  Expr scaled = product(k, h, p) * params.number("scale");
  if (maskKind == "tensor")
    scaled = scaled + mask(inside(k), p);
  score(k, h, p) = select(visible(k), scaled, -infinity);

  std::vector<Expr> maxima, sums;
  partMaximum(l, h, p) = -infinity;
  partMaximum(l, h, p) = largerOf(partMaximum(l, h, p), score(kPartials * block + l, h, p));
  for (int lane = 0; lane < kPartials; ++lane)
    maxima.push_back(partMaximum(lane, h, p));
  maximum(h, p) = combineTree(maxima, [](const Expr& a, const Expr& b) { return largerOf(a, b); });

  weight(k, h, p) = select(visible(k), expOf(score(k, h, p) - maximum(h, p)), 0.0f);
  partSum(l, h, p) = 0.0f;
  partSum(l, h, p) += weight(kPartials * block + l, h, p);
  for (int lane = 0; lane < kPartials; ++lane)
    sums.push_back(partSum(lane, h, p));
  total(h, p) = sumTree(sums);

  mixed(d, h, p) = 0.0f;
  Expr term = weight(position, h, p) * values(d, position, h / group);
  mixed(d, h, p) = select(visible(position), mixed(d, h, p) + term, mixed(d, h, p));
  out(d, h, p) = mixed(d, h, p) / total(h, p);

  // Schedule: one query of one head at a time; its scores lie on the stack.
  Var kb("kb"), ki("ki");
  const int storedPositions = (maxPositions + kPartials - 1) / kPartials * kPartials;
  out.output_buffer().dim(0).set_bounds(0, headDim);
  out.reorder(d, p, h).bound(d, 0, headDim);
  vectorizeRows(out, d, facts.lanes, facts);
  mixed.compute_at(out, p);
  vectorizeRows(mixed, d, facts.lanes, facts);
  vectorizeRows(mixed.update().reorder(d, position), d, facts.lanes, facts);
  constexpr int kSumsInRegisters = 16;
  if (facts.vectors() && headDim % facts.lanes == 0 && headDim / facts.lanes <= kSumsInRegisters)
    mixed.update().unroll(d);
  score.compute_at(out, p).bound_storage(k, storedPositions).split(k, kb, ki, kPartials, TailStrategy::RoundUp);
  weight.compute_at(out, p).bound_storage(k, storedPositions).split(k, kb, ki, kPartials, TailStrategy::RoundUp);
  product.compute_at(score, kb).bound_storage(k, kPartials).bound_storage(h, 1).bound_storage(p, 1);
  vectorizeRows(score, ki, kPartials, facts);
  vectorizeRows(weight, ki, kPartials, facts);
  vectorizeRows(product, k, kPartials, facts);
  vectorizeRows(product.update().reorder(k, dim), k, kPartials, facts);
  for (Func func : {partMaximum, partSum}) {
    func.compute_at(out, p);
    vectorizeRows(func, l, kPartials, facts);
    vectorizeRows(func.update(), l, kPartials, facts);
  }
  maximum.compute_at(out, p);
  total.compute_at(out, p);
  for (Func func : {product, score, partMaximum, maximum, weight, partSum, total, mixed})
    keepOnStack(func);

  Family family;
  family.inputs = {q, keys, values};
  if (maskKind == "tensor")
    family.inputs.push_back(mask);
  family.outputs = {out};
  return family;
}

}  // namespace quantc::kernels
