#include "bench/support/RandomWeights.h"

#include <cmath>

#include "dialects/schemes/Scheme.h"

namespace quantc::bench {

std::vector<uint16_t> normalTable(double mean, double deviation) {
  constexpr int half = 32768;
  std::vector<uint16_t> table(2 * half);
  double x = 0;
  for (int i = 0; i < half; ++i) {
    // The quantile of upper tail probability p, by Newton's method from its neighbour; it is convex there, so this converges.
    double p = 0.5 - (i + 0.5) / (2 * half);
    for (int step = 0; step < 20; ++step) {
      double density = std::exp(-0.5 * x * x) * 0.3989422804014327;
      x += (0.5 * std::erfc(x * 0.7071067811865476) - p) / density;
    }
    table[half + i] = halfFromFloat(static_cast<float>(mean + deviation * x));
    table[half - 1 - i] = halfFromFloat(static_cast<float>(mean - deviation * x));
  }
  return table;
}

}  // namespace quantc::bench
