// How KV caches hold the elements of heads: parameter `cache`, f32 (also what is missing stands for), f16 or int8.
//
// int8: a head of one position is its codes and, behind them along d, the four bytes of its float32 scale, lowest first:
//   amax = max |x| of the head; scale = amax / 127; code(d) = clamp(round_to_even(x(d) * (127 / amax)), -127, 127)
// A head whose amax is below 2^-100 counts as all zeros.
#pragma once

#include <functional>

#include "compiler/kernels/Family.h"

namespace quantc::kernels {

class CacheElement {
public:
  CacheElement(const Params& params, const Facts& facts);
  bool quantized() const { return format == Format::int8; }
  Halide::Type type() const;
  /// What an element stands for; of a quantized head without its scale, exactly.
  Halide::Expr decoded(const Halide::Expr& element) const;
  /// The scale of a quantized head of `headDim` elements; `at` gives the element with a coordinate along d.
  Halide::Expr scale(int headDim, const std::function<Halide::Expr(const Halide::Expr&)>& at) const;

  /// What is written, and the function in whose loop over d the heads' elements are computed: the same one unless quantized.
  struct Written {
    Halide::Func out, elements;
  };
  /// `heads` has arguments (d, h, p), of which `inner`, h or p, is the loop next to d. The strides of `out` are free.
  Written written(const Halide::Func& heads, int headDim, const Halide::Var& inner) const;

private:
  Written quantized(const Halide::Func& heads, int headDim, const Halide::Var& inner) const;

  enum class Format { f32, f16, int8 } format;
  const Facts& facts;
};

}  // namespace quantc::kernels
