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
  Activations(const Params& params, const Scheme& scheme, const Facts& facts);
  void appendInputs(std::vector<Halide::ImageParam>& inputs) const;

  bool quantized;
  Halide::ImageParam floats, values, scales, sums;
};

/// Which rows of activations and weights belong together where every row of the result has an expert of its own; without experts the same ones.
struct Experts {
  explicit Experts(const Params& params);
  void appendInputs(std::vector<Halide::ImageParam>& inputs) const;

  int count, tiles, slots;  ///< experts, 0: none; tiles of rows of each; rows of the result per row of activations
  Halide::ImageParam ids;   ///< i32 (s)

  /// Columns or groups, as many as `extent`, for row t: a second dimension goes through the experts and does nothing for those that are not its own,
  /// because what a loop's variable names can be computed in it. A wrong id reads nothing foreign.
  Halide::RDom along(const Halide::Expr& extent, const std::string& name, const Halide::Expr& t) const;
  /// Tile of the weights that is tile u of the expert, and row of the activations.
  Halide::Expr tile(const Halide::Expr& u, const Halide::RDom& along) const { return count ? along.y * tiles + u : u; }
  Halide::Expr row(const Halide::Expr& t) const { return count ? t / slots : t; }
};

/// One product. `value` is at (row in tile, tile, token), or of blocks (IntegerDot.h) at (row of the pair, token, pair of rows, tile).
class Dot {
public:
  /// `many`: for blocks of tokens, as tokenBlock has them; else, and always with experts, for one.
  Dot(const Activations& activations, const Weights& weights, const Experts& experts, const Facts& facts, bool many);
  Halide::Func value() const { return value_; }
  /// At row n, an index over all tiles. `limited`: rows beyond the last tile may be asked for and get something.
  Halide::Expr at(const Halide::Expr& n, const Halide::Expr& t, bool limited) const;
  /// Computes so many tiles of rows for a block of tokens, or fewer of either, whose numbers must be constant at the place.
  void computeAt(const Halide::LoopLevel& place, int tiles, const Facts& facts);

private:
  void sumFloats(const Activations& activations, const Weights& weights, const Experts& experts);
  void sumGroups(const Activations& activations, const Weights& weights, const Experts& experts, const Facts& facts, bool many);

  Halide::Stage cutBlocks(Halide::Stage stage) const;

  Halide::Var r, u, t;
  Halide::Var a, p, b, q;  ///< of blocks: row of a pair, pair of rows; token of a pair, pair of tokens
  Halide::Func value_;
  Halide::RDom along;
  IntegerDot integer;
  Halide::ImageParam streamed;  ///< weights that a single token reads once, from memory
  Halide::Expr tiles;
  int rowsPerTile;
  TokenBlock block;
  bool byExpert;
};

}  // namespace quantc::kernels
