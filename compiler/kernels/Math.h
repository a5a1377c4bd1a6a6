// Elementary functions and conversions on float32 expressions, exact to the bit on every target: only additions, products, quotients, square
// roots and integer operations, each rounded once (docs/numerics.md). Each function states its largest error, to which
// tests/kernels hold every 2,053rd finite input.
#pragma once

#include <Halide.h>

namespace quantc::kernels {

/// `a` unless `b` is larger, in the order that makes every target agree on NaN and signed zeros: a < b ? b : a.
Halide::Expr largerOf(const Halide::Expr& a, const Halide::Expr& b);
/// a > b ? b : a
Halide::Expr smallerOf(const Halide::Expr& a, const Halide::Expr& b);

/// |x| and -x, NaN included.
Halide::Expr magnitudeOf(const Halide::Expr& x);
Halide::Expr negated(const Halide::Expr& x);

/// Nearest integer, ties to even, as int32. |x| must be below 2^22.
Halide::Expr roundToInt(const Halide::Expr& x);

/// The float32 that a finite binary16 (uint16 bits) stands for, exactly. `hardware`: with the target's own instruction.
Halide::Expr floatFromHalfBits(const Halide::Expr& half, bool hardware);

/// float32 to binary16 (uint16 bits), rounded to nearest even; too large a number gives infinity.
Halide::Expr halfBitsFromFloat(const Halide::Expr& x, bool hardware);

/// Integers as float32: the nearest, ties to even; the largest not above; the least not below.
Halide::Expr roundOf(const Halide::Expr& x);
Halide::Expr floorOf(const Halide::Expr& x);
Halide::Expr ceilOf(const Halide::Expr& x);

/// e^x: 0 below -104, infinity above 88.73; at most 1 ulp.
Halide::Expr expOf(const Halide::Expr& x);
/// Natural logarithm; -infinity at 0, NaN below; at most 1 ulp.
Halide::Expr logOf(const Halide::Expr& x);
/// At most 1.5 ulp.
Halide::Expr tanhOf(const Halide::Expr& x);
/// At most 1.5 ulp.
Halide::Expr erfOf(const Halide::Expr& x);

}  // namespace quantc::kernels
