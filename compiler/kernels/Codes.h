// The codes of a group of packed weights and the activations against them, as the dot forms see them.
#pragma once

#include "compiler/kernels/Family.h"
#include "compiler/kernels/Weights.h"

namespace quantc::kernels {

constexpr int kGroup = kActivationGroup;
constexpr int kLargestActivation = 127;  // activations are clamped to -127..127
constexpr int kLargestInt16 = 32767;
// No form adds up more than 16 products of a 4-bit code (0..15) and an activation in 16 bits, nor more than 2 of an 8-bit code.
static_assert(16 * 15 * kLargestActivation <= kLargestInt16, "int4 sums fit 16 bits");
static_assert(2 * 127 * kLargestActivation <= kLargestInt16, "int8 pairs fit 16 bits");
static_assert(kGroup * 127 * kLargestActivation < 1 << 24, "a group's sum is exact in float32");

/// What stands in byte (i, r, run) of group g of tile u and which column it belongs to; t is the token.
class Codes {
public:
  Codes(const Weights& weights, const Halide::ImageParam& activations);

  /// int4: as uint8; `part` 0 is the low nibble. int8: as int8, one part.
  Halide::Expr code(const Halide::Expr& i, const Halide::Expr& run, const Halide::Expr& part, bool hidden = false) const;
  /// The code `offset()` too high (int4) or 128 (int8), as uint8.
  Halide::Expr raisedCode(const Halide::Expr& i, const Halide::Expr& run, const Halide::Expr& part) const;
  Halide::Expr activation(const Halide::Expr& i, const Halide::Expr& run, const Halide::Expr& part) const;
  template <typename Type>
  Halide::Expr product(const Halide::Expr& i, const Halide::Expr& run, const Halide::Expr& part, bool hidden = false) const {
    return Halide::cast<Type>(code(i, run, part, hidden)) * Halide::cast<Type>(activation(i, run, part));
  }
  bool nibbles() const { return perByte == 2; }
  /// Nibbles are counted from 0.
  int offset() const { return nibbles() ? weights.scheme->maxCode : 0; }

  const Weights& weights;
  const Halide::ImageParam& activations;
  const Halide::Var r, g, u, t;
  const int interleave, perByte, runs, rows;

private:
  Halide::Expr nothing, hiddenMask, hiddenShift;
};

}  // namespace quantc::kernels
