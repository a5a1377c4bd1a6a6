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

Dot::Dot(const Activations& activations, const Weights& weights, const Facts& facts, bool many)
    : r("r"), u("u"), t("t"), value_("dot"), tiles(weights.tiles()), rowsPerTile(facts.layout.rowsPerTile),
      block(many ? tokenBlock(facts, *weights.scheme) : TokenBlock{1, 1, 1, 1}) {
  value_(r, u, t) = 0.0f;
  if (activations.quantized)
    sumGroups(activations, weights, facts, many);
  else
    sumFloats(activations, weights);
}

void Dot::sumFloats(const Activations& activations, const Weights& weights) {
  along = RDom(0, weights.values.dim(1).extent(), "k");
  value_(r, u, t) += activations.floats(along, t) * weights.floating(r, along, u);
}

void Dot::sumGroups(const Activations& activations, const Weights& weights, const Facts& facts, bool many) {
  integer = integerDot(weights, activations.values, facts, many);
  along = RDom(0, weights.groups(), "g");
  // Whole chunks of groups only.
  while (block.groups > 1 && (weights.knownGroups == 0 || weights.knownGroups % block.groups))
    --block.groups;
  Expr sum = integer.sum(r, along, u, t);
  if (integer.offset == kSumFactor)
    sum = sum - cast(sum.type(), activations.sums(along, t));
  else if (integer.offset)
    sum = sum - (integer.offset / kSumFactor) * activations.sums(along, t);
  Expr exact = integer.floatZero != 0 ? reinterpret<float>(sum) - integer.floatZero : cast<float>(sum);
  Expr scale = weights.scale(r, along, u);
  if (block.groups > 1) {
    const Var g("g");
    Func scales("scales");
    scales(r, g, u) = weights.scale(r, g, u);
    keepOnStack(scales);
    scales.vectorize(r, rowsPerTile);
    integer.staged.push_back(scales);
    scale = scales(r, along, u);
  }
  value_(r, u, t) += exact * (activations.scales(along, t) * scale);
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
  } else {
    update.reorder(r, t, group);
  }
  vectorizeRows(update.unroll(t), r, rowsPerTile, facts);
  for (const std::vector<Func>* funcs : {&integer.loads, &integer.steps})
    for (const Func& func : *funcs)
      bounded(Func(func).compute_at(value_, group), 1);
  if (integer.sum.defined())
    bounded(integer.sum.compute_at(value_, group), 1);
}

}  // namespace quantc::kernels
