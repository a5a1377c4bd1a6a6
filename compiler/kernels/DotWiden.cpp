#include "compiler/kernels/DotForms.h"

namespace quantc::kernels {

using namespace Halide;

/// NEON without dotprod. int4: smull and smlal in 16 bits, 8 products a lane; then pairwise sums.
/// int8: smull and smlal of two runs, then pairwise sums added in 32 bits (sadalp).
IntegerDot widening(const Codes& codes) {
  const Var j("j");
  if (codes.nibbles()) {
    RDom k(0, 2, 0, codes.runs, "k");
    Func lane("lane");
    lane(j, codes.r, codes.g, codes.u, codes.t) = cast<int16_t>(0);
    lane(j, codes.r, codes.g, codes.u, codes.t) += codes.product<int16_t>(j, k.y, k.x);
    lane.bound(j, 0, codes.interleave).vectorize(j).vectorize(codes.r, codes.rows).unroll(codes.t);
    lane.update()
        .reorder({j, codes.r, codes.t, k.x, k.y})
        .vectorize(j)
        .vectorize(codes.r, codes.rows)
        .unroll(codes.t)
        .unroll(k.x)
        .unroll(k.y);
    return {sumLanes(codes, lane, codes.interleave), codes.offset(), 0, {lane}};
  }
  const int count = codes.interleave / 2;
  RDom k(0, 2, 0, codes.runs / 2, "k");
  Func pair("pair");
  Expr i = 2 * j + k.x;
  pair(j, codes.r, codes.g, codes.u, codes.t) = 0;
  pair(j, codes.r, codes.g, codes.u, codes.t) +=
      cast<int32_t>(codes.product<int16_t>(i, 2 * k.y, 0) + codes.product<int16_t>(i, 2 * k.y + 1, 0));
  pair.bound(j, 0, count).vectorize(j).vectorize(codes.r, codes.rows).unroll(codes.t);
  pair.update()
      .reorder({k.x, j, codes.r, codes.t, k.y})
      .atomic()
      .vectorize(k.x)
      .vectorize(j)
      .vectorize(codes.r, codes.rows)
      .unroll(codes.t)
      .unroll(k.y);
  return {sumLanes(codes, pair, count), codes.offset(), 0, {pair}};
}

}  // namespace quantc::kernels
