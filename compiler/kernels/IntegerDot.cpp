#include "compiler/kernels/IntegerDot.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

constexpr int kGroup = kActivationGroup;
constexpr int kLargestActivation = 127;  // activations are clamped to -127..127
constexpr int kLargestInt16 = 32767;
// How many products of a code and an activation are added up in 16 bits at most: 16 of a 4-bit code (0..15), 4 of a 6-bit code (0..63), 2 of an
// 8-bit code.
constexpr int kNarrow4 = 16, kNarrow6 = 4;
static_assert(kNarrow4 * 15 * kLargestActivation <= kLargestInt16, "int4 sums fit 16 bits");
static_assert(kNarrow6 * 63 * kLargestActivation <= kLargestInt16, "int6 sums fit 16 bits");
static_assert(2 * 127 * kLargestActivation <= kLargestInt16, "int8 pairs fit 16 bits");
static_assert(kGroup * 127 * kLargestActivation < 1 << 24, "a group's sum is exact in float32");

/// The codes of a group: what stands in byte (i, r, run) and which column it belongs to. For 6-bit codes that is the byte of the lower nibbles.
class Codes {
public:
  Codes(const Weights& weights, const ImageParam& activations, const Var& r, const Var& g, const Var& u, const Var& t)
      : weights(weights), activations(activations), r(r), g(g), u(u), t(t), interleave(weights.layout.kInterleave),
        perByte(weights.scheme->bits == 8 ? 1 : 2), runs(kGroup / interleave / perByte) {
    // Halide turns u8 * i8 into i8 * i8 where it can prove that the first is below 128, and then finds no pmaddubsw. The mask is 15 and the shift
    // is 4, but Halide cannot see it: of two consecutive numbers one is even.
    Expr number = cast<uint32_t>(weights.values.dim(4).extent());
    nothing = cast<uint8_t>(cast<uint32_t>(0) - ((number * (number + cast<uint32_t>(1))) & cast<uint32_t>(1)));
    hiddenMask = cast<uint8_t>(15) | nothing;
    hiddenShift = cast<uint8_t>(4) | nothing;
    hiddenUpper = cast<uint8_t>(48) | nothing;
  }

  /// int4 and int6: as uint8; `part` 0 is the low nibble. int8: as int8, one part.
  Expr code(const Expr& i, const Expr& run, const Expr& part, bool hidden) const {
    Expr byte = weights.values(i, r, run, g, u);
    if (perByte == 1)
      return byte;
    if (weights.scheme->bits == 6)
      return nibble(byte, part) | upperBits(i, run, part, hidden);
    return select(part == 0, byte & (hidden ? hiddenMask : cast<uint8_t>(15)), byte >> (hidden ? hiddenShift : cast<uint8_t>(4)));
  }
  Expr activation(const Expr& i, const Expr& run, const Expr& part) const {
    return activations(kGroup * g + (run * perByte + part) * interleave + i, t);
  }
  /// The code `offset()` too high, as uint8.
  Expr raisedCode(const Expr& i, const Expr& run, const Expr& part) const {
    if (!nibbles())
      return reinterpret<uint8_t>(code(i, run, part, false)) ^ cast<uint8_t>(128);
    if (weights.scheme->bits == 6)
      return code(i, run, part, true);
    Expr byte = weights.values(i, r, run, g, u);
    return select(part == 0, byte & hiddenMask, (byte >> cast<uint8_t>(4)) | nothing);
  }
  template <typename Type> Expr product(const Expr& i, const Expr& run, const Expr& part, bool hidden = false) const {
    return cast<Type>(code(i, run, part, hidden)) * cast<Type>(activation(i, run, part));
  }
  /// The product for lanes of rows. The halves of 6-bit codes are put together after widening.
  template <typename Type> Expr widened(const Expr& i, const Expr& run, const Expr& part) const {
    if (weights.scheme->bits != 6)
      return product<Type>(i, run, part);
    Expr upper = weights.values(i, r, runs + run / 2, g, u) >> cast<uint8_t>(run % 2 * 4 + part * 2) & cast<uint8_t>(3);
    Expr both = cast<Type>(nibble(weights.values(i, r, run, g, u), part)) + cast<Type>(upper) * cast<Type>(16);
    return both * cast<Type>(activation(i, run, part));
  }
  bool nibbles() const { return perByte == 2; }
  /// Products that may be added up in 16 bits.
  int narrow() const { return weights.scheme->bits == 4 ? kNarrow4 : weights.scheme->bits == 6 ? kNarrow6 : 2; }
  /// Nibbles are counted from 0.
  int offset() const { return nibbles() ? weights.scheme->maxCode : 0; }

