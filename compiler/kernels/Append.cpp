// out(d, h, p) = x(d, h, p): puts new keys or values into a cache, whose order of dimensions is in out's strides.
#include "compiler/kernels/CacheElement.h"

namespace quantc::kernels {

using namespace Halide;

Family buildAppend(const Params& params, const Facts& facts) {
  Var d("d"), h("h"), p("p");
  ImageParam x(Float(32), 3, "x");
  const CacheElement element(params, facts);
  Func out("out");
  out(d, h, p) = element.encoded(x(d, h, p));

  // Schedule
  out.output_buffer().dim(0).set_stride(Expr());
  vectorizeRows(out.specialize(out.output_buffer().dim(0).stride() == 1), d, facts.lanes, facts);
  return {{x}, {out}};
}

}  // namespace quantc::kernels
