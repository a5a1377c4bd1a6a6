// out(v) = sum, product, largest or least of x(r, v) over r, whose elements are taken in ascending order, dimension 0 of r fastest.
#include <limits>

#include "compiler/kernels/Math.h"
#include "compiler/kernels/Strided.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Expr startOf(const std::string& kind, bool isFloat) {
  if (kind == "prod")
    return isFloat ? Expr(1.0f) : Expr(1);
  if (kind == "max")
    return isFloat ? Expr(-kInfinity) : Expr(INT32_MIN);
  if (kind == "min")
    return isFloat ? Expr(kInfinity) : Expr(INT32_MAX);
  return isFloat ? Expr(0.0f) : Expr(0);
}

Expr combined(const std::string& kind, bool isFloat, const Expr& so_far, const Expr& x) {
  Expr bits = reinterpret<uint32_t>(so_far), other = reinterpret<uint32_t>(x);
  if (kind == "prod")
    return isFloat ? so_far * x : reinterpret<int32_t>(bits * other);
  if (kind == "max")
    return isFloat ? largerOf(so_far, x) : max(so_far, x);
  if (kind == "min")
    return isFloat ? smallerOf(so_far, x) : min(so_far, x);
  return isFloat ? so_far + x : reinterpret<int32_t>(bits + other);
}

}  // namespace

Family buildReduce(const Params& params, const Facts& facts) {
  const int reduced = static_cast<int>(params.integer("reduced", 1, 5)), rank = static_cast<int>(params.integer("rank", 1, 6 - reduced));
  const std::string kind = params.choice("kind", {"sum", "mean", "prod", "max", "min"});
  const std::vector<OperandForm> forms = operandForms(params, params.text("operands"));
  if (forms.size() != 2)
    params.fail("has forms of " + std::to_string(forms.size()) + " arrays; give x and the result");
  const bool isFloat = forms[1].isFloat;
  ImageParam x = declareInput(forms[0], reduced + rank, "x");
  const std::vector<Var> vars = variables(rank);
  Region region;
  for (int d = 0; d < reduced; ++d)
    region.push_back({0, x.dim(d).extent()});
  RDom r(region, "r");
  std::vector<Expr> place;
  for (int d = 0; d < reduced; ++d)
    place.push_back(r[d]);
  place.insert(place.end(), vars.begin(), vars.end());
  Func out("out");
  out(vars) = startOf(kind, isFloat);
  out(vars) = combined(kind, isFloat, out(vars), convertTo(isFloat, x(place)));
  std::vector<VarOrRVar> order;
  for (int d = 0; d < reduced; ++d)
    order.push_back(r[d]);
  order.insert(order.end(), vars.begin(), vars.end());
  out.update().reorder(order);
  if (kind == "mean") {
    Expr count = 1;
    for (int d = 0; d < reduced; ++d)
      count = count * x.dim(d).extent();
    out(vars) = isFloat ? out(vars) / cast<float>(count) : out(vars) / count;
    out.update(1).unscheduled();  // as it is written
  }
  declareOutput(out, forms[1]);
  return {{x}, {out}};
}

}  // namespace quantc::kernels
