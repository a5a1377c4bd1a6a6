#include "compiler/kernels/IntegerDot.h"

#include <algorithm>

#include "compiler/kernels/DotForms.h"

namespace quantc::kernels {

using namespace Halide;

TokenBlock tokenBlock(const Facts& facts, const Scheme& scheme) {
  constexpr TokenBlock four = {4, 4, 1, 4}, eight = {8, 8, 1, 8}, unpacked = {32, 4, 16, 4};
  switch (facts.dotForm) {
  case DotForm::maddubs:
    if (!scheme.quantized() || scheme.bits == 6)
      return four;
    return {64, 4, scheme.bits == 8 ? 4 : 8, 4, facts.lanes == facts.layout.rowsPerTile ? 2 : 1};
  case DotForm::dot4:
  case DotForm::mmla: return scheme.quantized() ? unpacked : four;
  case DotForm::dot4u: return eight;
  case DotForm::outer: {
    // A P670 needs 12 instructions that do not wait for each other, or 6 that are twice as long.
    const int together = scheme.bits == 4 ? 12 : scheme.bits == 6 ? 3 : 6;
    return facts.vectors() && scheme.quantized() ? TokenBlock{36, together, 16, std::min(together, 4)} : four;
  }
  default: return four;
  }
}

IntegerDot integerDot(const Weights& weights, const ImageParam& activations, const Facts& facts, bool many) {
  const Codes codes(weights, activations);
  const bool six = weights.scheme->bits == 6;
  IntegerDot dot;
  switch (facts.dotForm) {
  case DotForm::maddubs: dot = six ? sixBits(codes, true) : pairs(codes, many); break;
  case DotForm::widen: dot = six ? sixBits(codes, false) : widening(codes); break;
  case DotForm::dot4: dot = fours(codes, many); break;
  case DotForm::mmla: dot = many ? blocks(codes) : fours(codes, false); break;
  case DotForm::dot4u: dot = raisedFours(codes); break;
  case DotForm::outer: dot = outer(codes, facts, many); break;
  }
  keepOnStack(dot.sum);
  for (const std::vector<Func>* funcs : {&dot.steps, &dot.loads, &dot.staged})
    for (const Func& func : *funcs)
      keepOnStack(func);
  return dot;
}

}  // namespace quantc::kernels
