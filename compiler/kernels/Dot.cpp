#include "compiler/kernels/Dot.h"

#include "compiler/kernels/IntegerDot.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

/// How far ahead a single token fetches weights on x86, where that was measured: 2 kB of int4. What processors fetch by themselves ends with every page.
constexpr int kGroupsAhead = 16;
bool fetchesAhead(const Facts& facts) { return facts.dotForm == DotForm::maddubs || facts.dotForm == DotForm::dot4u; }

}  // namespace

Activations::Activations(const Params& params, const Scheme& scheme, const Facts& facts) : quantized(scheme.quantized()) {
  if (!quantized) {
    floats = ImageParam(Float(32), 2, "x");
    return;
  }
  values = ImageParam(Int(8), 2, "values");
  scales = ImageParam(Float(32), 2, "activation_scales");
  sums = ImageParam(Int(32), 2, "sums");
  // Tokens at known distances: one address serves them all, where offsets are as long. RISC-V's are not: with an address of each column of each
  // token LLVM runs out of registers.
  const int groups = params.integer("groups", 1, 1 << 20);
  if (facts.dotForm != DotForm::outer)
    values.dim(1).set_stride(groups * kActivationGroup);
  scales.dim(1).set_stride(groups);
  sums.dim(1).set_stride(groups);
}

void Activations::appendInputs(std::vector<ImageParam>& inputs) const {
  if (quantized)
    inputs.insert(inputs.end(), {values, scales, sums});
  else
    inputs.push_back(floats);
}

Experts::Experts(const Params& params) : count(0), tiles(0), slots(1) {
  if (params.textOr("experts", "").empty())
    return;
  count = static_cast<int>(params.integer("experts", 1, 1 << 16));
  tiles = static_cast<int>(params.integer("expert_tiles", 1, 1 << 24));
  slots = static_cast<int>(params.integer("slots", 1, 1 << 10));
  ids = ImageParam(Int(32), 1, "ids");
}

void Experts::appendInputs(std::vector<ImageParam>& inputs) const {
  if (count)
    inputs.push_back(ids);
}

RDom Experts::along(const Expr& extent, const std::string& name, const Expr& t) const {
  if (!count)
    return RDom(0, extent, name);
  RDom domain(0, extent, 0, count, name);
  domain.where(domain.y == clamp(ids(t), 0, count - 1));
  return domain;
}

Dot::Dot(const Activations& activations, const Weights& weights, const Experts& experts, const Facts& facts, bool many)
    : r("r"), u("u"), t("t"), a("a"), p("p"), b("b"), q("q"), value_("dot"), tiles(experts.count ? Expr(experts.tiles) : weights.tiles()),
      rowsPerTile(facts.layout.rowsPerTile), block(many ? tokenBlock(facts, *weights.scheme) : TokenBlock{}), byExpert(experts.count > 0) {
  if (activations.quantized)
    sumGroups(activations, weights, experts, facts, many);
  else
    sumFloats(activations, weights, experts);
}

void Dot::sumFloats(const Activations& activations, const Weights& weights, const Experts& experts) {
  along = experts.along(weights.values.dim(1).extent(), "k", t);
  value_(r, u, t) = 0.0f;
  value_(r, u, t) += activations.floats(along.x, experts.row(t)) * weights.floating(r, along.x, experts.tile(u, along));
}

void Dot::sumGroups(const Activations& activations, const Weights& weights, const Experts& experts, const Facts& facts, bool many) {
  integer = integerDot(weights, activations.values, facts, many);
  if (!many && fetchesAhead(facts))
    streamed = weights.values;
  along = experts.along(weights.groups(), "g", t);
  // Whole chunks of groups only.
  while (block.groups > 1 && (weights.knownGroups == 0 || weights.knownGroups % block.groups))
    --block.groups;
  Expr tile = experts.tile(u, along), row = experts.row(t);
  const Expr r = integer.blocks ? 2 * p + a : Expr(this->r);
  Expr sum = integer.blocks ? integer.sum(a, t, p, along.x, tile) : integer.sum(r, along.x, tile, row);
  if (integer.offset == kSumFactor)
    sum = sum - cast(sum.type(), activations.sums(along.x, row));
  else if (integer.offset)
    sum = sum - (integer.offset / kSumFactor) * activations.sums(along.x, row);
  Expr exact = integer.floatZero != 0 ? reinterpret<float>(sum) - integer.floatZero : cast<float>(sum);
  Expr scale = weights.scale(r, along.x, tile);
  if (block.groups > 1) {
    const Var g("g");
    Func scales("scales");
    scales(this->r, g, u) = weights.scale(this->r, g, u);
    keepOnStack(scales);
    scales.vectorize(this->r, rowsPerTile);
    integer.staged.push_back(scales);
    scale = scales(r, along.x, tile);
  }
  if (!integer.blocks) {
    value_(this->r, u, t) = 0.0f;
    value_(this->r, u, t) += exact * (activations.scales(along.x, row) * scale);
    return;
  }
  // A token's scale for both rows side by side.
  const Var g("g");
  Func factor("factor");
  factor(a, t, g) = activations.scales(g, min(t, activations.scales.dim(1).max()));
  keepOnStack(factor);
  factor.bound(a, 0, 2).vectorize(a).unroll(t);
  integer.loads.push_back(factor);
  value_(a, t, p, u) = 0.0f;
  value_(a, t, p, u) += exact * (factor(a, t, along.x) * scale);
}

