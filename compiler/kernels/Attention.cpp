// Attention of query p over positions first(p)..last(p), both inclusive:
//   score(k) = capped((sum over d ascending of q(d) * K(k, d)) * scale) [+ bias(k - p)] [+ slope(head) * float(k - p)] [+ mask(k)]
//   capped(s) = tanh(s / softcap) * softcap, or s where softcap is 0
//   of an int8 cache the codes are summed, and then * the scale of position k before * scale
//   weight(k) = exp(score(k) - max of the scores)
//   out(d) = (sum over k ascending of weight(k) * V(d, k), of an int8 cache weight(k) * (code(d, k) * the scale of position k)) / sum of the weights, the latter in the order of Reduce.h by absolute position
// Whatever lies outside of first..last counts for nothing, so neither other queries of the call nor the extents of the cache matter.
//
// Keys are read in whole tiles of positions; what lies behind the last one that counts is dropped, whatever it is.
//
// Queries that read the same keys and values are taken together, so that each is loaded and decoded once: a few tokens of one head, or, for a single
// token, the heads that share a KV head.
#include <limits>

#include "compiler/kernels/CacheElement.h"
#include "compiler/kernels/Family.h"
#include "compiler/kernels/Math.h"
#include "compiler/kernels/Quantize.h"
#include "compiler/kernels/Reduce.h"
#include "dialects/schemes/Scheme.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

/// The largest power of two up to `bound`, at least 1.
int powerOfTwoUpTo(int bound) {
  int power = 1;
  while (power * 2 <= bound)
    power *= 2;
  return power;
}

constexpr int kMostScores = 1 << 18;  // on the stack, for all queries that are taken together

class Attention {
public:
  Attention(const Params& params, const Facts& facts)
      : params(params), facts(facts), headDim(params.integer("head_dim", 1, 4096)), group(params.integer("group", 1, 1024)),
        headsPerUnit(params.integer("heads_per_unit", 1, group)), maxPositions(params.integer("max_positions", 1, 1 << 20)),
        window(params.integer("window", 0, 1 << 30)), many(params.choice("tokens", {"one", "many"}) == "many"),
        maskKind(params.choice("mask", {"causal", "full", "tensor"})), biased(params.textOr("bias", "0") == "1"),
        softcap(params.textOr("softcap", "").empty() ? 0 : params.number("softcap")), alibi(params.textOr("alibi", "0") == "1"),
        element(params, facts), q(Float(32), 3, "q"), keys(element.type(), 3, "keys"), values(element.type(), 3, "values"),
        mask(Float(32), 2, "mask"), bias(Float(32), 2, "bias"), slopes(Float(32), 1, "slopes") {
    if (group % headsPerUnit)
      params.fail("parameter 'heads_per_unit' is " + std::to_string(headsPerUnit) + "; use a divisor of the group's " +
                  std::to_string(group));
    // Sums that stay in registers: each of the queries taken together has as many as hide the latency of an addition.
    const int sums = facts.registers * 3 / 4;
    together = many ? powerOfTwoUpTo(std::max(4, std::min(sums / 3, sums * facts.lanes / kPartials))) : headsPerUnit;
    while (many && together > 1 && together * maxPositions > kMostScores)
      together /= 2;
    tile = kPartials * std::min(kKeyTile / kPartials, powerOfTwoUpTo(sums * facts.lanes / (kPartials * together)));
    columns = std::min(headDim, facts.lanes * powerOfTwoUpTo(sums / together));
    first = q.dim(2).min();
    last = first + q.dim(2).extent() - 1;
    positions = min(keys.dim(0).extent(), maxPositions);
    if (causal())
      positions = min(positions, last + 1);
  }

  Family build() {
    algorithm();
    Family family;
    family.inputs = {q, keys, values};
    if (maskKind == "tensor")
      family.inputs.push_back(mask);
    if (biased)
      family.inputs.push_back(bias);
    if (alibi)
      family.inputs.push_back(slopes);
    family.outputs = params.flag("quantize") ? quantized() : std::vector<Func>{out};
    // A call is for the heads and tokens of its queries, whole units.
    for (Func func : family.outputs)
      for (int d : {1, 2})
        func.output_buffer().dim(d).set_bounds(q.dim(d).min(), q.dim(d).extent());
    for (size_t i = 0; i < family.outputs.size(); ++i)
      family.outputs[i].output_buffer().dim(0).set_bounds(0, i == 0 ? headDim : headDim / kActivationGroup);
    schedule();
    return family;
  }

private:
  bool causal() const { return maskKind == "causal"; }

