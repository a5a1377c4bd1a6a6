// Exact dot products of one group of 32 columns, in the form that a target's instructions want.
#pragma once

#include "compiler/kernels/Family.h"
#include "compiler/kernels/Weights.h"

namespace quantc::kernels {

struct IntegerDot {
  /// sum(r, g, u, t): int32 sum over group g of code * activation for row r of tile u and token t. Int4 codes are counted from 0, that is
  /// 8 too high: the caller takes 8 times the sum of the activations away.
  Halide::Func sum;
  std::vector<Halide::Func> steps;  ///< what the sum is made of, computed where the sum is
  std::vector<Halide::Var> dims;    ///< r, g, u, t
};

/// Algorithm and schedule, but for the place (compute_at), which is the caller's.
IntegerDot integerDot(const Weights& weights, const Halide::ImageParam& activations, const Facts& facts);

}  // namespace quantc::kernels
