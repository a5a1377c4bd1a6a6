#include "compiler/kernels/DotForms.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

constexpr int kEight = 8, kSteps = kGroup / kEight, kPair = 2;

}  // namespace

/// Lanes are the block's two rows of each of its two tokens; ArmModule.h makes smmla of what Halide writes. Weights are put in order once for all
/// tokens: eight codes of a row, then eight of the next; int4 as 16 times the code. Sums are made within the bits of a float32, as in `fours`.
IntegerDot blocks(const Codes& codes) {
  const Var i("i"), half("half"), a("a"), p("p"), step("step"), k("k"), t = codes.t, g = codes.g, u = codes.u;
  const bool wide = codes.nibbles() && !codes.six();
  const int times = wide ? 16 : 1;
  Func code("code"), activation("activation"), sum("sum");
  // A step's eight columns are two runs of int8, or both parts of one run.
  const auto plain = [&](int half) -> Expr {
    const Expr row = kPair * p + a;
    if (wide) {
      Expr byte = codes.weights.values(i, row, step, g, u) ^ cast<uint8_t>(0x88);
      return reinterpret<int8_t>(half == 0 ? byte << cast<uint8_t>(4) : byte & cast<uint8_t>(0xf0));
    }
    return codes.six() ? Internal::substitute(codes.r.name(), row, cast<int8_t>(codes.code(i, step, half)) - cast<int8_t>(codes.offset()))
                       : codes.weights.values(i, row, kPair * step + half, g, u);
  };
  code(i, half, a, p, step, g, u) = select(half == 0, plain(0), plain(1));
  code.bound(i, 0, codes.interleave).bound(half, 0, 2).bound(a, 0, kPair).bound(p, 0, codes.rows / kPair).bound(step, 0, kSteps);
  code.vectorize(i).vectorize(half).vectorize(a).unroll(p).unroll(step);

  // The last of an odd number of tokens stands beside itself.
  Expr token = min(t, codes.activations.dim(1).max());
  activation(k, t, step, g) = codes.activations(kGroup * g + kEight * step + k, token);
  activation.bound(k, 0, kEight).bound(step, 0, kSteps).vectorize(k).unroll(step).unroll(t);

  RDom c(0, kEight, 0, kSteps, "c");
  sum(a, t, p, g, u) = floatZero(times);
  sum(a, t, p, g, u) +=
      cast<int32_t>(code(c.x % codes.interleave, c.x / codes.interleave, a, p, c.y, g, u)) * cast<int32_t>(activation(c.x, t, c.y, g));
  const Var pair("pair"), b("b");
  sum.bound(a, 0, kPair).bound(p, 0, codes.rows / kPair);
  sum.split(t, pair, b, kPair, TailStrategy::RoundUp).reorder(a, b, p, pair).vectorize(a).vectorize(b).unroll(p).unroll(pair);
  sum.update()
      .split(t, pair, b, kPair, TailStrategy::RoundUp)
      .reorder({c.x, a, b, p, pair, c.y})
      .atomic()
      .vectorize(c.x)
      .vectorize(a)
      .vectorize(b)
      .unroll(p)
      .unroll(pair)
      .unroll(c.y);
  IntegerDot dot;
  dot.sum = sum;
  dot.blocks = true;
  dot.floatZero = 0x1.8p23f / static_cast<float>(times);
  dot.loads = {activation};
  dot.staged = {code};
  return dot;
}

}  // namespace quantc::kernels
