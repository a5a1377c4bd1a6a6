// Random float16 weights, the same for the same seed and order of calls.
#pragma once

#include <cstdint>
#include <vector>

namespace quantc::bench {

/// SplitMix64: fast, and good enough for weights.
struct Random {
  uint64_t state;
  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
};

/// 65,536 binary16 values that are equally likely: the quantiles of a normal distribution. Drawing a weight is then one look-up.
std::vector<uint16_t> normalTable(double mean, double deviation);

class RandomWeights {
public:
  /// Draws `count` values, near 1 for norms and near 0 otherwise, and hands them on in blocks of at most 2^18: use(values, how many).
  template <typename Use> void draw(uint64_t count, bool norm, Use use) {
    const std::vector<uint16_t>& table = norm ? nearOne : nearZero;
    while (count > 0) {
      const uint64_t block = count < buffer.size() ? count : buffer.size();
      for (uint64_t i = 0; i < block; i += 4) {
        const uint64_t bits = random.next();
        for (uint64_t j = 0; j < 4; ++j)
          buffer[i + j] = table[(bits >> (16 * j)) & 0xffff];
      }
      use(buffer.data(), block);
      count -= block;
    }
  }

private:
  Random random{1};
  std::vector<uint16_t> nearZero = normalTable(0, 0.02);
  std::vector<uint16_t> nearOne = normalTable(1, 0.05);
  std::vector<uint16_t> buffer = std::vector<uint16_t>(1 << 18);
};

}  // namespace quantc::bench
