// The codes of a group of packed weights and the activations against them, as the dot forms see them.
#pragma once

#include "compiler/kernels/Family.h"
#include "compiler/kernels/Weights.h"

namespace quantc::kernels {

constexpr int kGroup = kActivationGroup;
constexpr int kLargestActivation = 127;  // activations are clamped to -127..127
constexpr int kLargestInt16 = 32767;
// How many products of a code and an activation are added up in 16 bits at most: 16 of a 4-bit code (0..15), 4 of a 6-bit code (0..63), 2 of an
// 8-bit code.
constexpr int kNarrow4 = 16, kNarrow6 = 4, kNarrow8 = 2;
static_assert(kNarrow4 * 15 * kLargestActivation <= kLargestInt16, "int4 sums fit 16 bits");
static_assert(kNarrow6 * 63 * kLargestActivation <= kLargestInt16, "int6 sums fit 16 bits");
static_assert(kNarrow8 * 127 * kLargestActivation <= kLargestInt16, "int8 pairs fit 16 bits");
static_assert(kGroup * 127 * kLargestActivation < 1 << 24, "a group's sum is exact in float32");

/// What stands in byte (i, r, run) of group g of tile u and which column it belongs to; t is the token. For 6-bit codes that is the byte
/// of the lower nibbles.
class Codes {
public:
  Codes(const Weights& weights, const Halide::ImageParam& activations);

  /// int4 and int6: as uint8; `part` 0 is the low nibble. int8: as int8, one part.
  Halide::Expr code(const Halide::Expr& i, const Halide::Expr& run, const Halide::Expr& part, bool hidden = false) const;
  /// The code `offset()` too high (int4, int6) or 128 (int8), as uint8.
  Halide::Expr raisedCode(const Halide::Expr& i, const Halide::Expr& run, const Halide::Expr& part) const;
  /// int8: the low (0) or the high (1) nibble of the raised code.
  Halide::Expr half(const Halide::Expr& i, const Halide::Expr& run, const Halide::Expr& which) const;
  Halide::Expr activation(const Halide::Expr& i, const Halide::Expr& run, const Halide::Expr& part) const;
  template <typename Type>
  Halide::Expr product(const Halide::Expr& i, const Halide::Expr& run, const Halide::Expr& part, bool hidden = false) const {
    return Halide::cast<Type>(code(i, run, part, hidden)) * Halide::cast<Type>(activation(i, run, part));
  }
  /// The product for lanes of rows. The halves of 6-bit codes are put together after widening.
  template <typename Type> Halide::Expr widened(const Halide::Expr& i, const Halide::Expr& run, const Halide::Expr& part) const {
    if (!six())
      return product<Type>(i, run, part);
    Halide::Expr code = Halide::cast<Type>(nibble(i, run, part)) + Halide::cast<Type>(upperPair(i, run, part)) * Halide::cast<Type>(16);
    return code * Halide::cast<Type>(activation(i, run, part));
  }
  bool nibbles() const { return perByte == 2; }
  bool six() const { return weights.scheme->bits == 6; }
  /// Products that may be added up in 16 bits.
  int narrow() const { return six() ? kNarrow6 : nibbles() ? kNarrow4 : kNarrow8; }
  /// Nibbles are counted from 0.
  int offset() const { return nibbles() ? weights.scheme->maxCode : 0; }

  const Weights& weights;
  const Halide::ImageParam& activations;
  const Halide::Var r, g, u, t;
  const int interleave, perByte, runs, rows;

private:
  Halide::Expr nibble(const Halide::Expr& i, const Halide::Expr& run, const Halide::Expr& part) const;
  /// Bits 4 and 5 of a 6-bit code: as a number 0..3, and in their place. Four runs share a byte.
  Halide::Expr upperPair(const Halide::Expr& i, const Halide::Expr& run, const Halide::Expr& part) const;
  Halide::Expr upperBits(const Halide::Expr& i, const Halide::Expr& run, const Halide::Expr& part, bool hidden) const;

  Halide::Expr nothing, hiddenMask, hiddenShift, hiddenUpper;
};

}  // namespace quantc::kernels
