// Numbers that look random and are the same everywhere.
#pragma once

#include <cstdint>
#include <vector>

namespace quantc::test {

/// From -1 to 1, by a linear congruential generator that begins with `seed`.
inline std::vector<float> numbers(int64_t count, uint32_t seed) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    seed = seed * 1664525 + 1013904223;
    values.push_back(static_cast<float>(seed >> 8) / (1 << 23) - 1);
  }
  return values;
}

}  // namespace quantc::test
