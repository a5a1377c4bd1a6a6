// out(i, t) = program(operand 0 at (i, t), operand 1, ...)
#include "compiler/kernels/Family.h"
#include "compiler/kernels/Quantize.h"
#include "compiler/kernels/Scalar.h"

namespace quantc::kernels {

using namespace Halide;

Family buildMap(const Params& params, const Facts& facts) {
  Family family;
  const Operands operands(params, params.text("operands"), family.inputs);
  Expr width = operands.width();
  if (!width.defined())
    params.fail("parameter 'operands' is '" + params.text("operands") + "'; at least one operand must be 'f'");
  Var i("i"), t("t");
  // A quantized result is padded: beyond the width the last element is read and not used.
  Expr column = params.flag("quantize") ? min(likely(i), width - 1) : Expr(i);
  Expr value = evaluate(params, params.program(), operands.at(column, t));
  family.outputs = finish(params, facts, value, width, i, t, {});
  return family;
}

}  // namespace quantc::kernels
