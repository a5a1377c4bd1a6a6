#include "compiler/kernels/Dot.h"

#include "compiler/kernels/IntegerDot.h"

namespace quantc::kernels {

using namespace Halide;

Activations::Activations(const Params& params, const Scheme& scheme) : quantized(scheme.quantized()) {
  if (!quantized) {
    floats = ImageParam(Float(32), 2, "x");
    return;
  }
  values = ImageParam(Int(8), 2, "values");
  scales = ImageParam(Float(32), 2, "activation_scales");
  sums = ImageParam(Int(32), 2, "sums");
  // Tokens at known distances: one address serves them all.
  const int groups = params.integer("groups", 1, 1 << 20);
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
    : r("r"), u("u"), t("t"), value_("dot"), tiles(experts.count ? Expr(experts.tiles) : weights.tiles()),
      rowsPerTile(facts.layout.rowsPerTile), block(many ? tokenBlock(facts, *weights.scheme) : TokenBlock{1, 1, 1, 1}),
      byExpert(experts.count > 0) {
  value_(r, u, t) = 0.0f;
  if (activations.quantized)
    sumGroups(activations, weights, experts, facts, many);
  else
    sumFloats(activations, weights, experts);
}

void Dot::sumFloats(const Activations& activations, const Weights& weights, const Experts& experts) {
  along = experts.along(weights.values.dim(1).extent(), "k", t);
  value_(r, u, t) += activations.floats(along.x, experts.row(t)) * weights.floating(r, along.x, experts.tile(u, along));
}

void Dot::sumGroups(const Activations& activations, const Weights& weights, const Experts& experts, const Facts& facts, bool many) {
  integer = integerDot(weights, activations.values, facts, many);
  along = experts.along(weights.groups(), "g", t);
  // Whole chunks of groups only.
  while (block.groups > 1 && (weights.knownGroups == 0 || weights.knownGroups % block.groups))
    --block.groups;
  Expr tile = experts.tile(u, along), row = experts.row(t);
  Expr sum = integer.sum(r, along.x, tile, row);
  if (integer.offset == kSumFactor)
    sum = sum - cast(sum.type(), activations.sums(along.x, row));
  else if (integer.offset)
    sum = sum - (integer.offset / kSumFactor) * activations.sums(along.x, row);
  Expr exact = integer.floatZero != 0 ? reinterpret<float>(sum) - integer.floatZero : cast<float>(sum);
  Expr scale = weights.scale(r, along.x, tile);
  if (block.groups > 1) {
    const Var g("g");
    Func scales("scales");
    scales(r, g, u) = weights.scale(r, g, u);
    keepOnStack(scales);
    scales.vectorize(r, rowsPerTile);
    integer.staged.push_back(scales);
    scale = scales(r, along.x, tile);
  }
  value_(r, u, t) += exact * (activations.scales(along.x, row) * scale);
}

Expr Dot::at(const Expr& n, const Expr& t, bool limited) const {
  Expr tile = n / rowsPerTile;
  return value_(n % rowsPerTile, limited ? min(tile, tiles - 1) : tile, t);
}

void Dot::computeAt(const LoopLevel& place, const Facts& facts) {
  const int tokens = block.tokens;
  value_.compute_at(place).bound_storage(u, 1).bound_storage(t, tokens).unroll(t);
  keepOnStack(value_);
  vectorizeRows(value_, r, rowsPerTile, facts);
  // Of one tile, so many groups, and tokens that are worked on together.
  auto bounded = [&](Func func, int groups) {
    for (const Var& dim : func.args())
      if (dim.name() == "g" || dim.name() == "u" || dim.name() == "t")
        func.bound_storage(dim, dim.name() == "g" ? groups : dim.name() == "u" ? 1 : block.together);
  };
  Stage update = value_.update();
  RVar group = along.x;
  if (block.groups > 1 || block.together < tokens) {
    const RVar chunk("chunk");
    const Var some("some");
    group = RVar("group");
    update.split(along.x, chunk, group, block.groups)
        .split(t, some, t, block.together, TailStrategy::GuardWithIf)
        .reorder(r, t, group, some, chunk);
    for (Func staged : integer.staged)
      bounded(staged.compute_at(value_, chunk), block.groups);
  } else if (byExpert) {
    update.reorder(r, along.x, along.y, u, t);
  } else {
    update.reorder(r, t, group);
  }
  vectorizeRows(byExpert ? update : update.unroll(t), r, rowsPerTile, facts);
  for (const std::vector<Func>* funcs : {&integer.loads, &integer.steps})
    for (const Func& func : *funcs)
      bounded(Func(func).compute_at(value_, group), 1);
  if (integer.sum.defined())
    bounded(integer.sum.compute_at(value_, group), 1);
}

}  // namespace quantc::kernels
