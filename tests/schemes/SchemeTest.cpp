// Every row of schemes.inc: what encoding loses, what it must hit exactly, and that packing puts everything where Scheme.h says.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "dialects/schemes/Scheme.h"

namespace quantc::test {
namespace {

std::vector<float> randomRow(int64_t count, uint32_t seed, float scale = 1) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values)
    value = (static_cast<float>(random() >> 8) * 0x1p-23f - 1.0f) * scale;
  return values;
}

class EveryScheme : public testing::TestWithParam<Scheme> {
protected:
  const Scheme& scheme = GetParam();
  int highest() const { return searched() ? scheme.maxCode - 1 : scheme.maxCode; }
  /// Whether the scale is searched rather than the largest element's.
  bool searched() const { return scheme.bits < 8; }
  std::vector<float> throughCodes(const std::vector<float>& row) const {
    EncodedRow encoded;
    encodeRow(scheme, row.data(), static_cast<int64_t>(row.size()), encoded);
    std::vector<float> decoded(row.size());
    decodeRow(scheme, encoded, static_cast<int64_t>(row.size()), decoded.data());
    return decoded;
  }
};

double squaredError(const std::vector<float>& row, const std::vector<float>& decoded) {
  double sum = 0;
  for (size_t i = 0; i < row.size(); ++i)
    sum += (static_cast<double>(row[i]) - decoded[i]) * (static_cast<double>(row[i]) - decoded[i]);
  return sum;
}

class QuantizedScheme : public EveryScheme {
protected:
  /// A group by the scale that maps its largest element to the lowest code, without a search.
  std::vector<float> plainly(const std::vector<float>& group) const {
    float largest = 0;
    for (float value : group)
      if (std::fabs(value) > std::fabs(largest))
        largest = value;
    const float scale = floatFromHalf(halfFromFloat(-largest / static_cast<float>(scheme.maxCode)));
    std::vector<float> rounded;
    for (float value : group)
      rounded.push_back(scale * std::min(std::max(std::nearbyint(value / scale), static_cast<float>(lowestCode(scheme))),
                                         static_cast<float>(highestCode(scheme))));
    return rounded;
  }
};

std::vector<Scheme> quantizedSchemes() {
  std::vector<Scheme> result;
  std::copy_if(allSchemes().begin(), allSchemes().end(), std::back_inserter(result),
               [](const Scheme& scheme) { return scheme.quantized(); });
  return result;
}

TEST_P(EveryScheme, IsFoundByNameAndId) {
  EXPECT_EQ(findScheme(scheme.name), &schemeOf(scheme.id));
  EXPECT_NE(knownSchemes().find(scheme.name), std::string::npos);
  EXPECT_EQ(findScheme("float7"), nullptr);
}

TEST_P(QuantizedScheme, ErrorStaysWithinHalfAStepOrWhatASearchAllows) {
  for (int64_t columns : {1, 31, 32, 33, 172}) {
    for (float size : {1e-3f, 1.0f, 300.0f}) {
      const std::vector<float> row = randomRow(columns, 7, size), decoded = throughCodes(row);
      for (int64_t first = 0; first < columns; first += scheme.groupSize) {
        const int64_t last = std::min<int64_t>(columns, first + scheme.groupSize);
        const std::vector<float> group(row.begin() + first, row.begin() + last);
        float largest = 0;
        for (float value : group)
          largest = std::max(largest, std::fabs(value));
        // Half a step and the scale's own rounding. A searched scale may clip, but no element by more than all lose together without the search,
        // errors compared in binary32.
        const float bound = searched() ? static_cast<float>(std::sqrt(squaredError(group, plainly(group)) * (1 + 1e-5)))
                                       : largest * (0.5f / static_cast<float>(scheme.maxCode) + 0x1p-10f);
        for (int64_t i = first; i < last; ++i)
          EXPECT_LE(std::fabs(row[i] - decoded[i]), bound) << columns << " " << size << " " << i;
      }
    }
  }
}

TEST_P(QuantizedScheme, CodesStayInRangeAndTheLargestIsHit) {
  for (float sign : {1.0f, -1.0f}) {
    std::vector<float> row = randomRow(scheme.groupSize, 3, 0.4f);
    row[5] = 2.0f * sign;
    EncodedRow encoded;
    encodeRow(scheme, row.data(), scheme.groupSize, encoded);
    for (int8_t code : encoded.codes) {
      EXPECT_GE(code, -scheme.maxCode);
      EXPECT_LE(code, highest());
    }
    EXPECT_GE(std::abs(encoded.codes[5]), searched() ? scheme.maxCode * 3 / 4 : scheme.maxCode);
    EXPECT_NEAR(throughCodes(row)[5], row[5], searched() ? 0.4f : 2.0f * 0x1p-11f);
  }
}

