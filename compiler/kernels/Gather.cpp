// out(i, k, o) = x(i, indices(k), o): slices along one axis; out(k, lines) = x(indices(k, lines), lines): elements of lines. Indices below 0 count
// from the end; those beyond it are clamped, so that a wrong one reads nothing foreign.
#include "compiler/kernels/Strided.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

std::vector<OperandForm> gatherForms(const Params& params) {
  std::vector<OperandForm> forms = operandForms(params, params.text("operands"));
  if (forms.size() != 3)
    params.fail("has forms of " + std::to_string(forms.size()) + " arrays; give x, the indices and the result");
  return forms;
}

Expr placeAt(const Expr& found, const Expr& extent) {
  const Expr index = convertTo(false, found);
  return clamp(select(index < 0, index + extent, index), 0, extent - 1);
}

}  // namespace

Family buildGatherElements(const Params& params, const Facts&) {
  const std::vector<OperandForm> forms = gatherForms(params);
  const int rank = params.integer("rank", 1, 6);
  ImageParam x = declareInput(forms[0], rank, "x"), indices = declareInput(forms[1], rank, "indices");
  const std::vector<Var> vars = variables(rank);
  std::vector<Expr> places(vars.begin(), vars.end());
  places[0] = placeAt(indices(vars), x.dim(0).extent());
  Func out("out");
  out(vars) = convertTo(forms[2].isFloat, x(places));
  declareOutput(out, forms[2]);
  return {{x, indices}, {out}};
}

Family buildGather(const Params& params, const Facts& facts) {
  const std::vector<OperandForm> forms = gatherForms(params);
  ImageParam x = declareInput(forms[0], 3, "x"), indices = declareInput(forms[1], 1, "indices");
  const std::vector<Var> vars = variables(3);
  Expr index = placeAt(indices(vars[1]), x.dim(1).extent());
  Func out("out");
  out(vars) = convertTo(forms[2].isFloat, x(vars[0], index, vars[2]));
  declareOutput(out, forms[2]);
  if (forms[0].vectors() && forms[2].dense())
    vectorizeRows(out, vars[0], facts.lanes, facts);
  return {{x, indices}, {out}};
}

}  // namespace quantc::kernels
