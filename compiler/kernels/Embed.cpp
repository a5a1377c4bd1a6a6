// out(i, t) = table row ids(t), decoded. Ids are clamped to the table, so that a wrong id reads nothing foreign.
#include "compiler/kernels/Family.h"
#include "compiler/kernels/Weights.h"

namespace quantc::kernels {

using namespace Halide;

Family buildEmbed(const Params& params, const Facts& facts) {
  Var i("i"), t("t");
  ImageParam ids(Int(32), 1, "ids");
  Weights table(params, facts);

  Func out("out");
  Expr row = clamp(ids(t), 0, table.rows() - 1);
  out(i, t) = table.at(row, i);

  // Schedule: the elements of a row lie apart, so they are taken one by one.
  Family family;
  family.inputs = {ids};
  table.appendInputs(family.inputs);
  family.outputs = {out};
  return family;
}

}  // namespace quantc::kernels
