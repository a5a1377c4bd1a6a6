// Sums of float32 in the order of the numerics contract: 16 interleaved partial sums, then a fixed tree.
#pragma once

#include <functional>

#include "compiler/kernels/Family.h"

namespace quantc::kernels {

constexpr int kPartials = 16;

/// Combines values(0..count-1), `count` a power of two: value l with value l + count/2, and so on. Order: ((v0+v8)+(v4+v12))+...
template <typename Combine> Halide::Expr combineTree(std::vector<Halide::Expr> values, Combine combine) {
  for (size_t half = values.size() / 2; half; half /= 2)
    for (size_t l = 0; l < half; ++l)
      values[l] = combine(values[l], values[l + half]);
  return values.front();
}

inline Halide::Expr sumTree(const std::vector<Halide::Expr>& values) {
  return combineTree(values, [](const Halide::Expr& a, const Halide::Expr& b) { return a + b; });
}

}  // namespace quantc::kernels