Expr Dot::at(const Expr& n, const Expr& t, bool limited) const {
  Expr tile = n / rowsPerTile;
  if (limited)
    tile = min(tile, tiles - 1);
  return integer.blocks ? value_(n % 2, t, n % rowsPerTile / 2, tile) : value_(n % rowsPerTile, tile, t);
}

/// Two rows by two tokens in a vector.
Stage Dot::cutBlocks(Stage stage) const {
  return stage.split(t, q, b, 2, TailStrategy::RoundUp).reorder(a, b, p, q).vectorize(a).vectorize(b).unroll(p);
}

void Dot::computeAt(const LoopLevel& place, int tiles, const Facts& facts) {
  const int tokens = block.tokens;
  value_.compute_at(place).bound_storage(u, tiles).bound_storage(t, tokens);
  keepOnStack(value_);
  if (integer.blocks)
    cutBlocks(value_.bound(a, 0, 2).bound(p, 0, rowsPerTile / 2)).unroll(q);
  else
    vectorizeRows(value_.unroll(t), r, rowsPerTile, facts);
  auto bounded = [&](Func func, int groups, int tokens) {
    for (const Var& dim : func.args())
      if (dim.name() == "g" || dim.name() == "u" || dim.name() == "t")
        func.bound_storage(dim, dim.name() == "g" ? groups : dim.name() == "u" ? tiles : tokens);
  };
  Stage update = value_.update();
  RVar group = along.x;
  const RVar chunk("chunk");
  const Var some("some");
  const bool chunked = integer.blocks || block.groups > 1 || block.together < tokens;
  if (chunked) {
    group = RVar("group");
    update.split(along.x, chunk, group, block.groups);
  }
  VarOrRVar inner = group;
  if (integer.blocks) {
    cutBlocks(update).split(q, some, q, block.together / 2, TailStrategy::GuardWithIf).reorder({a, b, p, q, group, some, chunk}).unroll(q);
  } else if (chunked && facts.dotForm == DotForm::outer) {
    // Results of few tokens find no registers beside their sums: they stay in memory.
    update.split(t, some, t, block.together, TailStrategy::GuardWithIf).reorder(r, t, some, group, chunk);
    inner = some;
  } else if (chunked) {
    update.split(t, some, t, block.together, TailStrategy::GuardWithIf).reorder(r, u, t, group, some, chunk);
  } else if (byExpert) {
    update.reorder(r, along.x, along.y, u, t);
  } else {
    update.reorder(r, u, t, group);
  }
  if (streamed.defined() && !byExpert)
    update.prefetch(streamed, along.x, along.x, kGroupsAhead, PrefetchBoundStrategy::NonFaulting);
  if (!integer.blocks)
    vectorizeRows(byExpert ? update : update.unroll(t), r, rowsPerTile, facts);
  if (chunked)
    for (Func staged : integer.staged)
      bounded(staged.compute_at(value_, chunk), block.groups, tokens);
  for (const std::vector<Func>* funcs : {&integer.loads, &integer.steps})
    for (const Func& func : *funcs)
      bounded(Func(func).compute_at(LoopLevel(value_, inner)), 1, block.together);
  if (integer.sum.defined())
    bounded(integer.sum.compute_at(LoopLevel(value_, inner)), 1, block.together);
  if (tiles == 1)
    return;
  std::vector<Func> together = integer.steps;
  together.insert(together.end(), {integer.sum, value_});
  for (Func func : together) {
    func.unroll(u);
    func.update().unroll(u);
  }
}

}  // namespace quantc::kernels
