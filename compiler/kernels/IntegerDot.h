// Exact dot products of one group of 32 columns, in the form that a target's instructions want.
#pragma once

#include "compiler/kernels/Family.h"
#include "compiler/kernels/Weights.h"

namespace quantc::kernels {

/// How many tokens and groups a kernel for many tokens works on together. A block's tokens share what is unpacked of some groups; of these, some
/// at a time keep their sums in registers, for so many tiles of rows. Where there are not enough tokens, blocks are of `fewer`.
struct TokenBlock {
  int tokens = 1, together = 1, groups = 1, fewer = 1, tiles = 1;
};
TokenBlock tokenBlock(const Facts& facts, const Scheme& scheme);

struct IntegerDot {
  /// sum(r, g, u, t): sum over group g of code * activation for row r of tile u and token t. The codes may be counted from 0, that is `offset` too
  /// high: the caller takes offset times the sum of the activations away. int32, or int16 that may have wrapped and is right thereafter.
  Halide::Func sum;
  int offset = 0;
  float floatZero = 0;                 ///< other than 0: `sum` is the bits of a float32, the sum (a whole number) and this together
  std::vector<Halide::Func> steps{};   ///< (.., g, u, t): what the sum is made of, computed where the sum is
  std::vector<Halide::Func> loads{};   ///< (.., g, t): what is loaded of the activations, computed where the sum is
  std::vector<Halide::Func> staged{};  ///< (.., g, u) or (.., g, t): codes and activations, unpacked once for a block of tokens
  /// Lanes are blocks of two rows and two tokens: sum(a, t, p, g, u) is of row 2 p + a, for an even number of tokens.
  bool blocks = false;
};

/// Algorithm and schedule, but for the places (compute_at), which are the caller's.
IntegerDot integerDot(const Weights& weights, const Halide::ImageParam& activations, const Facts& facts, bool many);

}  // namespace quantc::kernels
