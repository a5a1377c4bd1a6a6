#include "compiler/kernels/Math.h"

#include <limits>
#include <vector>

namespace quantc::kernels {

using namespace Halide;

namespace {

constexpr uint32_t kSignBit = 0x80000000;
constexpr float kRoundingShift = 0x1.8p23f;  // adding it leaves no fraction bits, so the sum is rounded to an integer

// Bits are unsigned: they wrap, whereas Halide takes an overflow of int32 for a mistake.
Expr bits(uint32_t value) { return Expr(value); }
Expr bitsOf(const Expr& x) { return reinterpret<uint32_t>(x); }
Expr floatOf(const Expr& bits) { return reinterpret<float>(bits); }

/// Horner's rule, highest coefficient first.
Expr polynomial(const Expr& x, const std::vector<float>& coefficients) {
  Expr sum = coefficients.front();
  for (size_t i = 1; i < coefficients.size(); ++i)
    sum = sum * x + coefficients[i];
  return sum;
}

/// 2^n for -126 <= n <= 127.
Expr powerOfTwo(const Expr& n) { return floatOf((reinterpret<uint32_t>(n) + bits(127)) << bits(23)); }

Expr withSignOf(const Expr& magnitude, const Expr& x) { return floatOf(bitsOf(magnitude) | (bitsOf(x) & bits(kSignBit))); }

}  // namespace

Expr largerOf(const Expr& a, const Expr& b) { return select(a < b, b, a); }
Expr smallerOf(const Expr& a, const Expr& b) { return select(a > b, b, a); }

Expr magnitudeOf(const Expr& x) { return floatOf(bitsOf(x) & bits(~kSignBit)); }
Expr negated(const Expr& x) { return floatOf(bitsOf(x) ^ bits(kSignBit)); }

Expr roundToInt(const Expr& x) { return reinterpret<int32_t>(bitsOf(x + kRoundingShift) - bits(0x4b400000)); }

Expr roundOf(const Expr& x) {
  Expr a = magnitudeOf(x);
  constexpr float kWhole = 0x1p23f;  // from here on there are integers alone
  return select(a < kWhole, withSignOf((a + kWhole) - kWhole, x), x);
}

Expr floorOf(const Expr& x) {
  Expr rounded = roundOf(x);
  return select(rounded > x, rounded - 1.0f, rounded);
}

Expr ceilOf(const Expr& x) { return negated(floorOf(negated(x))); }

Expr floatFromHalfBits(const Expr& half, bool hardware) {
  if (hardware)
    return cast<float>(reinterpret(Float(16), half));
  // Exponent and fraction move to their places, then the difference of the biases is multiplied on: exact for subnormals too.
  Expr wide = reinterpret<uint32_t>(cast<int32_t>(reinterpret<int16_t>(half)));
  return floatOf((wide << bits(13)) & bits(0x8fffe000)) * 0x1p112f;
}

Expr halfBitsFromFloat(const Expr& x, bool hardware) {
  if (hardware)
    return reinterpret<uint16_t>(cast(Float(16), x));
  Expr magnitude = bitsOf(x) & bits(~kSignBit), sign = (bitsOf(x) >> bits(16)) & bits(0x8000);
  // Half of the last place that stays, less one where it is even: a tie is rounded to even. The carry goes into the exponent.
  Expr normal = (magnitude - bits(112u << 23) + bits(0xfff) + ((magnitude >> bits(13)) & bits(1))) >> bits(13);
  // Below 2^-14 an addition leaves the fraction at its place, rounded.
  Expr subnormal = bitsOf(floatOf(magnitude) + 0.5f) - bits(126u << 23);
  Expr finite = select(magnitude < bits(113u << 23), subnormal, normal);
  Expr beyond = select(magnitude > bits(0x7f800000), bits(0x7e00), bits(0x7c00));
  return cast<uint16_t>(select(magnitude >= bits(0x47800000), beyond, finite) | sign);
}

Expr expOf(const Expr& x) {
  constexpr float kLog2e = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  Expr limited = smallerOf(largerOf(x, -105.0f), 89.0f);
  Expr shifted = limited * kLog2e + kRoundingShift;
  Expr n = reinterpret<int32_t>(bitsOf(shifted) - bits(0x4b400000));
  Expr whole = shifted - kRoundingShift;
  Expr r = (limited - whole * kLn2High) - whole * kLn2Low;
  Expr tail = polynomial(r, {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f});
  Expr fraction = (tail * (r * r) + r) + 1.0f;
  // Two steps, so that 2^n itself need not be a float: the second rounds (subnormal results) or overflows.
  Expr half = n >> 1;
  return (fraction * powerOfTwo(half)) * powerOfTwo(n - half);
}

Expr logOf(const Expr& x) {
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f, kSmallestNormal = 0x1p-126f;
  Expr subnormal = strict_float(x < kSmallestNormal);  // also chooses between integers, where Halide would not be strict by itself
  Expr scaled = bitsOf(select(subnormal, x * 0x1p23f, x));
  // The exponent is chosen so that the mantissa lies in [sqrt(1/2), sqrt(2)).
  Expr exponent = reinterpret<int32_t>(scaled - bits(0x3f3504f3)) >> 23;
  Expr mantissa = floatOf(scaled - (reinterpret<uint32_t>(exponent) << bits(23)));
  Expr e = cast<float>(exponent - select(subnormal, 23, 0));
  Expr f = mantissa - 1.0f;
  Expr square = f * f;
  Expr tail = polynomial(f, {7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f,
                             2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f});
  Expr low = (tail * f * square + e * kLn2Low) - 0.5f * square;
  Expr result = (f + low) + e * kLn2High;
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  result = select(x == 0.0f, -infinity, result);
  result = select(bitsOf(magnitudeOf(x)) >= bits(0x7f800000), x, result);
  return select(x < 0.0f, nan, result);
}

Expr tanhOf(const Expr& x) {
  Expr a = magnitudeOf(x);
  Expr square = x * x;
  Expr nearZero =
      polynomial(square, {-5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f, -3.33332819422e-1f}) * square * a +
      a;
  Expr far = 1.0f - 2.0f / (expOf(a + a) + 1.0f);
  return withSignOf(select(a < 0.625f, nearZero, far), x);
}

Expr erfOf(const Expr& x) {
  Expr a = magnitudeOf(x);
  Expr square = x * x;
  Expr nearZero =
      polynomial(square, {-5.96761703e-4f, 4.99119423e-3f, -2.67681349e-2f, 1.12819925e-1f, -3.76125336e-1f, 1.28379166e-1f}) * a + a;
  // 1 - e^q with a polynomial q; from 4 on the result is 1.
  Expr t = smallerOf(a, 4.0f);
  Expr q =
      polynomial(t, {-1.72853470e-5f, 3.83197126e-4f, -3.88396438e-3f, 2.42546219e-2f, -1.06777877e-1f, -6.34846687e-1f, -1.28717512e-1f}) *
          t -
      t;
  Expr far = 1.0f - expOf(q);
  return withSignOf(select(a <= 0.927734375f, nearZero, far), x);
}

}  // namespace quantc::kernels
