// Exact dot products of one group of 32 columns, in the form that a target's instructions want.
#pragma once

#include "compiler/kernels/Family.h"
#include "compiler/kernels/Weights.h"

namespace quantc::kernels {

/// Tokens that share a group of unpacked weights, as many as the sums fit the registers.
int tokensPerBlock(const Facts& facts);

struct IntegerDot {
  /// sum(r, g, u, t): int32 sum over group g of code * activation for row r of tile u and token t. The codes may be counted from 0, that is
  /// `offset` too high: the caller takes offset times the sum of the activations away.
  Halide::Func sum;
  int offset = 0;
  std::vector<Halide::Func> steps;  ///< what the sum is made of, computed where the sum is
  std::vector<Halide::Var> dims;    ///< r, g, u, t
};

/// Algorithm and schedule, but for the place (compute_at), which is the caller's.
IntegerDot integerDot(const Weights& weights, const Halide::ImageParam& activations, const Facts& facts);

}  // namespace quantc::kernels
