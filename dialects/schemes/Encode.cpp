// How numbers become codes. The scale of int4 and int6 is searched. A candidate k = -maxCode * factor maps the element of largest magnitude to k,
// which decides all codes q(i); the best scale for these codes is d = sum(x q) / sum(q q), and leaves the squared error sum(x x) - sum(x q)^2 /
// sum(q q). The candidate of the smallest error wins, the first among equals, and competes with x_max / -maxCode after both scales are rounded to
// binary16. All sums are kept in eight lanes that are added in a fixed order, so every machine chooses alike, with vectors or without.
#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "dialects/schemes/Scheme.h"

// More lanes where the processor has them; no target among these brings fused multiply-add along, and the build forbids contraction.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define QUANTC_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define QUANTC_WIDE
#endif

namespace quantc {
namespace {

constexpr int kGroup = 32, kLanes = 8;
constexpr uint16_t kLargestHalf = 0x7bff;
constexpr float kRoundingShift = 0x1.8p23f;  // adding it leaves no fraction bits: rounds to nearest, ties to even
// Factors of -maxCode, from clipping nothing and leaving codes unused to clipping the largest by a fifth.
constexpr int kCandidates = 17;
constexpr float kFirstFactor = 0.75f, kFactorStep = 0.03125f;

/// The element of largest magnitude with its sign; the first among equals, so that the result never depends on anything else.
float extreme(const float* values, int64_t count) {
  float largest = 0;
  for (int64_t i = 0; i < count; ++i)
    largest = std::max(largest, std::fabs(values[i]));
  for (int64_t i = 0; i < count; ++i)
    if (std::fabs(values[i]) == largest)
      return values[i];
  return 0;
}

/// Beyond the range of binary16 the largest finite scale is used and codes saturate.
uint16_t finiteHalf(float scale) {
  const uint16_t half = halfFromFloat(scale);
  return (half & 0x7fff) > kLargestHalf ? static_cast<uint16_t>((half & 0x8000) | kLargestHalf) : half;
}

/// Eight values at once, one operation each: what the target has no registers for the compiler cuts.
using Lanes __attribute__((vector_size(kLanes * sizeof(float)))) = float;
using Group = Lanes[kGroup / kLanes];

inline float sumOf(const Lanes& x) { return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7])); }

/// Turns scaled values into codes.
inline __attribute__((always_inline)) void roundInto(Lanes& x, float lowest, float highest) {
  const Lanes low = lowest - Lanes{}, high = highest - Lanes{};
  x = x < low ? low : x;
  x = x > high ? high : x;
  x = (x + kRoundingShift) - kRoundingShift;
}

/// The best scale of the candidates in binary32; 0 when there is none.
QUANTC_WIDE float searchedScale(const Group& x, float largest, float maxCode) {
  float best = 0, bestScale = 0;
  for (int candidate = 0; candidate < kCandidates; ++candidate) {
    const float inverse = -(maxCode * (kFirstFactor + kFactorStep * static_cast<float>(candidate))) / largest;
    Lanes products = {}, squares = {};
    for (const Lanes& values : x) {
      Lanes codes = values * inverse;
      roundInto(codes, -maxCode, maxCode - 1);
      products += values * codes;
      squares += codes * codes;
    }
    const float product = sumOf(products), square = sumOf(squares);
    const float gain = product * product / square;
    if (gain > best) {
      best = gain;
      bestScale = product / square;
    }
  }
  return bestScale;
}

/// Of the codes that encodeGroup chooses.
QUANTC_WIDE float squaredError(const Group& x, float scale, float maxCode) {
  Lanes errors = {};
  for (const Lanes& values : x) {
    Lanes codes = values / scale;
    roundInto(codes, -maxCode, maxCode - 1);
    const Lanes error = values - codes * scale;
    errors += error * error;
  }
  return sumOf(errors);
}

uint16_t groupScale(const Scheme& scheme, const float* values, int64_t count) {
  const float largest = extreme(values, count), maxCode = static_cast<float>(scheme.maxCode);
  if (scheme.bits == 8)
    return finiteHalf(std::fabs(largest) / maxCode);
  const uint16_t plain = finiteHalf(-largest / maxCode);
  // Squares stay finite and far from 0 within these; weights are.
  if (std::fabs(largest) > 0x1p16f || std::fabs(largest) < 0x1p-18f)
    return plain;
  Group x = {};
  std::memcpy(x, values, count * sizeof(float));
  const uint16_t searched = finiteHalf(searchedScale(x, largest, maxCode));
  if ((searched & 0x7fff) == 0)
    return plain;
  const float plainError = squaredError(x, floatFromHalf(plain), maxCode);
  return squaredError(x, floatFromHalf(searched), maxCode) < plainError ? searched : plain;
}

QUANTC_WIDE void encodeGroup(const float* values, int64_t count, float scale, float lowest, float highest, int8_t* codes) {
  Group x = {};
  std::memcpy(x, values, count * sizeof(float));
  for (Lanes& lanes : x) {
    lanes /= scale;
    roundInto(lanes, lowest, highest);
  }
  for (int64_t i = 0; i < count; ++i)
    codes[i] = static_cast<int8_t>(static_cast<int>(x[i / kLanes][i % kLanes]));
}

}  // namespace

void encodeRow(const Scheme& scheme, const float* row, int64_t columns, EncodedRow& out) {
  assert(scheme.quantized() && scheme.groupSize == kGroup);
  const int64_t groups = (columns + kGroup - 1) / kGroup;
  out.codes.assign(groups * kGroup, 0);
  out.scales.resize(groups);
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t first = g * kGroup, count = std::min<int64_t>(kGroup, columns - first);
    out.scales[g] = groupScale(scheme, row + first, count);
    const float scale = floatFromHalf(out.scales[g]);
    if (scale != 0)
      encodeGroup(row + first, count, scale, static_cast<float>(lowestCode(scheme)), static_cast<float>(highestCode(scheme)),
                  &out.codes[first]);
  }
}

}  // namespace quantc