  std::vector<Func> quantized() {
    if (headDim % kActivationGroup)
      params.fail("parameter 'head_dim' is " + std::to_string(headDim) + "; to quantize use a multiple of " +
                  std::to_string(kActivationGroup));
    // Heads that are taken together make one iteration of the outer loop.
    Var g("g"), unit("unit"), head("head");
    const int heads = many ? 1 : headsPerUnit, tokens = many ? params.integer("max_tokens", 1, 1 << 16) : 1;
    Quantized quantized = quantizeRows(facts, out, {h, p}, g, {g, p, h});
    for (Func func : quantized.outputs())
      func.split(h, unit, head, heads, TailStrategy::RoundUp);
    out.compute_at(quantized.values, unit).bound_storage(h, heads).bound_storage(p, tokens);
    keepOnStack(out);
    return quantized.outputs();
  }

  // A query is number j of block b of head h; for a single token, head j of unit h.
  Expr headOf(const Expr& j, const Expr& h) const { return many ? h : q.dim(1).min() + h * headsPerUnit + j; }
  Expr positionOf(const Expr& j, const Expr& b) const { return many ? min(first + b * together + j, last) : first; }
  /// The last position that any query of the block sees.
  Expr lastOf(const Expr& b) const { return causal() ? min(positionOf(together - 1, b), positions - 1) : positions - 1; }
  /// The last position that all queries of the block see, where there is no window.
  Expr seenByAll(const Expr& b) const { return causal() ? min(positionOf(0, b), positions - 1) : positions - 1; }
  Expr kvHeadOf(const Expr& h) const { return headOf(0, h) / group; }
  Expr inside(const Expr& position) const { return min(likely(position), positions - 1); }
  Expr visible(const Expr& position, const Expr& j, const Expr& b) const {
    Expr query = positionOf(j, b), result = likely(position < positions);
    if (causal())
      result = result && likely(position <= query);
    if (window > 0)
      result = result && position > query - window;
    return result;
  }

  Expr valueAt(const Expr& d, const Expr& at, const Expr& head) const {
    const Expr value = element.decoded(values(d, at, head));
    return element.quantized() ? value * element.scale(headDim, [&](const Expr& i) { return values(i, at, head); }) : value;
  }

  void algorithm() {
    const float infinity = std::numeric_limits<float>::infinity();
    dim = RDom(0, headDim, "dim");
    block = RDom(0, (positions + kPartials - 1) / kPartials, "block");
    block.where(likely(kPartials * block <= lastOf(b)));

    product(k, j, h, b) = 0.0f;
    product(k, j, h, b) += q(dim, headOf(j, h), positionOf(j, b)) * element.decoded(keys(k, dim, kvHeadOf(h)));
    Expr scaled = product(k, j, h, b);
    if (element.quantized()) {
      keyScale(k, h, b) = element.scale(headDim, [&](const Expr& i) { return keys(k, i, kvHeadOf(h)); });
      scaled = scaled * keyScale(k, h, b);
    }
    scaled = scaled * params.number("scale");
    if (softcap != 0)
      scaled = tanhOf(scaled / softcap) * softcap;
    if (biased)
      scaled = scaled + bias(inside(k) - positionOf(j, b), headOf(j, h));
    if (alibi)
      scaled = scaled + slopes(headOf(j, h)) * cast<float>(k - positionOf(j, b));
    if (maskKind == "tensor")
      scaled = scaled + mask(inside(k), positionOf(j, b));
    score(k, j, h, b) = select(visible(k, j, b), scaled, -infinity);

    std::vector<Expr> maxima, sums;
    partMaximum(l, j, h, b) = -infinity;
    partMaximum(l, j, h, b) = largerOf(partMaximum(l, j, h, b), score(kPartials * block + l, j, h, b));
    for (int lane = 0; lane < kPartials; ++lane)
      maxima.push_back(partMaximum(lane, j, h, b));
    maximum(j, h, b) = combineTree(maxima, [](const Expr& a, const Expr& c) { return largerOf(a, c); });

    weight(k, j, h, b) = select(visible(k, j, b), expOf(score(k, j, h, b) - maximum(j, h, b)), 0.0f);
    partSum(l, j, h, b) = 0.0f;
    partSum(l, j, h, b) += weight(kPartials * block + l, j, h, b);
    for (int lane = 0; lane < kPartials; ++lane)
      sums.push_back(partSum(lane, j, h, b));
    total(j, h, b) = sumTree(sums);

    mixed(d, j, h, b) = 0.0f;
    auto term = [&](const Expr& at) { return weight(at, j, h, b) * valueAt(d, at, kvHeadOf(h)); };
    if (window == 0) {
      position = RDom(0, positions, "position");
      position.where(likely(position <= seenByAll(b)));
      mixed(d, j, h, b) += term(position);
    }
    if (window > 0 || (causal() && together > 1 && many)) {
      const Expr begin = window > 0 ? max(0, positionOf(0, b) - (window - 1)) : seenByAll(b) + 1;
      rest = RDom(0, window > 0 ? min(positions, window + together - 1) : Expr(together - 1), "rest");
      rest.where(likely(begin + rest <= lastOf(b)));
      const Expr at = begin + rest;
      mixed(d, j, h, b) = select(visible(at, j, b), mixed(d, j, h, b) + term(at), mixed(d, j, h, b));
    }
    Expr number = many ? (p - first) % together : (h - q.dim(1).min()) % headsPerUnit;
    Expr unit = many ? Expr(h) : (h - q.dim(1).min()) / headsPerUnit, tokens = many ? (p - first) / together : Expr(0);
    out(d, h, p) = mixed(d, number, unit, tokens) / total(number, unit, tokens);
  }

