#include "compiler/kernels/Rotate.h"

namespace quantc::kernels {

using namespace Halide;

Rotation::Rotation(const Params& params, std::vector<ImageParam>& inputs)
    : headDim_(params.integer("head_dim", 1, 4096)), rotaryDim_(params.integer("rotary_dim", 0, headDim_)) {
  if (rotaryDim_ % 2)
    params.fail("parameter 'rotary_dim' is " + std::to_string(rotaryDim_) + "; use an even number");
  if (rotaryDim_ == 0)
    return;
  interleaved_ = params.flag("interleaved");
  cosines_ = ImageParam(Float(32), 2, "cosines");
  sines_ = ImageParam(Float(32), 2, "sines");
  inputs.push_back(cosines_);
  inputs.push_back(sines_);
}

Expr Rotation::at(const Expr& d, const Expr& p, const std::function<Expr(const Expr&)>& x) const {
  if (rotaryDim_ == 0)
    return x(d);
  const int pairs = rotaryDim_ / 2;
  // Written with remainders, which never leave the head, so that nothing beyond it is asked for.
  Expr inside = d % rotaryDim_;
  Expr pair = interleaved_ ? inside / 2 : inside % pairs;
  Expr isFirst = interleaved_ ? inside % 2 == 0 : inside < pairs;
  Expr partner = interleaved_ ? pair * 2 + (1 - inside % 2) : (inside + pairs) % rotaryDim_;
  Expr own = x(inside) * cosines_(pair, p), other = x(partner) * sines_(pair, p);
  Expr rotated = select(isFirst, own - other, own + other);
  return rotaryDim_ == headDim_ ? rotated : select(d < rotaryDim_, rotated, x(d));
}

void Rotation::schedule(Func out, const Var& d, const Facts& facts) const {
  out.bound(d, 0, headDim_);
  if (!facts.vectors())
    return;
  int width = facts.lanes;
  while (width > 1 && (headDim_ % width || (rotaryDim_ / 2) % width))
    width /= 2;
  if (width == 1)
    return;
  Var vector("vector"), lane("lane");
  out.split(d, vector, lane, width).vectorize(lane);
  constexpr int kMostVectors = 64;
  if (headDim_ / width <= kMostVectors)
    out.unroll(vector);
}

}  // namespace quantc::kernels
