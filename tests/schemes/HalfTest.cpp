// binary16 conversions, over all of them.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "dialects/schemes/Scheme.h"

namespace quantc::test {
namespace {

constexpr uint16_t kInfinity = 0x7c00, kLargest = 0x7bff;

bool isNan(uint16_t half) { return (half & 0x7fff) > kInfinity; }

/// The value by definition, in double, where every binary16 is exact.
double valueOf(uint16_t half) {
  const int exponent = half >> 10 & 31, mantissa = half & 0x3ff;
  const double magnitude = exponent == 31  ? std::numeric_limits<double>::infinity()
                           : exponent == 0 ? std::ldexp(mantissa, -24)
                                           : std::ldexp(1024 + mantissa, exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}

TEST(Half, EveryValueIsExactAndComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint16_t half = static_cast<uint16_t>(bits);
    const float value = floatFromHalf(half);
    if (isNan(half)) {
      EXPECT_TRUE(std::isnan(value)) << bits;
      EXPECT_TRUE(isNan(halfFromFloat(value))) << bits;
      continue;
    }
    EXPECT_EQ(value, valueOf(half)) << bits;
    EXPECT_EQ(std::signbit(value), (half & 0x8000) != 0) << bits;
    EXPECT_EQ(halfFromFloat(value), half) << bits;
  }
}

TEST(Half, RoundsToNearestAndTiesToEven) {
  for (uint16_t half = 0; half < kLargest; ++half) {
    const uint16_t next = half + 1, even = half & 1 ? next : half;
    const float middle = static_cast<float>((valueOf(half) + valueOf(next)) / 2);  // 12 bits at most: exact in float
    EXPECT_EQ(halfFromFloat(middle), even) << half;
    EXPECT_EQ(halfFromFloat(std::nextafter(middle, 0.0f)), half) << half;
    EXPECT_EQ(halfFromFloat(std::nextafter(middle, 1e9f)), next) << half;
    EXPECT_EQ(halfFromFloat(-middle), even | 0x8000) << half;
  }
}

TEST(Half, OverflowsToInfinityAndUnderflowsToZero) {
  EXPECT_EQ(halfFromFloat(65504.0f), kLargest);
  EXPECT_EQ(halfFromFloat(std::nextafter(65520.0f, 0.0f)), kLargest);
  EXPECT_EQ(halfFromFloat(65520.0f), kInfinity);
  EXPECT_EQ(halfFromFloat(-1e30f), kInfinity | 0x8000);
  EXPECT_EQ(halfFromFloat(std::numeric_limits<float>::infinity()), kInfinity);
  EXPECT_EQ(halfFromFloat(0x1p-25f), 0);
  EXPECT_EQ(halfFromFloat(std::nextafter(0x1p-25f, 1.0f)), 1);
  EXPECT_EQ(halfFromFloat(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(halfFromFloat(-0.0f), 0x8000);
}

}  // namespace
}  // namespace quantc::test