  void schedule() {
    Var kb("kb"), ki("ki"), outer("outer"), inner("inner"), db("db");
    out.bound(d, 0, headDim);
    if (many)
      out.split(p, outer, inner, together, TailStrategy::GuardWithIf).reorder(d, inner, outer, h);
    else
      out.split(h, outer, inner, headsPerUnit, TailStrategy::RoundUp).reorder(d, inner, p, outer);
    vectorizeRows(out, d, facts.lanes, facts);
    out.never_partition(outer);
    const LoopLevel place(out, outer);

    // An odd number of cache lines: the rows of queries taken together are read side by side and must not fall into the same few lines of a
    // set-associative cache.
    const int storedPositions = ((maxPositions + tile - 1) / tile * tile / kPartials | 1) * kPartials;
    for (Func func : {score, weight}) {
      const int width = func.name() == score.name() ? tile : kPartials;
      func.compute_at(place).bound_storage(k, storedPositions).bound_storage(j, together);
      func.split(k, kb, ki, width, TailStrategy::RoundUp).reorder(ki, j, kb).unroll(j);
      vectorizeRows(func, ki, width, facts);
    }
    product.compute_at(score, kb).bound_storage(k, tile).bound_storage(j, together).unroll(j);
    vectorizeRows(product, k, tile, facts);
    if (element.quantized()) {
      keyScale.compute_at(score, kb).bound_storage(k, tile).bound_storage(h, 1).bound_storage(b, 1);
      vectorizeRows(keyScale, k, tile, facts);
      keepOnStack(keyScale);
    }
    Stage products = product.update();
    vectorizeRows(products.reorder(k, j, dim.x).unroll(j), k, tile, facts);
    for (Func func : {partMaximum, partSum}) {
      func.compute_at(place).bound_storage(j, together).unroll(j);
      vectorizeRows(func, l, kPartials, facts);
      Stage update = func.update();
      vectorizeRows(update.reorder(l, j, block.x).unroll(j), l, kPartials, facts);
    }
    for (Func func : {maximum, total})
      func.compute_at(place).bound_storage(j, together);

    mixed.compute_at(place).bound(d, 0, headDim).bound_storage(j, together).unroll(j);
    vectorizeRows(mixed, d, facts.lanes, facts);
    for (int update = 0; update < mixed.num_update_definitions(); ++update) {
      Stage mix = mixed.update(update);
      RVar at = update == 0 && window == 0 ? position.x : rest.x;
      if (facts.vectors() && headDim % columns == 0)
        mix.split(d, db, d, columns).reorder(d, j, at, db);
      else
        mix.reorder(d, j, at);
      vectorizeRows(mix.unroll(j), d, columns, facts);
    }
    for (Func func : {product, score, partMaximum, maximum, weight, partSum, total, mixed}) {
      func.bound_storage(h, 1).bound_storage(b, 1);
      keepOnStack(func);
    }
  }

  const Params& params;
  const Facts& facts;
  const int headDim, group, headsPerUnit, maxPositions, window;
  const bool many;
  const std::string maskKind;
  const bool biased;
  const float softcap;
  const bool alibi;
  const CacheElement element;
  ImageParam q, keys, values, mask, bias, slopes;
  int together;  ///< queries
  int tile;      ///< positions whose scores are summed at a time
  int columns;   ///< elements of a head that are summed at a time
  Expr first, last, positions;
  Var d{"d"}, h{"h"}, p{"p"}, k{"k"}, l{"l"}, j{"j"}, b{"b"};
  RDom dim, block, position, rest;
  Func product{"product"}, keyScale{"keyScale"}, score{"score"}, partMaximum{"partMaximum"}, maximum{"maximum"}, weight{"weight"},
      partSum{"partSum"}, total{"total"}, mixed{"mixed"}, out{"out"};
};

}  // namespace

Family buildAttention(const Params& params, const Facts& facts) { return Attention(params, facts).build(); }

}  // namespace quantc::kernels
