// How the elements of a KV cache are held: parameter `cache`, f32 (also what is missing stands for) or f16.
#pragma once

#include "compiler/kernels/Family.h"
#include "compiler/kernels/Math.h"

namespace quantc::kernels {

class CacheElement {
public:
  CacheElement(const Params& params, const Facts& facts) : half(params.textOr("cache", "f32") == "f16"), hardware(facts.halfConversion) {
    if (!half && params.textOr("cache", "f32") != "f32")
      params.fail("parameter 'cache' is '" + params.text("cache") + "'; use one of f32, f16");
  }
  Halide::Type type() const { return half ? Halide::UInt(16) : Halide::Type(Halide::Float(32)); }
  Halide::Expr encoded(const Halide::Expr& x) const { return half ? halfBitsFromFloat(x, hardware) : x; }
  Halide::Expr decoded(const Halide::Expr& element) const { return half ? floatFromHalfBits(element, hardware) : element; }

private:
  bool half, hardware;
};

}  // namespace quantc::kernels
