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

Dot::Dot(const Activations& activations, const Weights& weights, const Experts& experts, const Facts& facts)
    : r("r"), u("u"), t("t"), value_("dot"), tiles(experts.count ? Expr(experts.tiles) : weights.tiles()),
      rowsPerTile(facts.layout.rowsPerTile), byExpert(experts.count > 0) {
  value_(r, u, t) = 0.0f;
  if (activations.quantized)
    sumGroups(activations, weights, experts, facts);
  else
    sumFloats(activations, weights, experts);
}

void Dot::sumFloats(const Activations& activations, const Weights& weights, const Experts& experts) {
  along = experts.along(weights.values.dim(1).extent(), "k", t);
  value_(r, u, t) += activations.floats(along.x, experts.row(t)) * weights.floating(r, along.x, experts.tile(u, along));
}

void Dot::sumGroups(const Activations& activations, const Weights& weights, const Experts& experts, const Facts& facts) {
  const IntegerDot integer = integerDot(weights, activations.values, facts);
  steps = integer.steps;
  steps.push_back(integer.sum);
  along = experts.along(weights.groups(), "g", t);
  Expr tile = experts.tile(u, along), row = experts.row(t);
  Expr sum = integer.sum(r, along.x, tile, row);
  if (integer.offset == kSumFactor)
    sum = sum - activations.sums(along.x, row);
  else if (integer.offset)
    sum = sum - (integer.offset / kSumFactor) * activations.sums(along.x, row);
  value_(r, u, t) += cast<float>(sum) * (activations.scales(along.x, row) * weights.scale(r, along.x, tile));
}

Expr Dot::at(const Expr& n, const Expr& t, bool limited) const {
  Expr tile = n / rowsPerTile;
  return value_(n % rowsPerTile, limited ? min(tile, tiles - 1) : tile, t);
}

void Dot::computeAt(const LoopLevel& place, int tokens, const Facts& facts) {
  value_.compute_at(place).bound_storage(u, 1).bound_storage(t, tokens).unroll(t);
  keepOnStack(value_);
  vectorizeRows(value_, r, rowsPerTile, facts);
  Stage update = byExpert ? value_.update().reorder(r, along.x, along.y, u, t) : value_.update().reorder(r, t, along.x).unroll(t);
  vectorizeRows(update, r, rowsPerTile, facts);
  for (Func step : steps) {
    const std::vector<Var> dims = step.args();  // ..., group, tile, token
    const size_t last = dims.size() - 1;
    step.compute_at(value_, along.x).bound_storage(dims[last - 2], 1).bound_storage(dims[last - 1], 1).bound_storage(dims[last], tokens);
  }
}

}  // namespace quantc::kernels
