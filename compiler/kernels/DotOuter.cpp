#include <utility>

#include "compiler/kernels/DotForms.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

// 16 bits hold a whole group's sum of 4-bit codes. Where codes are counted from 0 they do not on the way there: sums may wrap, and taking away what
// the codes are too high wraps them back.
static_assert(kGroup * 8 * kLargestActivation <= kLargestInt16, "an int4 group's sum fits 16 bits");
constexpr int kSigned6 = 8;  // products of a 6-bit code, -32..31, that 16 bits hold the sum of
static_assert(kSigned6 * 32 * kLargestActivation <= kLargestInt16, "signed int6 sums fit 16 bits");

/// Column by column, `count` sums side by side, so that none waits for the one before.
template <typename Term> Expr sumOf(int terms, int count, Term term) {
  std::vector<Expr> sums(static_cast<size_t>(count));
  for (int i = 0; i < terms; ++i) {
    Expr& sum = sums[static_cast<size_t>(i % count)];
    sum = sum.defined() ? sum + term(i) : term(i);
  }
  for (int half = count / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i)
      sums[static_cast<size_t>(i)] += sums[static_cast<size_t>(i + half)];
  return sums.front();
}

/// Product i of those that 16 bits hold the sum of.
Expr fewOf(const Codes& codes, const Expr& few, int i) {
  return codes.widened<int16_t>(0, few * (codes.narrow() / codes.perByte) + i / codes.perByte, i % codes.perByte);
}

/// One expression. Without vectors 32 bits wide, which needs no widening.
Expr straightSum(const Codes& codes, bool vectors) {
  const auto column = [&](int c) { return std::pair<int, int>(c / codes.perByte, c % codes.perByte); };
  if (!vectors)
    return sumOf(kGroup, 1, [&](int c) { return codes.widened<int32_t>(0, column(c).first, column(c).second); });
  if (codes.nibbles() && !codes.six())
    return sumOf(kGroup, 4, [&](int c) { return codes.product<int16_t>(0, column(c).first, column(c).second); });
  return sumOf(kGroup / codes.narrow(), 4,
               [&](int few) { return cast<int32_t>(sumOf(codes.narrow(), 1, [&](int i) { return fewOf(codes, few, i); })); });
}

/// Columns are outside and tokens inside, so that what is loaded of a column is used for all tokens at once. Codes are unpacked once for all blocks
/// of tokens, signed. int4: all products of a group in 16 bits. int6: in 16 bits those of each quarter of the columns, side by side. int8: codes of
/// 16 bits, whose products are added in 32.
IntegerDot sharedColumns(const Codes& codes) {
  const Var r = codes.r, g = codes.g, u = codes.u, t = codes.t, c("c"), part("part");
  Func code("code"), sums("sums");
  const Expr plain = codes.code(0, c / codes.perByte, c % codes.perByte);
  code(r, c, g, u) = codes.nibbles() ? cast<int8_t>(plain) - cast<int8_t>(codes.offset()) : cast<int16_t>(plain);
  code.bound(c, 0, kGroup).vectorize(r, codes.rows).unroll(c);

  const int parts = codes.six() ? kGroup / kSigned6 : 1, columns = kGroup / parts;
  const Type type = codes.nibbles() ? Int(16) : Int(32);
  const RDom k(0, columns, "k");
  const Expr column = columns * part + k;
  sums(r, part, g, u, t) = cast(type, 0);
  sums(r, part, g, u, t) += cast(type, code(r, column, g, u)) * cast(type, codes.activations(kGroup * g + column, t));
  sums.bound(part, 0, parts).vectorize(r, codes.rows).unroll(part).unroll(t);
  // A loop over columns, because within straight code LLVM goes token by token and runs out of registers.
  sums.update().reorder(r, t, part, k).vectorize(r, codes.rows).unroll(t).unroll(part).unroll(k, 4 / parts);

  IntegerDot dot;
  dot.sum = Func("sum");
  Expr sum = sums(r, 0, g, u, t);
  for (int i = 1; i < parts; ++i)
    sum = cast<int32_t>(sum) + cast<int32_t>(sums(r, i, g, u, t));
  dot.sum(r, g, u, t) = sum;
  dot.sum.vectorize(r, codes.rows).unroll(t);
  dot.steps = {sums};
  dot.staged = {code};
  return dot;
}

}  // namespace

/// Lanes are rows, the activation is a scalar. int4: all products of a group in 16 bits. int6 and int8: some in 16 bits, their sums in 32.
IntegerDot outer(const Codes& codes, const Facts& facts, bool many) {
  if (facts.vectors() && many)
    return sharedColumns(codes);
  Func sum("sum");
  sum(codes.r, codes.g, codes.u, codes.t) = straightSum(codes, facts.vectors());
  if (facts.vectors())
    sum.vectorize(codes.r, codes.rows).unroll(codes.t);
  return {sum, codes.offset()};
}

}  // namespace quantc::kernels
