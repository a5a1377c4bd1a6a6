// Rotary position embedding. With r = rotary_dim and (a, b) the pair j, which is x(j), x(j + r/2), or x(2j), x(2j + 1) when interleaved:
//   out(a's place) = a * cos(j, p) - b * sin(j, p)
//   out(b's place) = b * cos(j, p) + a * sin(j, p)
// Elements from r on are copied.
#include "compiler/kernels/CacheElement.h"
#include "compiler/kernels/Rotate.h"

namespace quantc::kernels {

using namespace Halide;

Family buildRope(const Params& params, const Facts& facts) {
  Var d("d"), h("h"), p("p");
  ImageParam x(Float(32), 3, "x");
  Family family;
  family.inputs = {x};
  const Rotation rotation(params, family.inputs);
  const CacheElement element(params, facts);

  Func rotated("rotated");
  rotated(d, h, p) = rotation.at(d, p, [&](const Expr& i) { return x(i, h, p); });

  // Schedule
  const CacheElement::Written written = element.written(rotated, rotation.headDim(), h);
  rotation.schedule(written.elements, d, facts);
  family.outputs = {written.out};
  return family;
}

}  // namespace quantc::kernels
