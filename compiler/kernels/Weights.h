// The buffers of packed weights (dialects/schemes/Scheme.h) as a kernel sees them.
#pragma once

#include "compiler/kernels/Family.h"
#include "dialects/schemes/Scheme.h"

namespace quantc::kernels {

struct Weights {
  /// Takes `scheme` from the parameters. `number` tells the weights of one kernel apart.
  Weights(const Params& params, const Facts& facts, int number = 0);

  const Scheme* scheme;
  WeightLayout layout;
  bool halfConversion;
  int knownGroups = 0;                ///< groups of a row, 0 where the kernel is for any number of them
  Halide::ImageParam values, scales;  ///< `scales` only where the scheme is quantized

  void appendInputs(std::vector<Halide::ImageParam>& inputs) const;
  Halide::Expr tiles() const;
  Halide::Expr groups() const;
  /// Rows, those that fill the last tile included.
  Halide::Expr rows() const;
  /// Value of the floating schemes at (row in tile, column, tile).
  Halide::Expr floating(const Halide::Expr& r, const Halide::Expr& column, const Halide::Expr& tile) const;
  /// The scale of a row's group.
  Halide::Expr scale(const Halide::Expr& r, const Halide::Expr& group, const Halide::Expr& tile) const;
  /// One element, decoded: code times scale, rounded once.
  Halide::Expr at(const Halide::Expr& row, const Halide::Expr& column) const;
};

}  // namespace quantc::kernels
