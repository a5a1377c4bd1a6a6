// The table of quantization schemes and their slow, readable reference: encode, decode and the layout of packed weights.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "targets/Target.h"

namespace quantc {

enum class SchemeId : uint8_t {
#define SCHEME(id, name, ...) name = id,
#include "dialects/schemes/schemes.inc"
#undef SCHEME
};

struct Scheme {
  SchemeId id;
  const char* name;
  int bits;
  int groupSize;
  int bytesPerScale;
  int maxCode;
  bool quantized() const { return maxCode != 0; }
};

const std::vector<Scheme>& allSchemes();
const Scheme& schemeOf(SchemeId id);
/// nullptr when unknown.
const Scheme* findScheme(const std::string& name);
std::string knownSchemes();
/// What stands for a scheme where each weight takes the one that holds what its file holds.
constexpr const char* kKeepScheme = "keep";

/// What codes of a quantized scheme can be.
int lowestCode(const Scheme& scheme);
int highestCode(const Scheme& scheme);

/// Activations are int8 in groups of this many input features, one float32 scale per token and group.
constexpr int kActivationGroup = 32;
/// Positions in which attention reads keys at a time: rows of keys have room for whole tiles.
constexpr int kKeyTile = 64;
/// With each group goes this many times the sum of its codes: what 4-bit codes that are stored 8 too high add to a dot product.
constexpr int kSumFactor = 8;

/// binary32 to binary16, round to nearest even; overflow gives infinity.
uint16_t halfFromFloat(float value);
float floatFromHalf(uint16_t half);

/// One row of a matrix, encoded: `codes` has one entry per column (column count padded to groupSize with code 0), `scales` one per group.
struct EncodedRow {
  std::vector<int8_t> codes;
  std::vector<uint16_t> scales;
};
/// Symmetric. The scale is rounded to binary16 first, then codes are chosen by rounding to nearest even. int8: scale = max|x| / 127. int4 and
/// int6: the scale of a fixed set whose squared error is smallest (Encode.cpp), never worse than x_max / -maxCode, with x_max the element of
/// largest magnitude. The same bits on every machine.
void encodeRow(const Scheme& scheme, const float* row, int64_t columns, EncodedRow& out);
void decodeRow(const Scheme& scheme, const EncodedRow& encoded, int64_t columns, float* out);

/// Bytes of a packed [rows, columns] matrix. Quantized: values first, scales behind at `scalesOffset` (a multiple of 64). Rows are padded to
/// whole tiles, columns to whole groups.
///
/// With R = rowsPerTile, I = kInterleave, t = row / R, r = row % R, g = column / 32:
///   f32, f16:  element [t][column][r]
///   int8:      byte    [t][g][h][r][i],  column = 32 g + I h + i
///   int4:      byte    [t][g][h][r][i],  low nibble column = 32 g + 2 I h + i, high nibble column + I; nibble = code + 8
///   int6:      byte    [t][g][h][r][i],  h < 16 / I: the low nibbles of code + 32, as int4 has its own; behind them, with H = h - 16 / I, the upper
///              pairs of bits: bits 2 f and 2 f + 1 belong to column = 32 g + I (4 H + f) + i
///   scales:    binary16 [t][g][r]
struct PackedSize {
  int64_t tiles;
  int64_t groups;  ///< per row; 0 for floating point
  int64_t valuesBytes;
  int64_t scalesOffset;
  int64_t bytes;
};
PackedSize packedSize(const Scheme& scheme, const WeightLayout& layout, int64_t rows, int64_t columns);

/// Packs one tile of up to R rows: `rows` holds [rowCount, columns] float32. `values` and `scales` point at the tile's own places.
/// Rows beyond rowCount are written as zero.
void packTile(const Scheme& scheme, const WeightLayout& layout, const float* rows, int64_t rowCount, int64_t columns, uint8_t* values,
              uint8_t* scales);
/// The same from rows that are encoded already.
void packEncodedTile(const Scheme& scheme, const WeightLayout& layout, const EncodedRow* rows, int64_t rowCount, int64_t columns,
                     uint8_t* values, uint8_t* scales);

}  // namespace quantc
