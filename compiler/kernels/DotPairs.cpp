#include "compiler/kernels/DotForms.h"

namespace quantc::kernels {

using namespace Halide;

Func sumLanes(const Codes& codes, const Func& from, int count) {
  RDom j(0, count, "j");
  Func sum("sum");
  sum(codes.r, codes.g, codes.u, codes.t) = 0;
  sum(codes.r, codes.g, codes.u, codes.t) += cast<int32_t>(from(j, codes.r, codes.g, codes.u, codes.t));
  sum.vectorize(codes.r, codes.rows).unroll(codes.t);
  sum.update().reorder(j, codes.r, codes.u, codes.t).atomic().vectorize(j).vectorize(codes.r, codes.rows).unroll(codes.t);
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

/// u8 * s8 pairs added in 16 bits (pmaddubsw), 16 products a lane; then pairs of lanes (pmaddwd with ones). For many tokens bytes are cut in nibbles
/// once for all.
IntegerDot nibblePairs(const Codes& codes, bool many) {
  const Var i("i"), j("j"), part("part"), run("run");
  RDom k(0, 2, 0, codes.perByte, 0, codes.runs, "k");
  Func pair("pair");
  pair(j, codes.r, codes.g, codes.u, codes.t) = cast<int16_t>(0);
  Func code("code");
  code(i, codes.r, part, run, codes.g, codes.u) = codes.raisedCode(i, run, part);
  // Saturation, which pmaddubsw brings along, is out of reach (Codes.h).
  pair(j, codes.r, codes.g, codes.u, codes.t) =
      saturating_add(pair(j, codes.r, codes.g, codes.u, codes.t), cast<int16_t>(code(2 * j + k.x, codes.r, k.y, k.z, codes.g, codes.u)) *
                                                                      cast<int16_t>(codes.activation(2 * j + k.x, k.z, k.y)));
  const int count = codes.interleave / 2;
  pair.bound(j, 0, count).vectorize(j).vectorize(codes.r, codes.rows).unroll(codes.t);
  pair.update()
      .reorder({k.x, j, codes.r, codes.u, codes.t, k.y, k.z})
      .atomic(true)
      .vectorize(k.x)
      .vectorize(j)
      .vectorize(codes.r, codes.rows)
      .unroll(codes.t)
      .unroll(k.y)
      .unroll(k.z);
  IntegerDot dot{sumLanes(codes, pair, count), codes.offset(), 0, {pair}};
  if (many) {
    code.bound(i, 0, codes.interleave).bound(part, 0, codes.perByte).bound(run, 0, codes.runs);
    code.vectorize(i).vectorize(codes.r, codes.rows).unroll(part).unroll(run);
    dot.staged = {code};
  }
  return dot;
}

/// A code and 128 is 16 times one nibble and another: two dot products as above, of a byte's halves h with the same activations.
IntegerDot bytePairs(const Codes& codes) {
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
  return {sum, 128, 0, {pair}};
}

/// s16 * s16 pairs added in 32 bits (pmaddwd), of codes and activations that are widened once for a block of tokens.
IntegerDot words(const Codes& codes) {
  const Var i("i"), two("two"), c("c");
  constexpr int kTwo = 2, kTwos = kGroup / kTwo;
  Func code("code"), activation("activation"), sum("sum");
  const Expr column = kTwo * two + i;
  code(i, codes.r, two, codes.g, codes.u) = cast<int16_t>(codes.code(column % codes.interleave, column / codes.interleave, 0));
  activation(c, codes.g, codes.t) = cast<int16_t>(codes.activations(kGroup * codes.g + c, codes.t));
  RDom k(0, kTwo, 0, kTwos, "k");
  sum(codes.r, codes.g, codes.u, codes.t) = 0;
  sum(codes.r, codes.g, codes.u, codes.t) +=
      cast<int32_t>(code(k.x, codes.r, k.y, codes.g, codes.u)) * cast<int32_t>(activation(kTwo * k.y + k.x, codes.g, codes.t));
  sum.vectorize(codes.r, codes.rows).unroll(codes.t);
  sum.update()
      .reorder({k.x, codes.r, codes.u, codes.t, k.y})
      .atomic()
      .vectorize(k.x)
      .vectorize(codes.r, codes.rows)
      .unroll(codes.t)
      .unroll(k.y);
  code.bound(i, 0, kTwo).bound(two, 0, kTwos).vectorize(i).vectorize(codes.r, codes.rows).unroll(two);
  activation.bound(c, 0, kGroup).vectorize(c, codes.rows * kTwo).unroll(c);
  IntegerDot dot{sum};
  dot.staged = {code, activation};
  return dot;
}

}  // namespace

IntegerDot pairs(const Codes& codes, bool many) {
  return codes.nibbles() ? nibblePairs(codes, many) : many ? words(codes) : bytePairs(codes);
}

}  // namespace quantc::kernels