TEST_P(QuantizedScheme, PaddingIsZeroAndZerosStayZero) {
  const std::vector<float> zeros(40, 0.0f);
  EncodedRow encoded;
  encodeRow(scheme, zeros.data(), 40, encoded);
  EXPECT_EQ(encoded.codes, std::vector<int8_t>(64, 0));
  EXPECT_EQ(encoded.scales.size(), 2u);
  EXPECT_EQ(throughCodes(zeros), zeros);
  const std::vector<float> row = randomRow(33, 1);
  encodeRow(scheme, row.data(), 33, encoded);
  for (size_t i = 33; i < 64; ++i)
    EXPECT_EQ(encoded.codes[i], 0);
}

TEST_P(QuantizedScheme, ExtremeMagnitudesStayFinite) {
  for (float size : {1e-30f, 1e-7f, 1e7f, 3e38f}) {
    std::vector<float> row = randomRow(64, 9, size);
    row[0] = -size;
    for (float value : throughCodes(row))
      EXPECT_TRUE(std::isfinite(value)) << size;
  }
}

/// Reads one element back from packed bytes by the formulas in Scheme.h.
struct Unpacked {
  int code;
  uint16_t scale;
  float value;
};
Unpacked unpack(const Scheme& scheme, const WeightLayout& layout, const std::vector<uint8_t>& bytes, const PackedSize& size,
                int64_t columns, int64_t row, int64_t column) {
  const int64_t R = layout.rowsPerTile, I = layout.kInterleave, t = row / R, r = row % R, g = column / 32, within = column % 32;
  Unpacked result{};
  if (scheme.id == SchemeId::f32) {
    std::memcpy(&result.value, &bytes[4 * ((t * columns + column) * R + r)], 4);
  } else if (scheme.id == SchemeId::f16) {
    uint16_t half;
    std::memcpy(&half, &bytes[2 * ((t * columns + column) * R + r)], 2);
    result.value = floatFromHalf(half);
  } else {
    std::memcpy(&result.scale, &bytes[size.scalesOffset + 2 * ((t * size.groups + g) * R + r)], 2);
    if (scheme.id == SchemeId::int8) {
      const int64_t h = within / I, i = within % I;
      result.code = static_cast<int8_t>(bytes[(((t * size.groups + g) * (32 / I) + h) * R + r) * I + i]);
    } else {
      const int64_t steps = 4 * scheme.bits / I, h = within / (2 * I), high = within / I % 2, i = within % I;
      auto byteAt = [&](int64_t step) { return bytes[(((t * size.groups + g) * steps + step) * R + r) * I + i]; };
      result.code = high ? byteAt(h) >> 4 : byteAt(h) & 15;
      if (scheme.id == SchemeId::int6)
        result.code |= (byteAt(16 / I + within / (4 * I)) >> within / I % 4 * 2 & 3) << 4;
      result.code -= scheme.maxCode;
    }
    result.value = static_cast<float>(result.code) * floatFromHalf(result.scale);
  }
  return result;
}

TEST_P(EveryScheme, UnpackingGivesBackWhatWasPacked) {
  for (const WeightLayout& layout : {WeightLayout{8, 4}, WeightLayout{16, 1}, WeightLayout{4, 8}}) {
    for (int64_t rows : {1, 7, 8, 17}) {
      for (int64_t columns : {32, 40, 172}) {
        const PackedSize size = packedSize(scheme, layout, rows, columns);
        std::vector<uint8_t> bytes(size.bytes, 0xee);
        const std::vector<float> matrix = randomRow(rows * columns, 11);
        const int64_t tileValues = size.valuesBytes / size.tiles, tileScales = (size.bytes - size.scalesOffset) / size.tiles;
        for (int64_t t = 0; t < size.tiles; ++t)
          packTile(scheme, layout, &matrix[t * layout.rowsPerTile * columns],
                   std::min<int64_t>(layout.rowsPerTile, rows - t * layout.rowsPerTile), columns, &bytes[t * tileValues],
                   bytes.data() + size.scalesOffset + t * tileScales);
        for (int64_t row = 0; row < size.tiles * layout.rowsPerTile; ++row) {
          std::vector<float> expected(columns, 0.0f);
          if (row < rows)
            for (int64_t i = 0; i < columns; ++i)
              expected[i] =
                  scheme.id == SchemeId::f16 ? floatFromHalf(halfFromFloat(matrix[row * columns + i])) : matrix[row * columns + i];
          if (row < rows && scheme.quantized())
            expected = throughCodes(expected);
          for (int64_t i = 0; i < columns; ++i)
            ASSERT_EQ(unpack(scheme, layout, bytes, size, columns, row, i).value, expected[i])
                << rows << "x" << columns << " tile " << layout.rowsPerTile << " row " << row << " column " << i;
        }
      }
    }
  }
}

