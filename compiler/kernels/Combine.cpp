// out(i, t) = (..(factors(0, t) * x(i, k * t) + factors(1, t) * x(i, k * t + 1)) + ..)
#include "compiler/kernels/Family.h"

namespace quantc::kernels {

using namespace Halide;

Family buildCombine(const Params& params, const Facts& facts) {
  const int k = static_cast<int>(params.integer("k", 1, 1 << 10));
  Var i("i"), t("t");
  ImageParam x(Float(32), 2, "x"), factors(Float(32), 2, "factors");
  Expr sum;
  for (int j = 0; j < k; ++j) {
    Expr term = factors(j, t) * x(i, k * t + j);
    sum = sum.defined() ? sum + term : term;
  }
  Func out("out");
  out(i, t) = sum;
  vectorizeRows(out, i, 2 * facts.lanes, facts);
  Family family;
  family.inputs = {x, factors};
  family.outputs = {out};
  return family;
}

}  // namespace quantc::kernels