  const Weights& weights;
  const ImageParam& activations;
  const Var &r, &g, &u, &t;
  const int interleave, perByte, runs;

private:
  static Expr nibble(const Expr& byte, const Expr& part) { return select(part == 0, byte & cast<uint8_t>(15), byte >> cast<uint8_t>(4)); }
  /// Bits 4 and 5 of a 6-bit code, in their place. Four runs share a byte.
  Expr upperBits(const Expr& i, const Expr& run, const Expr& part, bool hidden) const {
    Expr byte = weights.values(i, r, runs + run / 2, g, u), place = run % 2 * 2 + part;
    Expr moved =
        select(place == 0, byte << cast<uint8_t>(4), place == 1, byte << cast<uint8_t>(2), place == 2, byte, byte >> cast<uint8_t>(2));
    return moved & (hidden ? hiddenUpper : cast<uint8_t>(48));
  }

  Expr nothing, hiddenMask, hiddenShift, hiddenUpper;
};

/// Adds up neighbouring lanes (j, r) of `from`: sum(r) = from(0, r) + ... + from(count - 1, r).
Func sumLanes(const Codes& codes, const Func& from, int count, int rows) {
  RDom j(0, count, "j");
  Func sum("sum");
  sum(codes.r, codes.g, codes.u, codes.t) = 0;
  sum(codes.r, codes.g, codes.u, codes.t) += cast<int32_t>(from(j, codes.r, codes.g, codes.u, codes.t));
  sum.vectorize(codes.r, rows).unroll(codes.t);
  sum.update().reorder(j, codes.r, codes.t).atomic().vectorize(j).vectorize(codes.r, rows).unroll(codes.t);
  return sum;
}

/// int4: u8 * s8 pairs added in 16 bits (pmaddubsw), 16 products a lane; then pairs of lanes (pmaddwd with ones).
/// int8: s16 * s16 pairs added in 32 bits (pmaddwd).
IntegerDot pairs(const Codes& codes, int rows) {
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
  pair.bound(j, 0, count).vectorize(j).vectorize(codes.r, rows).unroll(codes.t);
  pair.update()
      .reorder({k.x, j, codes.r, codes.t, k.y, k.z})
      .atomic(true)
      .vectorize(k.x)
      .vectorize(j)
      .vectorize(codes.r, rows)
      .unroll(codes.t)
      .unroll(k.y)
      .unroll(k.z);
  return {sumLanes(codes, pair, count, rows), codes.offset(), {pair}, {}};
}

