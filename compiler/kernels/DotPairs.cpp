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

void scheduleSum(const Codes& codes, Func sum, const RDom& along) {
  sum.vectorize(codes.r, codes.rows).unroll(codes.t);
  sum.update()
      .reorder({along.x, codes.r, codes.t, along.y})
      .atomic()
      .vectorize(along.x)
      .vectorize(codes.r, codes.rows)
      .unroll(codes.t)
      .unroll(along.y);
}

namespace {

/// u8 * s8 pairs added in 16 bits (pmaddubsw), 16 products a lane; then pairs of lanes (pmaddwd with ones).
IntegerDot nibblePairs(const Codes& codes) {
  const Var j("j");
  RDom k(0, 2, 0, codes.perByte, 0, codes.runs, "k");
  Func pair("pair");
  pair(j, codes.r, codes.g, codes.u, codes.t) = cast<int16_t>(0);
  // Saturation, which pmaddubsw brings along, is out of reach (Codes.h).
  pair(j, codes.r, codes.g, codes.u, codes.t) =
      saturating_add(pair(j, codes.r, codes.g, codes.u, codes.t), codes.product<int16_t>(2 * j + k.x, k.z, k.y, true));
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

/// A code and 128 is 16 times one nibble and another: two dot products as above, of a byte's halves h with the same activations. For many tokens
/// bytes are cut in halves once for all.
IntegerDot bytePairs(const Codes& codes, bool many) {
  const Var i("i"), j("j"), h("h"), run("run");
  const int count = codes.interleave / 2;
  RDom k(0, 2, 0, codes.runs, "k"), along(0, count, 0, 2, "along");
  Func half("half"), pair("pair"), sum("sum");
  half(i, codes.r, h, run, codes.g, codes.u) = codes.half(i, run, h);
  pair(j, codes.r, h, codes.g, codes.u, codes.t) = cast<int16_t>(0);
  pair(j, codes.r, h, codes.g, codes.u, codes.t) =
      saturating_add(pair(j, codes.r, h, codes.g, codes.u, codes.t), cast<int16_t>(half(2 * j + k.x, codes.r, h, k.y, codes.g, codes.u)) *
                                                                         cast<int16_t>(codes.activation(2 * j + k.x, k.y, 0)));
  pair.bound(j, 0, count).bound(h, 0, 2).vectorize(j).vectorize(codes.r, codes.rows).unroll(codes.t).unroll(h);
  pair.update()
      .reorder({k.x, j, codes.r, codes.t, h, k.y})
      .atomic(true)
      .vectorize(k.x)
      .vectorize(j)
      .vectorize(codes.r, codes.rows)
      .unroll(codes.t)
      .unroll(h)
      .unroll(k.y);
  sum(codes.r, codes.g, codes.u, codes.t) = 0;
  sum(codes.r, codes.g, codes.u, codes.t) += cast<int32_t>(pair(along.x, codes.r, along.y, codes.g, codes.u, codes.t)) *
                                             cast<int32_t>(select(along.y == 0, cast<int16_t>(1), cast<int16_t>(16)));
  scheduleSum(codes, sum, along);
  IntegerDot dot{sum, 128, 0, {pair}};
  if (many) {
    half.bound(i, 0, codes.interleave).bound(h, 0, 2).bound(run, 0, codes.runs);
    half.vectorize(i).vectorize(codes.r, codes.rows).unroll(h).unroll(run);
    dot.staged = {half};
  }
  return dot;
}

}  // namespace

IntegerDot pairs(const Codes& codes, bool many) { return codes.nibbles() ? nibblePairs(codes) : bytePairs(codes, many); }

}  // namespace quantc::kernels
