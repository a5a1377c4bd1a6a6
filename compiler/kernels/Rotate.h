// Rotary position embedding of one head (Kernel.h, family rope).
#pragma once

#include <functional>

#include "compiler/kernels/Family.h"

namespace quantc::kernels {

/// Parameters `head_dim`, `rotary_dim` (0: nothing rotates), `interleaved`, and the tables cos and sin (rotary/2, positions) where something does.
class Rotation {
public:
  /// Declares the tables and appends them to `inputs`.
  Rotation(const Params& params, std::vector<Halide::ImageParam>& inputs);
  int headDim() const { return headDim_; }
  /// Element d of the rotated head at position p; `x` gives the elements 0 to head_dim - 1 of the head as it was.
  Halide::Expr at(const Halide::Expr& d, const Halide::Expr& p, const std::function<Halide::Expr(const Halide::Expr&)>& x) const;
  /// Cuts the loop over d so that every vector has one formula.
  void schedule(Halide::Func out, const Halide::Var& d, const Facts& facts) const;

private:
  int headDim_, rotaryDim_;
  bool interleaved_ = false;
  Halide::ImageParam cosines_, sines_;
};

}  // namespace quantc::kernels
