#include "compiler/kernels/Weights.h"

#include "compiler/kernels/Math.h"

namespace quantc::kernels {

using namespace Halide;

Weights::Weights(const Params& params, const Facts& facts, int number)
    : scheme(findScheme(params.text("scheme"))), layout(facts.layout), halfConversion(facts.halfConversion) {
  if (!scheme)
    params.fail("parameter 'scheme' is '" + params.text("scheme") + "'; use one of " + knownSchemes());
  const int rowsPerTile = layout.rowsPerTile, interleave = layout.kInterleave;
  if (!scheme->quantized()) {
    values = ImageParam(scheme->bits == 16 ? Type(UInt(16)) : Type(Float(32)), 3, "weights" + std::to_string(number));
    values.dim(0).set_bounds(0, rowsPerTile);
    values.dim(1).set_stride(rowsPerTile);
    return;
  }
  const int runs = scheme->groupSize * scheme->bits / 8 / interleave;
  values = ImageParam(scheme->bits < 8 ? UInt(8) : Int(8), 5, "weights" + std::to_string(number));
  scales = ImageParam(UInt(16), 3, "scales" + std::to_string(number));
  values.dim(0).set_bounds(0, interleave);
  values.dim(1).set_bounds(0, rowsPerTile).set_stride(interleave);
  values.dim(2).set_bounds(0, runs).set_stride(interleave * rowsPerTile);
  values.dim(3).set_stride(interleave * rowsPerTile * runs);
  scales.dim(0).set_bounds(0, rowsPerTile);
  scales.dim(1).set_stride(rowsPerTile);
  // Where a kernel is for one number of groups, its loops and distances are constants.
  if (params.textOr("groups", "").empty())
    return;
  const int groups = knownGroups = params.integer("groups", 1, 1 << 20);
  values.dim(3).set_bounds(0, groups);
  values.dim(4).set_stride(interleave * rowsPerTile * runs * groups);
  scales.dim(1).set_bounds(0, groups);
  scales.dim(2).set_stride(rowsPerTile * groups);
}

void Weights::appendInputs(std::vector<ImageParam>& inputs) const {
  inputs.push_back(values);
  if (scheme->quantized())
    inputs.push_back(scales);
}

Expr Weights::tiles() const { return values.dim(values.dimensions() - 1).extent(); }
Expr Weights::groups() const { return values.dim(3).extent(); }
Expr Weights::rows() const { return tiles() * layout.rowsPerTile; }

Expr Weights::floating(const Expr& r, const Expr& column, const Expr& tile) const {
  Expr value = values(r, column, tile);
  return scheme->bits == 16 ? floatFromHalfBits(value, halfConversion) : value;
}

Expr Weights::scale(const Expr& r, const Expr& group, const Expr& tile) const {
  return floatFromHalfBits(scales(r, group, tile), halfConversion);
}

Expr Weights::at(const Expr& row, const Expr& column) const {
  Expr r = row % layout.rowsPerTile, tile = row / layout.rowsPerTile;
  if (!scheme->quantized())
    return floating(r, column, tile);
  const int interleave = layout.kInterleave;
  Expr group = column / scheme->groupSize, within = column % scheme->groupSize;
  if (scheme->bits == 8) {
    Expr code = values(within % interleave, r, within / interleave, group, tile);
    return cast<float>(code) * scale(r, group, tile);
  }
  Expr byte = values(within % interleave, r, within / (2 * interleave), group, tile);
  Expr code = cast<int>(select(within / interleave % 2 == 0, byte & cast<uint8_t>(15), byte >> cast<uint8_t>(4)));
  if (scheme->bits == 6) {
    Expr pairs = values(within % interleave, r, scheme->groupSize / 2 / interleave + within / (4 * interleave), group, tile);
    code = code | (cast<int>(pairs) >> (2 * (within / interleave % 4)) & 3) << 4;
  }
  return cast<float>(code - scheme->maxCode) * scale(r, group, tile);
}

}  // namespace quantc::kernels
