#include "compiler/kernels/DotForms.h"

namespace quantc::kernels {

using namespace Halide;

/// Codes of 6 bits, as `pairs` and `widening` have those of 4, but 16 bits hold the sum of one byte's two runs, or of two bytes' four where lanes
/// are not paired: lanes (j, r) of `part` m are widened before the next.
IntegerDot sixBits(const Codes& codes, bool paired) {
  const Var j("j"), m("m");
  const int perLane = paired ? 2 : 1, bytesPerPart = codes.narrow() / (2 * perLane), parts = codes.runs / bytesPerPart;
  const int count = codes.interleave / perLane;
  RDom k(0, perLane, 0, 2, 0, bytesPerPart, "k"), along(0, count, 0, parts, "along");
  Func lane("lane"), sum("sum");
  Expr product = codes.product<int16_t>(perLane * j + k.x, bytesPerPart * m + k.z, k.y, paired);
  lane(j, codes.r, m, codes.g, codes.u, codes.t) = cast<int16_t>(0);
  Expr before = lane(j, codes.r, m, codes.g, codes.u, codes.t);
  // Saturation, which pmaddubsw brings along, is out of reach (Codes.h).
  lane(j, codes.r, m, codes.g, codes.u, codes.t) = paired ? saturating_add(before, product) : before + product;
  sum(codes.r, codes.g, codes.u, codes.t) = 0;
  sum(codes.r, codes.g, codes.u, codes.t) += cast<int32_t>(lane(along.x, codes.r, along.y, codes.g, codes.u, codes.t));
  lane.compute_at(sum, along.y).bound_storage(m, 1).bound_storage(codes.g, 1).bound_storage(codes.u, 1);
  lane.bound(j, 0, count).vectorize(j).vectorize(codes.r, codes.rows).unroll(codes.t);
  Stage update = lane.update();
  update.reorder({k.x, j, codes.r, codes.t, k.y, k.z});
  if (paired)
    update.atomic(true).vectorize(k.x);
  update.vectorize(j).vectorize(codes.r, codes.rows).unroll(codes.t).unroll(k.y).unroll(k.z);
  keepOnStack(lane);
  scheduleSum(codes, sum, along);
  return {sum, codes.offset()};
}

}  // namespace quantc::kernels
