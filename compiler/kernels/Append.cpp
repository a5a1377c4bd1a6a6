// out(d, h, p) = x(d, h, p): puts new keys or values into a cache, whose order of dimensions is in out's strides.
#include "compiler/kernels/CacheElement.h"

namespace quantc::kernels {

using namespace Halide;

Family buildAppend(const Params& params, const Facts& facts) {
  Var d("d"), h("h"), p("p");
  ImageParam x(Float(32), 3, "x");
  const CacheElement element(params, facts);
  const int headDim = element.quantized() ? params.integer("head_dim", 1, 4096) : 0;
  Func heads("heads");
  heads(d, h, p) = x(d, h, p);

  // Schedule
  CacheElement::Written written = element.written(heads, headDim, h);
  if (element.quantized())
    vectorizeRows(written.elements, d, facts.lanes, facts);
  else
    vectorizeRows(written.out.specialize(written.out.output_buffer().dim(0).stride() == 1), d, facts.lanes, facts);
  return {{x}, {written.out}};
}

}  // namespace quantc::kernels
