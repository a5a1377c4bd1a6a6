// Of a few measurements of the same thing.
#pragma once

#include <algorithm>
#include <vector>

namespace quantc::bench {

struct Spread {
  double median = 0, lowest = 0, highest = 0;
};

/// All 0 without values.
inline Spread spreadOf(std::vector<double> values) {
  if (values.empty())
    return {};
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return {values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2, values.front(), values.back()};
}

}  // namespace quantc::bench
