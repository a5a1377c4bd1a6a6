// Scalar programs as Halide expressions.
#pragma once

#include "compiler/kernels/Family.h"

namespace quantc::kernels {

/// The program's result with `inputs` put in. A comparison gives 1 or 0; `select` takes b where a is not 0, else c.
/// Throws UserError when an operand is not an earlier value or an input is missing.
Halide::Expr evaluate(const Params& params, const ScalarProgram& program, const std::vector<Halide::Expr>& inputs);

}  // namespace quantc::kernels
