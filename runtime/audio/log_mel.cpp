#include "log_mel.h"

#include <stdint.h>
#include <string.h>

namespace quantc::rt {
namespace {

constexpr uint32_t kMostFrame = 4096, kMostMels = 512;

/// log10 of a normal x > 0 with a relative error below 2^-48: x = m * 2^e with m in [sqrt(1/2), sqrt(2)), ln m = 2 atanh((m - 1) / (m + 1)).
double log10_of(double x) {
  constexpr double kSqrtHalf = 0.70710678118654752440, kLog10Of2 = 0.30102999566398119521, kLog10OfE = 0.43429448190325182765;
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  int64_t exponent = static_cast<int64_t>(bits >> 52) - 1022;
  bits = (bits & ((uint64_t{1} << 52) - 1)) | uint64_t{1022} << 52;
  double m;
  memcpy(&m, &bits, sizeof m);  // in [1/2, 1)
  if (m < kSqrtHalf) {
    m = m + m;
    exponent -= 1;
  }
  const double s = (m - 1) / (m + 1), square = s * s;
  double sum = 0;
  for (int i = 21; i >= 1; i -= 2)
    sum = sum * square + 1.0 / i;
  return static_cast<double>(exponent) * kLog10Of2 + 2 * s * sum * kLog10OfE;
}

uint64_t size_of(const flatbuffers::Vector<float>* values) { return values ? values->size() : 0; }

/// A sample of the sound; what lies before its first and behind the last of `count` is mirrored there.
float sample_at(const qc_wav& wav, int64_t at, int64_t count) {
  at = at < 0 ? -at : at;
  at = at >= count ? 2 * (count - 1) - at : at;
  float value;
  qc_wav_read(&wav, static_cast<uint64_t>(at), 1, &value);
  return value;
}

/// |transform|^2 of the frame whose middle is sample `middle`, `frame / 2 + 1` of them.
void power_of(const schema::LogMel& tables, const qc_wav& wav, int64_t middle, int64_t count, double* power) {
  const int64_t n = tables.frame(), half = n / 2;
  const float* cosines = tables.cosines()->data();
  double even[kMostFrame / 2 + 1], odd[kMostFrame / 2 + 1];  // x(i) + x(n - i), and x(i) - x(n - i)
  const auto windowed = [&](int64_t i) {
    return static_cast<double>(sample_at(wav, middle - half + i, count)) *
           static_cast<double>(tables.window()->Get(static_cast<uint32_t>(i)));
  };
  for (int64_t i = 0; i <= half; ++i) {
    const bool single = i == 0 || i == half;
    const double a = windowed(i), b = single ? 0 : windowed(n - i);
    even[i] = a + b;
    odd[i] = single ? 0 : a - b;
  }
  for (int64_t k = 0; k <= half; ++k) {
    double real = 0, imaginary = 0;
    int64_t phase = 0;  // i * k mod n
    for (int64_t i = 0; i <= half; ++i) {
      const int64_t quarter = phase >= n / 4 ? phase - n / 4 : phase + n - n / 4;  // sine
      real += even[i] * static_cast<double>(cosines[phase]);
      imaginary += odd[i] * static_cast<double>(cosines[quarter]);
      phase += k;
      phase -= phase >= n ? n : 0;
    }
    power[k] = real * real + imaginary * imaginary;
  }
}

}  // namespace

bool check_log_mel(const schema::LogMel& tables) {
  const uint64_t n = tables.frame();
  return n >= 4 && n <= kMostFrame && n % 4 == 0 && tables.hop() >= 1 && tables.hop() <= n && tables.mels() >= 1 &&
         tables.mels() <= kMostMels && size_of(tables.window()) == n && size_of(tables.cosines()) == n &&
         size_of(tables.filters()) == tables.mels() * (n / 2 + 1);
}

void log_mel(const schema::LogMel& tables, const qc_wav& wav, uint64_t frames, float* out) {
  constexpr double kFloor = 1e-10, kRange = 8;
  const uint64_t bins = tables.frame() / 2 + 1;
  const int64_t count = static_cast<int64_t>(frames * tables.hop());
  const float* filters = tables.filters()->data();
  double power[kMostFrame / 2 + 1], largest = -10;
  for (uint64_t t = 0; t < frames; ++t) {
    power_of(tables, wav, static_cast<int64_t>(t * tables.hop()), count, power);
    for (uint64_t m = 0; m < tables.mels(); ++m) {
      double sum = 0;
      for (uint64_t k = 0; k < bins; ++k)
        sum += static_cast<double>(filters[m * bins + k]) * power[k];
      const double value = log10_of(sum > kFloor && sum < 1e300 ? sum : kFloor);
      largest = value > largest ? value : largest;
      out[m * frames + t] = static_cast<float>(value);
    }
  }
  const float least = static_cast<float>(largest - kRange);
  for (uint64_t i = 0; i < tables.mels() * frames; ++i)
    out[i] = ((out[i] < least ? least : out[i]) + 4.0f) / 4.0f;
}

}  // namespace quantc::rt
