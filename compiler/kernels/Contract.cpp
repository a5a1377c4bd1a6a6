// out(n, m, batch...) = sum over k of a(k, m, batch...) * b(n, k, batch...), in the order of k: products of two activations. Integers modulo 2^32.
#include "compiler/kernels/Strided.h"

namespace quantc::kernels {

using namespace Halide;

Family buildContract(const Params& params, const Facts& facts) {
  const int rank = 2 + static_cast<int>(params.integer("batch", 0, 4));
  const std::vector<OperandForm> forms = operandForms(params, params.text("operands"));
  if (forms.size() != 3)
    params.fail("has forms of " + std::to_string(forms.size()) + " arrays; give a, b and the result");
  const bool isFloat = forms[2].isFloat;
  ImageParam a = declareInput(forms[0], rank, "a"), b = declareInput(forms[1], rank, "b");
  const std::vector<Var> vars = variables(rank);
  RDom k(0, a.dim(0).extent(), "k");
  std::vector<Expr> left(vars.begin(), vars.end()), right = left;
  left[0] = k;
  right[1] = k;
  Expr x = convertTo(isFloat, a(left)), y = convertTo(isFloat, b(right));
  Func out("out");
  out(vars) = isFloat ? Expr(0.0f) : Expr(0);
  out(vars) = isFloat ? out(vars) + x * y
                      : reinterpret<int32_t>(reinterpret<uint32_t>(out(vars)) + reinterpret<uint32_t>(x) * reinterpret<uint32_t>(y));
  declareOutput(out, forms[2]);

  // Schedule: where neighbouring columns lie together they are taken at once, else one sum after another.
  const bool vectors = forms[1].vectors() && forms[2].dense();
  std::vector<VarOrRVar> order;
  if (vectors)
    order = {vars[0], k};
  else
    order = {k, vars[0]};
  order.insert(order.end(), vars.begin() + 1, vars.end());
  out.update().reorder(order);
  if (vectors) {
    vectorizeRows(out, vars[0], facts.lanes, facts);
    vectorizeRows(out.update(), vars[0], facts.lanes, facts);
  }
  return {{a, b}, {out}};
}

}  // namespace quantc::kernels
