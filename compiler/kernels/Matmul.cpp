// out(n, t) = program(dot(n, t), operands). The dot product's order of rounding is a constant of the numerics contract:
//   f32, f16:    dot = (..((x(0) * w(0)) + x(1) * w(1)) + ..)  over the columns, ascending, from 0
//   int8, int4:  dot = sum over the groups, ascending, of float(isum) * (activation scale * weight scale), isum exact
#include "compiler/kernels/Family.h"
#include "compiler/kernels/IntegerDot.h"
#include "compiler/kernels/Scalar.h"
#include "compiler/kernels/Weights.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

constexpr int kTokens = 4;  // tokens that share a tile of unpacked weights

struct Dot {
  Func value;  ///< (r, u, t)
  RVar along;  ///< the loop of the reduction
  std::vector<Func> steps;
};

Dot floatDot(const Weights& weights, const Var& r, const Var& u, const Var& t, std::vector<ImageParam>& inputs) {
  ImageParam x(Float(32), 2, "x");
  inputs = {x};
  RDom k(0, weights.values.dim(1).extent(), "k");
  Dot dot{Func("dot"), k, {}};
  dot.value(r, u, t) = 0.0f;
  dot.value(r, u, t) += x(k, t) * weights.floating(r, k, u);
  return dot;
}

Dot quantizedDot(const Weights& weights, const Facts& facts, const Var& r, const Var& u, const Var& t, std::vector<ImageParam>& inputs) {
  ImageParam values(Int(8), 2, "values"), scales(Float(32), 2, "activation_scales"), sums(Int(32), 2, "sums");
  inputs = {values, scales, sums};
  const IntegerDot integer = integerDot(weights, values, facts);
  RDom g(0, weights.groups(), "g");
  Dot dot{Func("dot"), g, integer.steps};
  dot.steps.push_back(integer.sum);
  Expr sum = integer.sum(r, g, u, t);
  if (weights.scheme->bits == 4)
    sum = sum - weights.scheme->maxCode * sums(g, t);
  dot.value(r, u, t) = 0.0f;
  dot.value(r, u, t) += cast<float>(sum) * (scales(g, t) * weights.scale(r, g, u));
  return dot;
}

}  // namespace

Family buildMatmul(const Params& params, const Facts& facts) {
  const bool many = params.choice("tokens", {"one", "many"}) == "many";
  const int rows = facts.layout.rowsPerTile;
  const Weights weights(params, facts.layout);
  Var n("n"), t("t"), r("r"), u("u");

  Family family;
  Dot dot = weights.scheme->quantized() ? quantizedDot(weights, facts, r, u, t, family.inputs) : floatDot(weights, r, u, t, family.inputs);
  weights.appendInputs(family.inputs);
  const Operands operands(params, params.textOr("operands", ""), family.inputs);
  std::vector<Expr> values = {dot.value(n % rows, n / rows, t)};
  for (const Expr& operand : operands.at(n, t))
    values.push_back(operand);
  Func out("out");
  out(n, t) = evaluate(params, params.program(), values);
  family.outputs = {out};

  // Schedule: tiles of rows outside, so that a tile's weights stay in cache while the tokens pass by.
  auto wholeTiles = [&](const Expr& size) { return size / rows * rows; };
  OutputImageParam buffer = out.output_buffer();
  buffer.dim(0).set_bounds(wholeTiles(buffer.dim(0).min()), wholeTiles(buffer.dim(0).extent()));
  Var tile("tile"), row("row"), block("block"), token("token");
  auto cut = [&](Stage stage, int tokens) {
    stage.split(n, tile, row, rows, TailStrategy::RoundUp)
        .split(t, block, token, tokens, TailStrategy::ShiftInwards)
        .reorder(row, token, block, tile)
        .unroll(token);
    vectorizeRows(stage, row, rows, facts);
  };
  if (many)
    cut(out.specialize(buffer.dim(1).extent() >= kTokens), kTokens);
  cut(out, 1);
  dot.value.compute_at(out, block);
  keepOnStack(dot.value);
  dot.value.unroll(t);
  vectorizeRows(dot.value, r, rows, facts);
  Stage update = dot.value.update().reorder(r, t, dot.along).unroll(t);
  vectorizeRows(update, r, rows, facts);
  for (Func step : dot.steps)
    step.compute_at(dot.value, dot.along);
  return family;
}

}  // namespace quantc::kernels
