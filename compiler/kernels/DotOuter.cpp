#include <utility>

#include "compiler/kernels/DotForms.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

// 16 bits hold a whole group's sum of 4-bit codes, though not on the way there: codes are counted from 0, sums may wrap, and taking away what the
// codes are too high wraps them back.
static_assert(kGroup * 8 * kLargestActivation <= kLargestInt16, "an int4 group's sum fits 16 bits");

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

/// A loop over columns, because within straight code LLVM goes token by token and runs out of registers.
void loopOver(const Codes& codes, Func& sum, const RVar& part, const RVar& column) {
  sum.vectorize(codes.r, codes.rows).unroll(codes.t);
  sum.update().reorder(codes.r, codes.t, part, column).vectorize(codes.r, codes.rows).unroll(codes.t).unroll(part);
}

}  // namespace

/// Lanes are rows, the activation is a scalar. int4: all products of a group in 16 bits. int6 and int8: four or two in 16 bits, their sums in 32.
/// For many tokens columns are outside and tokens inside, so that what is loaded and unpacked of a column is used for all tokens at once.
IntegerDot outer(const Codes& codes, const Facts& facts, bool many) {
  Func sum("sum");
  if (!facts.vectors() || !many) {
    sum(codes.r, codes.g, codes.u, codes.t) = straightSum(codes, facts.vectors());
    if (facts.vectors())
      sum.vectorize(codes.r, codes.rows).unroll(codes.t);
    return {sum, codes.offset()};
  }
  if (codes.nibbles() && !codes.six()) {
    RDom k(0, 2, 0, codes.runs, "k");
    sum(codes.r, codes.g, codes.u, codes.t) = cast<int16_t>(0);
    sum(codes.r, codes.g, codes.u, codes.t) += codes.product<int16_t>(0, k.y, k.x);
    loopOver(codes, sum, k.x, k.y);
    sum.update().unroll(k.y, 4);
    return {sum, codes.offset()};
  }
  const Var c("c");
  RDom k(0, 1, 0, kGroup / codes.narrow(), "k");
  Func few("few");
  few(c, codes.r, codes.g, codes.u, codes.t) = fewOf(codes, c, 0);
  few.vectorize(codes.r, codes.rows).unroll(codes.t);
  for (int i = 1; i < codes.narrow(); ++i) {
    few(c, codes.r, codes.g, codes.u, codes.t) += fewOf(codes, c, i);
    few.update(i - 1).vectorize(codes.r, codes.rows).unroll(codes.t);
  }
  sum(codes.r, codes.g, codes.u, codes.t) = 0;
  sum(codes.r, codes.g, codes.u, codes.t) += cast<int32_t>(few(k.y, codes.r, codes.g, codes.u, codes.t));
  loopOver(codes, sum, k.x, k.y);
  few.compute_at(sum, k.y).bound_storage(c, 1).bound_storage(codes.g, 1).bound_storage(codes.u, 1);
  few.bound_storage(codes.t, tokenBlock(facts, *codes.weights.scheme).together);
  keepOnStack(few);
  return {sum, codes.offset()};
}

}  // namespace quantc::kernels
