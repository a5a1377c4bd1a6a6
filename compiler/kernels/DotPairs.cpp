#include "compiler/kernels/DotForms.h"

namespace quantc::kernels {

using namespace Halide;

Func sumLanes(const Codes& codes, const Func& from, int count) {
  RDom j(0, count, "j");
  Func sum("sum");
  sum(codes.r, codes.g, codes.u, codes.t) = 0;
  sum(codes.r, codes.g, codes.u, codes.t) += cast<int32_t>(from(j, codes.r, codes.g, codes.u, codes.t));
  sum.vectorize(codes.r, codes.rows).unroll(codes.t);
  sum.update().reorder(j, codes.r, codes.t).atomic().vectorize(j).vectorize(codes.r, codes.rows).unroll(codes.t);
  return sum;
}

/// int4: u8 * s8 pairs added in 16 bits (pmaddubsw), 16 products a lane; then pairs of lanes (pmaddwd with ones).
/// int8: s16 * s16 pairs added in 32 bits (pmaddwd).
IntegerDot pairs(const Codes& codes) {
  const Var j("j");
  RDom k(0, 2, 0, codes.perByte, 0, codes.runs, "k");
  Func pair("pair");
  if (codes.nibbles()) {
    pair(j, codes.r, codes.g, codes.u, codes.t) = cast<int16_t>(0);
    // Saturation, which pmaddubsw brings along, is out of reach (above).
    pair(j, codes.r, codes.g, codes.u, codes.t) =
        saturating_add(pair(j, codes.r, codes.g, codes.u, codes.t), codes.product<int16_t>(2 * j + k.x, k.z, k.y, true));
  } else {
    pair(j, codes.r, codes.g, codes.u, codes.t) = 0;
    pair(j, codes.r, codes.g, codes.u, codes.t) += codes.product<int32_t>(2 * j + k.x, k.z, k.y);
  }
  const int count = codes.interleave / 2;
  pair.bound(j, 0, count).vectorize(j).vectorize(codes.r, codes.rows).unroll(codes.t);
  pair.update()
      .reorder({k.x, j, codes.r, codes.t, k.y, k.z})
      .atomic(true)
      .vectorize(k.x)
      .vectorize(j)
      .vectorize(codes.r, codes.rows)
      .unroll(codes.t)
      .unroll(k.y)
      .unroll(k.z);
  return {sumLanes(codes, pair, count), codes.offset(), 0, {pair}};
}

}  // namespace quantc::kernels