TEST_P(EveryScheme, SizesAreWhatTheBitsSay) {
  const WeightLayout layout{8, 4};
  const PackedSize whole = packedSize(scheme, layout, 64, 256);
  EXPECT_EQ(whole.tiles, 8);
  EXPECT_EQ(whole.valuesBytes * 8, 64 * 256 * scheme.bits);
  const double bitsPerWeight = 8.0 * static_cast<double>(whole.bytes) / (64 * 256);
  EXPECT_DOUBLE_EQ(bitsPerWeight, scheme.quantized() ? scheme.bits + 16.0 / scheme.groupSize : scheme.bits);
  const PackedSize odd = packedSize(scheme, layout, 65, 172);
  EXPECT_EQ(odd.tiles, 9);
  EXPECT_EQ(odd.scalesOffset % 64, 0) << "of this shape the values are a multiple of 64 bytes, too";
  EXPECT_GE(odd.scalesOffset, odd.valuesBytes);
}

INSTANTIATE_TEST_SUITE_P(All, EveryScheme, testing::ValuesIn(allSchemes()), [](const auto& info) { return std::string(info.param.name); });
INSTANTIATE_TEST_SUITE_P(All, QuantizedScheme, testing::ValuesIn(quantizedSchemes()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Int8, RoundsTiesToEven) {
  std::vector<float> row(32, 0.0f);
  row[0] = 127;  // scale 1
  row[1] = 0.5f;
  row[2] = 1.5f;
  row[3] = -2.5f;
  EncodedRow encoded;
  encodeRow(schemeOf(SchemeId::int8), row.data(), 32, encoded);
  EXPECT_EQ(encoded.codes[1], 0);
  EXPECT_EQ(encoded.codes[2], 2);
  EXPECT_EQ(encoded.codes[3], -2);
}

TEST_P(QuantizedScheme, SearchedScalesNeverLoseToTheLargestElements) {
  if (!searched())
    GTEST_SKIP() << "its scale is the largest element's";
  double all = 0, plain = 0;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    const std::vector<float> row = randomRow(32, seed), decoded = throughCodes(row);
    const std::vector<float> rounded = plainly(row);
    // Both errors are compared in binary32 when the scale is chosen.
    EXPECT_LE(squaredError(row, decoded), squaredError(row, rounded) * (1 + 1e-5)) << seed;
    all += squaredError(row, decoded);
    plain += squaredError(row, rounded);
  }
  EXPECT_LT(all, 0.95 * plain);
}

TEST_P(QuantizedScheme, SearchedScalesAreTheSameEverywhere) {
  if (!searched())
    GTEST_SKIP() << "its scale is the largest element's";
  EncodedRow encoded;
  const std::vector<float> row = randomRow(172, 5);
  encodeRow(scheme, row.data(), 172, encoded);
  const std::vector<uint16_t> int4 = {45017, 45317, 12421, 12268, 12319, 45092}, int6 = {42975, 43064, 10271, 10176, 10156, 43062};
  EXPECT_EQ(encoded.scales, scheme.id == SchemeId::int4 ? int4 : int6);
}

TEST(Int4, ScaleTakesTheSignOfTheLargest) {
  std::vector<float> row(32, 0.0f);
  row[0] = 4;
  row[1] = -3.5f;
  EncodedRow encoded;
  encodeRow(schemeOf(SchemeId::int4), row.data(), 32, encoded);
  EXPECT_EQ(floatFromHalf(encoded.scales[0]), -0.5f);
  EXPECT_EQ(encoded.codes[0], -8);
  EXPECT_EQ(encoded.codes[1], 7);
}

}  // namespace
}  // namespace quantc::test