/// Codes of 6 bits, as `pairs` and `widening` have those of 4, but 16 bits hold the sum of one byte's two runs, or of two bytes' four where lanes
/// are not paired: lanes (j, r) of `part` m are widened before the next.
IntegerDot sixBits(const Codes& codes, int rows, bool paired) {
  const Var j("j"), m("m");
  const int perLane = paired ? 2 : 1, bytesPerPart = codes.narrow() / (2 * perLane), parts = codes.runs / bytesPerPart;
  const int count = codes.interleave / perLane;
  RDom k(0, perLane, 0, 2, 0, bytesPerPart, "k"), along(0, count, 0, parts, "along");
  Func lane("lane"), sum("sum");
  Expr product = codes.product<int16_t>(perLane * j + k.x, bytesPerPart * m + k.z, k.y, paired);
  lane(j, codes.r, m, codes.g, codes.u, codes.t) = cast<int16_t>(0);
  Expr before = lane(j, codes.r, m, codes.g, codes.u, codes.t);
  // Saturation, which pmaddubsw brings along, is out of reach (above).
  lane(j, codes.r, m, codes.g, codes.u, codes.t) = paired ? saturating_add(before, product) : before + product;
  sum(codes.r, codes.g, codes.u, codes.t) = 0;
  sum(codes.r, codes.g, codes.u, codes.t) += cast<int32_t>(lane(along.x, codes.r, along.y, codes.g, codes.u, codes.t));
  lane.compute_at(sum, along.y).bound_storage(m, 1).bound_storage(codes.g, 1).bound_storage(codes.u, 1);
  lane.bound(j, 0, count).vectorize(j).vectorize(codes.r, rows).unroll(codes.t);
  Stage update = lane.update();
  update.reorder({k.x, j, codes.r, codes.t, k.y, k.z});
  if (paired)
    update.atomic(true).vectorize(k.x);
  update.vectorize(j).vectorize(codes.r, rows).unroll(codes.t).unroll(k.y).unroll(k.z);
  keepOnStack(lane);
  sum.vectorize(codes.r, rows).unroll(codes.t);
  sum.update()
      .reorder({along.x, codes.r, codes.t, along.y})
      .atomic()
      .vectorize(along.x)
      .vectorize(codes.r, rows)
      .unroll(codes.t)
      .unroll(along.y);
  return {sum, codes.offset(), {}, {}};
}

/// NEON without dotprod. int4: smull and smlal in 16 bits, 8 products a lane; then pairwise sums.
/// int8: smull and smlal of two runs, then pairwise sums added in 32 bits (sadalp).
IntegerDot widening(const Codes& codes, int rows) {
  const Var j("j");
  if (codes.nibbles()) {
    RDom k(0, 2, 0, codes.runs, "k");
    Func lane("lane");
    lane(j, codes.r, codes.g, codes.u, codes.t) = cast<int16_t>(0);
    lane(j, codes.r, codes.g, codes.u, codes.t) += codes.product<int16_t>(j, k.y, k.x);
    lane.bound(j, 0, codes.interleave).vectorize(j).vectorize(codes.r, rows).unroll(codes.t);
    lane.update().reorder({j, codes.r, codes.t, k.x, k.y}).vectorize(j).vectorize(codes.r, rows).unroll(codes.t).unroll(k.x).unroll(k.y);
    return {sumLanes(codes, lane, codes.interleave, rows), codes.offset(), {lane}, {}};
  }
  const int count = codes.interleave / 2;
  RDom k(0, 2, 0, codes.runs / 2, "k");
  Func pair("pair");
  Expr i = 2 * j + k.x;
  pair(j, codes.r, codes.g, codes.u, codes.t) = 0;
  pair(j, codes.r, codes.g, codes.u, codes.t) +=
      cast<int32_t>(codes.product<int16_t>(i, 2 * k.y, 0) + codes.product<int16_t>(i, 2 * k.y + 1, 0));
  pair.bound(j, 0, count).vectorize(j).vectorize(codes.r, rows).unroll(codes.t);
  pair.update()
      .reorder({k.x, j, codes.r, codes.t, k.y})
      .atomic()
      .vectorize(k.x)
      .vectorize(j)
      .vectorize(codes.r, rows)
      .unroll(codes.t)
      .unroll(k.y);
  return {sumLanes(codes, pair, count, rows), codes.offset(), {pair}, {}};
}

