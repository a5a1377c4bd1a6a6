// Products of activations and packed weights, summed in the order of the numerics contract:
//   f32, f16:    dot = (..((x(0) * w(0)) + x(1) * w(1)) + ..)  over the columns, ascending, from 0
//   quantized:   dot = sum over the groups, ascending, of float(isum) * (activation scale * weight scale), isum exact
#pragma once

#include "compiler/kernels/Family.h"
#include "compiler/kernels/IntegerDot.h"
#include "compiler/kernels/Weights.h"

namespace quantc::kernels {

/// What is multiplied with weights: x f32 (K, s), or quantized (Kernel.h, "Q") where the scheme is.
struct Activations {
  Activations(const Params& params, const Scheme& scheme);
  void appendInputs(std::vector<Halide::ImageParam>& inputs) const;

  bool quantized;
  Halide::ImageParam floats, values, scales, sums;
};

/// One product. `value` is at (row in tile, tile, token).
class Dot {
public:
  /// `many`: for blocks of tokens, as tokenBlock has them; else for one.
  Dot(const Activations& activations, const Weights& weights, const Facts& facts, bool many);
  Halide::Func value() const { return value_; }
  /// At row n, an index over all tiles. `limited`: rows beyond the last tile may be asked for and get something.
  Halide::Expr at(const Halide::Expr& n, const Halide::Expr& t, bool limited) const;
  /// Computes one tile of rows for a block of tokens, or for fewer, whose number must be constant at the place.
  void computeAt(const Halide::LoopLevel& place, const Facts& facts);

private:
  void sumFloats(const Activations& activations, const Weights& weights);
  void sumGroups(const Activations& activations, const Weights& weights, const Facts& facts, bool many);

  Halide::Var r, u, t;
  Halide::Func value_;
  Halide::RDom along;
  IntegerDot integer;
  Halide::Expr tiles;
  int rowsPerTile;
  TokenBlock block;
};

}  // namespace quantc::kernels
