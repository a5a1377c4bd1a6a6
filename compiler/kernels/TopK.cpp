// p(i) = exp(x(i) - max of x) / sum of the same, the sum in the order of Reduce.h. Of equal p the lower index comes first:
//   rank(i) = how many m have p(m) > p(i), or p(m) = p(i) and m < i
//   indices(j) = the i with rank(i) = j;  values(j) = p of it [/ (..(p of rank 0 + p of rank 1) + ..)]
#include <limits>

#include "compiler/kernels/Family.h"
#include "compiler/kernels/Math.h"
#include "compiler/kernels/Reduce.h"

namespace quantc::kernels {

using namespace Halide;

namespace {

/// One of the outputs, with all that it is made of for itself.
class Choice {
public:
  Choice(const ImageParam& x, int count, int k, bool normalize, bool wantsIndices) {
    const float infinity = std::numeric_limits<float>::infinity();
    const int blocks = (count + kPartials - 1) / kPartials;
    RDom all(0, count, "all"), block(0, blocks, "block"), other(0, count, "other"), place(0, count, "place"), chosen(0, k, "chosen");
    largest(t) = -infinity;
    largest(t) = largerOf(largest(t), x(all, t));
    weight(i, t) = select(i < count, expOf(x(min(i, count - 1), t) - largest(t)), 0.0f);
    partial(l, t) = 0.0f;
    partial(l, t) += weight(kPartials * block + l, t);
    std::vector<Expr> sums;
    for (int lane = 0; lane < kPartials; ++lane)
      sums.push_back(partial(lane, t));
    total(t) = sumTree(sums);
    share(i, t) = weight(i, t) / total(t);
    rank(i, t) = 0;
    Expr before = strict_float(share(other, t) > share(i, t)) || (strict_float(share(other, t) == share(i, t)) && other < i);
    rank(i, t) += select(before, 1, 0);
    if (wantsIndices) {
      found(j, t) = 0;
      found(j, t) = select(rank(place, t) == j, place, found(j, t));
      out(j, t) = found(j, t);
    } else {
      found(j, t) = 0.0f;
      found(j, t) = select(rank(place, t) == j, share(place, t), found(j, t));
      divisor(t) = 0.0f;
      divisor(t) += found(chosen, t);
      out(j, t) = normalize ? found(j, t) / divisor(t) : found(j, t);
    }
    // Schedule: a few numbers per token.
    weight.bound_storage(i, blocks * kPartials);
    for (Func func : {largest, weight, partial, total, share, rank, found})
      keepOnStack(func.compute_at(out, t));
    if (!wantsIndices && normalize)
      keepOnStack(divisor.compute_at(out, t));
    out.bound(j, 0, k);
  }

  Func out{"out"};

private:
  Var i{"i"}, j{"j"}, l{"l"}, t{"t"};
  Func largest{"largest"}, weight{"weight"}, partial{"partial"}, total{"total"}, share{"share"}, rank{"rank"}, found{"found"},
      divisor{"divisor"};
};

}  // namespace

Family buildTopK(const Params& params, const Facts&) {
  constexpr int kMost = 1 << 10;
  const int count = static_cast<int>(params.integer("count", 1, kMost)), k = static_cast<int>(params.integer("k", 1, count));
  ImageParam x(Float(32), 2, "x");
  const bool normalize = params.flag("normalize");
  Family family;
  family.inputs = {x};
  family.outputs = {Choice(x, count, k, normalize, false).out, Choice(x, count, k, normalize, true).out};
  return family;
}

}  // namespace quantc::kernels
