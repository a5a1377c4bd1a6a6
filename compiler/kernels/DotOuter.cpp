#include "compiler/kernels/DotForms.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

/// Lanes are rows, the activation is a scalar: one expression, because an update would keep its sum in memory. Sums of 16 bits hold 16 products
/// of int4 or 2 of int8 and are then widened. Without vectors everything is 32 bits wide, which needs no widening.
template <typename Narrow> Expr outerSum(const Codes& codes) {
  const int perNarrow = codes.nibbles() ? 16 : 2;
  Expr sum, narrow;
  for (int column = 0; column < kGroup; ++column) {
    Expr product = codes.product<Narrow>(0, column / codes.perByte, column % codes.perByte);
    narrow = column % perNarrow ? narrow + product : product;
    if (column % perNarrow == perNarrow - 1)
      sum = sum.defined() ? sum + cast<int32_t>(narrow) : cast<int32_t>(narrow);
  }
  return sum;
}

}  // namespace

IntegerDot outer(const Codes& codes, const Facts& facts) {
  Func sum("sum");
  sum(codes.r, codes.g, codes.u, codes.t) = facts.vectors() ? outerSum<int16_t>(codes) : outerSum<int32_t>(codes);
  if (facts.vectors())
    sum.vectorize(codes.r, codes.rows).unroll(codes.t);
  return {sum, codes.offset()};
}

}  // namespace quantc::kernels
