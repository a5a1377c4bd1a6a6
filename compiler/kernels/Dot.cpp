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

Dot::Dot(const Activations& activations, const Weights& weights, const Facts& facts)
    : r("r"), u("u"), t("t"), value_("dot"), tiles(weights.tiles()), rowsPerTile(facts.layout.rowsPerTile) {
  value_(r, u, t) = 0.0f;
  if (activations.quantized)
    sumGroups(activations, weights, facts);
  else
    sumFloats(activations, weights);
}

void Dot::sumFloats(const Activations& activations, const Weights& weights) {
  along = RDom(0, weights.values.dim(1).extent(), "k");
  value_(r, u, t) += activations.floats(along, t) * weights.floating(r, along, u);
}

void Dot::sumGroups(const Activations& activations, const Weights& weights, const Facts& facts) {
  const IntegerDot integer = integerDot(weights, activations.values, facts);
  steps = integer.steps;
  steps.push_back(integer.sum);
  along = RDom(0, weights.groups(), "g");
  Expr sum = integer.sum(r, along, u, t);
  if (integer.offset == kSumFactor)
    sum = sum - activations.sums(along, t);
  else if (integer.offset)
    sum = sum - (integer.offset / kSumFactor) * activations.sums(along, t);
  value_(r, u, t) += cast<float>(sum) * (activations.scales(along, t) * weights.scale(r, along, u));
}

Expr Dot::at(const Expr& n, const Expr& t, bool limited) const {
  Expr tile = n / rowsPerTile;
  return value_(n % rowsPerTile, limited ? min(tile, tiles - 1) : tile, t);
}

void Dot::computeAt(const LoopLevel& place, int tokens, const Facts& facts) {
  value_.compute_at(place).bound_storage(u, 1).bound_storage(t, tokens).unroll(t);
  keepOnStack(value_);
  vectorizeRows(value_, r, rowsPerTile, facts);
  vectorizeRows(value_.update().reorder(r, t, along.x).unroll(t), r, rowsPerTile, facts);
  for (Func step : steps) {
    const std::vector<Var> dims = step.args();  // ..., group, tile, token
    const size_t last = dims.size() - 1;
    step.compute_at(value_, along.x).bound_storage(dims[last - 2], 1).bound_storage(dims[last - 1], 1).bound_storage(dims[last], tokens);
  }
}

}  // namespace quantc::kernels
