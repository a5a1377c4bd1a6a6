// Activations to int8 in groups of 32 columns (Kernel.h, "Q").
//
//   amax = max |x| of the group; scale = amax / 127; code = clamp(round_to_even(x * (127 / amax)), -127, 127); sum = 8 * the sum of the codes.
// A group whose amax is below 2^-100 counts as all zeros. Columns beyond the width have code 0.
#pragma once

#include "compiler/kernels/Family.h"

namespace quantc::kernels {

/// What becomes of a result: float32, or quantized. `value` gives it at (i, t); `width` is the number of columns.
/// Functions that the value needs once per token must be added to `perToken`; they are computed there.
std::vector<Halide::Func> finish(const Params& params, const Facts& facts, const Halide::Expr& value, const Halide::Expr& width,
                                 const Halide::Var& i, const Halide::Var& t, const std::vector<Halide::Func>& perToken);

struct Quantized {
  Halide::Func values, scales, sums;
  std::vector<Halide::Func> outputs() const { return {values, scales, sums}; }
};

/// Quantizes `result`, whose arguments are the column, 0 beyond the width, and `others` (a token; or a head and a position). Where and how it is
/// computed is the caller's. Algorithm and schedule of the rest: the loops over groups `g` and over `others` are nested as `loops` says, innermost
/// first, and their bodies do one group each.
Quantized quantizeRows(const Facts& facts, Halide::Func result, const std::vector<Halide::Var>& others, const Halide::Var& groupLoop,
                       const std::vector<Halide::Var>& loops);

}  // namespace quantc::kernels
