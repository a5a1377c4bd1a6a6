// With n = width and sums in the order of Reduce.h:
//   rms:    y = (x * r) * weight,                 r = 1 / sqrt(sum(x * x) / n + epsilon)
//   layer:  y = ((x - m) * r) * weight + bias,    m = sum(x) / n,   r = 1 / sqrt(sum((x - m) * (x - m)) / n + epsilon)
#include "compiler/kernels/Family.h"
#include "compiler/kernels/Quantize.h"
#include "compiler/kernels/Reduce.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

/// A row's partial sums of `term`, a function of the column that is 0 beyond the width.
template <typename Term> Func partialSums(const std::string& name, const Expr& width, const Var& l, const Var& t, Term term) {
  Func partial(name);
  RDom block(0, (width + kPartials - 1) / kPartials, "block");
  partial(l, t) = 0.0f;
  partial(l, t) += term(kPartials * block + l);
  return partial;
}

Expr total(const Func& partial, const Var& t) {
  std::vector<Expr> values;
  for (int l = 0; l < kPartials; ++l)
    values.push_back(partial(l, t));
  return sumTree(values);
}

}  // namespace

Family buildNorm(const Params& params, const Facts& facts) {
  const bool layer = params.choice("kind", {"rms", "layer"}) == "layer";
  const float epsilon = params.number("epsilon");

  Var i("i"), t("t"), l("l");
  ImageParam x(Float(32), 2, "x"), weight(Float(32), 1, "weight"), bias(Float(32), 1, "bias");
  Expr width = x.dim(0).extent();
  Expr count = cast<float>(width);
  auto inside = [&](const Expr& column) { return min(likely(column), width - 1); };
  auto within = [&](const Expr& column, const Expr& value) { return select(likely(column < width), value, 0.0f); };

  Func mean("mean"), reciprocal("reciprocal");
  std::vector<Func> partials;
  if (layer) {
    partials.push_back(partialSums("sums", width, l, t, [&](const Expr& column) { return within(column, x(inside(column), t)); }));
    mean(t) = total(partials.back(), t) / count;
  }
  partials.push_back(partialSums("squares", width, l, t, [&](const Expr& column) {
    Expr value = x(inside(column), t);
    if (layer)
      value = value - mean(t);
    return within(column, value * value);
  }));
  reciprocal(t) = 1.0f / sqrt(total(partials.back(), t) / count + epsilon);

  Expr column = params.flag("quantize") ? inside(i) : Expr(i);
  Expr value =
      layer ? ((x(column, t) - mean(t)) * reciprocal(t)) * weight(column) + bias(column) : (x(column, t) * reciprocal(t)) * weight(column);

  Family family;
  family.inputs = {x, weight};
  if (layer)
    family.inputs.push_back(bias);
  std::vector<Func> perToken = partials;
  perToken.push_back(reciprocal);
  if (layer)
    perToken.push_back(mean);
  family.outputs = finish(params, facts, value, width, i, t, perToken);

  // Schedule
  for (Func func : perToken)
    keepOnStack(func);
  for (Func partial : partials) {
    vectorizeRows(partial, l, kPartials, facts);
    vectorizeRows(partial.update(), l, kPartials, facts);
  }
  return family;
}

}  // namespace quantc::kernels
