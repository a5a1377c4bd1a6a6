#include "compiler/kernels/DotForms.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

constexpr int kFour = 4;

/// sum = first + the products, where product(i, four) is of a group's column 4 four + i.
template <typename Product> Func sumFours(const Codes& codes, const Expr& first, Product product) {
  RDom k(0, kFour, 0, codes.perByte, 0, codes.runs, "k");
  Func sum("sum");
  sum(codes.r, codes.g, codes.u, codes.t) = first;
  sum(codes.r, codes.g, codes.u, codes.t) += cast<int32_t>(product(k.x, k.z, k.y));
  sum.vectorize(codes.r, codes.rows).unroll(codes.t);
  sum.update()
      .reorder({k.x, codes.r, codes.t, k.y, k.z})
      .atomic()
      .vectorize(k.x)
      .vectorize(codes.r, codes.rows)
      .unroll(codes.t)
      .unroll(k.y)
      .unroll(k.z);
  return sum;
}

constexpr int kRoom = 1 << 22;
static_assert(kGroup * 127 * kLargestActivation < kRoom, "an int8 sum moves floatZero's last places only");
static_assert(16 * kGroup * 15 * kLargestActivation < kRoom, "so does 16 times an int4 sum");

}  // namespace

Expr floatZero(int times) { return reinterpret<int32_t>(Expr(0x1.8p23f / static_cast<float>(times))); }

/// Sums are made within the bits of a float32, because scvtf takes the unit of sdot four times as long as a subtraction. Activations are loaded 16 at
/// a time, so that sdot takes four of them by index. For many tokens, int4 and int6 are unpacked once for all, signed: int4 to 16 times the code.
IntegerDot fours(const Codes& codes, bool many) {
  const Var i("i"), four("four"), c("c");
  IntegerDot dot;
  Func activation("activation"), code("code");
  activation(c, codes.g, codes.t) = codes.activations(kGroup * codes.g + c, codes.t);
  activation.bound(c, 0, kGroup).vectorize(c, 16).unroll(c).unroll(codes.t);
  dot.loads = {activation};
  const int perByte = codes.perByte;
  const bool staged = many && codes.nibbles();
  const int times = staged && !codes.six() ? 16 : 1;
  if (staged) {
    Expr byte = codes.weights.values(i, codes.r, four / 2, codes.g, codes.u) ^ cast<uint8_t>(0x88);
    code(i, codes.r, four, codes.g, codes.u) =
        codes.six() ? cast<int8_t>(codes.code(i, four / 2, four % 2)) - cast<int8_t>(codes.offset())
                    : reinterpret<int8_t>(select(four % 2 == 0, byte << cast<uint8_t>(4), byte & cast<uint8_t>(0xf0)));
    code.bound(i, 0, kFour).bound(four, 0, kGroup / kFour).vectorize(i).vectorize(codes.r, codes.rows).unroll(four);
    dot.staged = {code};
  } else {
    dot.offset = codes.offset();
  }
  dot.sum = sumFours(codes, floatZero(times), [&](const Expr& i, const Expr& run, const Expr& part) {
    const Expr four = run * perByte + part;
    const Expr weight = staged ? code(i, codes.r, four, codes.g, codes.u) : cast<int8_t>(codes.code(i, run, part));
    return cast<int32_t>(weight) * cast<int32_t>(activation(four * kFour + i, codes.g, codes.t));
  });
  dot.floatZero = 0x1.8p23f / static_cast<float>(times);
  return dot;
}

/// Codes of 8 bits are held 128 too high.
IntegerDot raisedFours(const Codes& codes) {
  IntegerDot dot;
  dot.sum = sumFours(codes, 0, [&](const Expr& i, const Expr& run, const Expr& part) {
    return cast<int16_t>(codes.raisedCode(i, run, part)) * cast<int16_t>(codes.activation(i, run, part));
  });
  dot.offset = codes.nibbles() ? codes.offset() : 128;
  return dot;
}

}  // namespace quantc::kernels
