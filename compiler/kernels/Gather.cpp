// out(i, k, o) = x(i, indices(k), o): slices along one axis. Indices below 0 count from the end; those beyond it are clamped, so that a wrong one
// reads nothing foreign.
#include "compiler/kernels/Strided.h"

namespace quantc::kernels {

using namespace Halide;

Family buildGather(const Params& params, const Facts& facts) {
  const std::vector<OperandForm> forms = operandForms(params, params.text("operands"));
  if (forms.size() != 3)
    params.fail("has forms of " + std::to_string(forms.size()) + " arrays; give x, the indices and the result");
  ImageParam x = declareInput(forms[0], 3, "x"), indices = declareInput(forms[1], 1, "indices");
  const std::vector<Var> vars = variables(3);
  Expr extent = x.dim(1).extent(), index = convertTo(false, indices(vars[1]));
  index = clamp(select(index < 0, index + extent, index), 0, extent - 1);
  Func out("out");
  out(vars) = convertTo(forms[2].isFloat, x(vars[0], index, vars[2]));
  declareOutput(out, forms[2]);
  if (forms[0].vectors() && forms[2].dense())
    vectorizeRows(out, vars[0], facts.lanes, facts);
  return {{x, indices}, {out}};
}

}  // namespace quantc::kernels