/// Four s8 * s8 to s32 (sdot).
IntegerDot fours(const Codes& codes, int rows) {
  RDom k(0, codes.interleave, 0, codes.perByte, 0, codes.runs, "k");
  Func sum("sum");
  Expr code = cast<int8_t>(codes.code(k.x, k.z, k.y, false));
  sum(codes.r, codes.g, codes.u, codes.t) = 0;
  sum(codes.r, codes.g, codes.u, codes.t) += cast<int32_t>(code) * cast<int32_t>(codes.activation(k.x, k.z, k.y));
  sum.vectorize(codes.r, rows).unroll(codes.t);
  sum.update()
      .reorder({k.x, codes.r, codes.t, k.y, k.z})
      .atomic()
      .vectorize(k.x)
      .vectorize(codes.r, rows)
      .unroll(codes.t)
      .unroll(k.y)
      .unroll(k.z);
  return {sum, codes.offset(), {}, {}};
}

/// Four u8 * s8 to s32 (vpdpbusd): codes of 8 bits are held 128 too high.
IntegerDot raisedFours(const Codes& codes, int rows) {
  RDom k(0, codes.interleave, 0, codes.perByte, 0, codes.runs, "k");
  Func sum("sum");
  Expr product = cast<int16_t>(codes.raisedCode(k.x, k.z, k.y)) * cast<int16_t>(codes.activation(k.x, k.z, k.y));
  sum(codes.r, codes.g, codes.u, codes.t) = 0;
  sum(codes.r, codes.g, codes.u, codes.t) += cast<int32_t>(product);
  sum.vectorize(codes.r, rows).unroll(codes.t);
  sum.update()
      .reorder({k.x, codes.r, codes.t, k.y, k.z})
      .atomic()
      .vectorize(k.x)
      .vectorize(codes.r, rows)
      .unroll(codes.t)
      .unroll(k.y)
      .unroll(k.z);
  return {sum, codes.nibbles() ? codes.offset() : 128, {}, {}};
}

/// Lanes are rows, the activation is a scalar: one expression, because an update would keep its sum in memory. Sums of 16 bits hold as many
/// products as fit and are then widened. Without vectors everything is 32 bits wide, which needs no widening.
template <typename Narrow> Expr outerSum(const Codes& codes) {
  const int perNarrow = codes.narrow();
  Expr sum, narrow;
  for (int column = 0; column < kGroup; ++column) {
    Expr product = codes.widened<Narrow>(0, column / codes.perByte, column % codes.perByte);
    narrow = column % perNarrow ? narrow + product : product;
    if (column % perNarrow == perNarrow - 1)
      sum = sum.defined() ? sum + cast<int32_t>(narrow) : cast<int32_t>(narrow);
  }
  return sum;
}

IntegerDot outer(const Codes& codes, int rows, const Facts& facts) {
  Func sum("sum");
  sum(codes.r, codes.g, codes.u, codes.t) = facts.vectors() ? outerSum<int16_t>(codes) : outerSum<int32_t>(codes);
  if (facts.vectors())
    sum.vectorize(codes.r, rows).unroll(codes.t);
  return {sum, codes.offset(), {}, {}};
}

}  // namespace

int tokensPerBlock(const Facts& facts) { return facts.dotForm == DotForm::dot4u ? 8 : 4; }

IntegerDot integerDot(const Weights& weights, const ImageParam& activations, const Facts& facts) {
  const Var r("r"), g("g"), u("u"), t("t");
  const Codes codes(weights, activations, r, g, u, t);
  const int rows = facts.layout.rowsPerTile;
  const bool sixBit = weights.scheme->bits == 6;
  IntegerDot dot;
  switch (facts.dotForm) {
  case DotForm::maddubs: dot = sixBit ? sixBits(codes, rows, true) : pairs(codes, rows); break;
  case DotForm::widen: dot = sixBit ? sixBits(codes, rows, false) : widening(codes, rows); break;
  case DotForm::dot4: dot = fours(codes, rows); break;
  case DotForm::dot4u: dot = raisedFours(codes, rows); break;
  case DotForm::outer: dot = outer(codes, rows, facts); break;
  }
  dot.dims = {r, g, u, t};
  keepOnStack(dot.sum);
  for (Func step : dot.steps)
    keepOnStack(step);
  return dot;
}

}  // namespace quantc::kernels
