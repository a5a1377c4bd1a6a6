// Rotary position embedding. With r = rotary_dim and (a, b) the pair j, which is x(j), x(j + r/2), or x(2j), x(2j + 1) when interleaved:
//   out(a's place) = a * cos(j, p) - b * sin(j, p)
//   out(b's place) = b * cos(j, p) + a * sin(j, p)
// Elements from r on are copied.
#include "compiler/kernels/Family.h"

namespace quantc::kernels {

using namespace Halide;

Family buildRope(const Params& params, const Facts& facts) {
  const int headDim = params.integer("head_dim", 1, 4096);
  const int rotaryDim = params.integer("rotary_dim", 2, headDim);
  if (rotaryDim % 2)
    params.fail("parameter 'rotary_dim' is " + std::to_string(rotaryDim) + "; use an even number");
  const bool interleaved = params.flag("interleaved");
  const int pairs = rotaryDim / 2;

  Var d("d"), h("h"), p("p");
  ImageParam x(Float(32), 3, "x"), cosines(Float(32), 2, "cosines"), sines(Float(32), 2, "sines");
  RDom j(0, pairs, "j");
  Expr first = interleaved ? 2 * j : Expr(j), second = interleaved ? 2 * j + 1 : j + pairs;

  Func out("out");
  out(d, h, p) = undef<float>();
  out(first, h, p) = x(first, h, p) * cosines(j, p) - x(second, h, p) * sines(j, p);
  out(second, h, p) = x(second, h, p) * cosines(j, p) + x(first, h, p) * sines(j, p);
  RDom rest(rotaryDim, std::max(headDim - rotaryDim, 1), "rest");
  if (headDim > rotaryDim) {
    out(rest, h, p) = x(rest, h, p);
    out.update(2).unscheduled();
  }

  // Schedule: a cache may be written with any stride, what goes on to the next kernel is dense.
  out.output_buffer().dim(0).set_stride(Expr());
  out.output_buffer().dim(0).set_bounds(0, headDim);
  const int width = std::min(facts.lanes, pairs);
  for (int stage = 0; stage < 2; ++stage)
    vectorizeRows(out.update(stage).specialize(out.output_buffer().dim(0).stride() == 1), j, width, facts);
  return {{x, cosines, sines}, {out}};
}

}  // namespace quantc::kernels
