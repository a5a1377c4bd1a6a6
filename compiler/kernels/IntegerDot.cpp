#include "compiler/kernels/IntegerDot.h"

#include "compiler/kernels/DotForms.h"

namespace quantc::kernels {

using namespace Halide;

TokenBlock tokenBlock(const Facts& facts, bool quantized) {
  switch (facts.dotForm) {
  case DotForm::dot4: return quantized ? TokenBlock{16, 4, 8} : TokenBlock{4, 4, 1};
  case DotForm::dot4u: return {8, 8, 1};
  default: return {4, 4, 1};
  }
}

IntegerDot integerDot(const Weights& weights, const ImageParam& activations, const Facts& facts, bool many) {
  const Codes codes(weights, activations);
  IntegerDot dot;
  switch (facts.dotForm) {
  case DotForm::maddubs: dot = pairs(codes); break;
  case DotForm::widen: dot = widening(codes); break;
  case DotForm::dot4: dot = fours(codes, many); break;
  case DotForm::dot4u: dot = raisedFours(codes); break;
  case DotForm::outer: dot = outer(codes, facts); break;
  }
  keepOnStack(dot.sum);
  for (const std::vector<Func>* funcs : {&dot.steps, &dot.loads, &dot.staged})
    for (const Func& func : *funcs)
      keepOnStack(func);
  return dot;
}

}  // namespace quantc::kernels
