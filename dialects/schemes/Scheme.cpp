#include "dialects/schemes/Scheme.h"

#include <cassert>
#include <cstring>

namespace quantc {
namespace {

constexpr int64_t kScalesAlignment = 64;

int64_t roundUp(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Writes the codes of row `r` of a tile into the tile's bytes. Consecutive bytes of a row's run of I lie together (Scheme.h).
void placeCodes(const Scheme& scheme, const WeightLayout& layout, const std::vector<int8_t>& codes, int64_t r, uint8_t* values) {
  const int64_t interleave = layout.kInterleave, rows = layout.rowsPerTile, groups = static_cast<int64_t>(codes.size()) / scheme.groupSize;
  const int64_t runs = scheme.groupSize * scheme.bits / 8 / interleave, nibbleRuns = scheme.groupSize / 2 / interleave;
  for (int64_t group = 0; group < groups; ++group) {
    const int8_t* from = &codes[group * scheme.groupSize];
    auto raised = [&](int64_t run, int64_t i) { return static_cast<unsigned>(from[run * interleave + i] + scheme.maxCode); };
    for (int64_t run = 0; run < runs; ++run) {
      uint8_t* to = &values[((group * runs + run) * rows + r) * interleave];
      for (int64_t i = 0; i < interleave; ++i) {
        unsigned byte = 0;
        if (scheme.bits == 8)
          byte = static_cast<uint8_t>(from[run * interleave + i]);
        else if (run < nibbleRuns)
          byte = (raised(2 * run, i) & 15) | (raised(2 * run + 1, i) & 15) << 4;
        else
          for (int64_t part = 0; part < 4; ++part)
            byte |= raised(4 * (run - nibbleRuns) + part, i) >> 4 << 2 * part;
        to[i] = static_cast<uint8_t>(byte);
      }
    }
  }
}

}  // namespace

const std::vector<Scheme>& allSchemes() {
  static const std::vector<Scheme> schemes = {
#define SCHEME(id, name, bits, group_size, bytes_per_scale, max_code) {SchemeId::name, #name, bits, group_size, bytes_per_scale, max_code},
#include "dialects/schemes/schemes.inc"
#undef SCHEME
  };
  return schemes;
}

const Scheme& schemeOf(SchemeId id) {
  for (const Scheme& scheme : allSchemes())
    if (scheme.id == id)
      return scheme;
  assert(false && "every SchemeId is a row of schemes.inc");
  return allSchemes().front();
}

const Scheme* findScheme(const std::string& name) {
  for (const Scheme& scheme : allSchemes())
    if (name == scheme.name)
      return &scheme;
  return nullptr;
}

std::string knownSchemes() {
  std::string names;
  for (const Scheme& scheme : allSchemes())
    names += (names.empty() ? "" : ", ") + std::string(scheme.name);
  return names;
}

int lowestCode(const Scheme& scheme) { return -scheme.maxCode; }
int highestCode(const Scheme& scheme) { return scheme.bits < 8 ? scheme.maxCode - 1 : scheme.maxCode; }

uint16_t halfFromFloat(float value) {
  const uint32_t bits = bitsOf(value);
  const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return static_cast<uint16_t>(sign | 0x7e00);
  if (magnitude >= 0x477ff000)  // 65520, half way between the largest binary16 and the power of two above it
    return static_cast<uint16_t>(sign | 0x7c00);
  if (magnitude < 0x38800000) {  // below 2^-14 binary16 counts in steps of 2^-24: adding 2^-1 leaves that many bits, correctly rounded
    const float counted = floatOf(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (bitsOf(counted) - bitsOf(0.5f)));
  }
  const uint32_t odd = magnitude >> 13 & 1;
  return static_cast<uint16_t>(sign | (magnitude - 0x38000000 + 0xfff + odd) >> 13);
}

float floatFromHalf(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, exponent = half >> 10 & 31, mantissa = half & 0x3ff;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return floatOf(sign | bitsOf(magnitude));
  }
  return floatOf(sign | (exponent == 31 ? 0xffu : exponent + 112) << 23 | mantissa << 13);
}

void decodeRow(const Scheme& scheme, const EncodedRow& encoded, int64_t columns, float* out) {
  for (int64_t i = 0; i < columns; ++i)
    out[i] = static_cast<float>(encoded.codes[i]) * floatFromHalf(encoded.scales[i / scheme.groupSize]);
}

PackedSize packedSize(const Scheme& scheme, const WeightLayout& layout, int64_t rows, int64_t columns) {
  PackedSize size{};
  size.tiles = (rows + layout.rowsPerTile - 1) / layout.rowsPerTile;
  const int64_t paddedRows = size.tiles * layout.rowsPerTile;
  if (!scheme.quantized()) {
    size.valuesBytes = paddedRows * columns * scheme.bits / 8;
    size.scalesOffset = size.bytes = size.valuesBytes;
    return size;
  }
  size.groups = (columns + scheme.groupSize - 1) / scheme.groupSize;
  size.valuesBytes = paddedRows * size.groups * scheme.groupSize * scheme.bits / 8;
  size.scalesOffset = roundUp(size.valuesBytes, kScalesAlignment);
  size.bytes = size.scalesOffset + paddedRows * size.groups * scheme.bytesPerScale;
  return size;
}

void packTile(const Scheme& scheme, const WeightLayout& layout, const float* rows, int64_t rowCount, int64_t columns, uint8_t* values,
              uint8_t* scales) {
  const int64_t tileRows = layout.rowsPerTile;
  if (!scheme.quantized()) {
    for (int64_t column = 0; column < columns; ++column) {
      for (int64_t r = 0; r < tileRows; ++r) {
        const float value = r < rowCount ? rows[r * columns + column] : 0.0f;
        const int64_t index = column * tileRows + r;
        if (scheme.id == SchemeId::f16) {
          const uint16_t half = halfFromFloat(value);
          std::memcpy(values + 2 * index, &half, sizeof half);
        } else {
          std::memcpy(values + 4 * index, &value, sizeof value);
        }
      }
    }
    return;
  }
  std::vector<EncodedRow> encoded(rowCount);
  for (int64_t r = 0; r < rowCount; ++r)
    encodeRow(scheme, rows + r * columns, columns, encoded[r]);
  packEncodedTile(scheme, layout, encoded.data(), rowCount, columns, values, scales);
}

void packEncodedTile(const Scheme& scheme, const WeightLayout& layout, const EncodedRow* rows, int64_t rowCount, int64_t columns,
                     uint8_t* values, uint8_t* scales) {
  const int64_t groups = (columns + scheme.groupSize - 1) / scheme.groupSize, tileRows = layout.rowsPerTile;
  EncodedRow none;
  none.codes.assign(groups * scheme.groupSize, 0);
  none.scales.assign(groups, 0);
  for (int64_t r = 0; r < tileRows; ++r) {
    const EncodedRow& row = r < rowCount ? rows[r] : none;
    placeCodes(scheme, layout, row.codes, r, values);
    for (int64_t g = 0; g < groups; ++g)
      std::memcpy(scales + scheme.bytesPerScale * (g * tileRows + r), &row.scales[g], sizeof(uint16_t));
  }
}

}  // namespace quantc
