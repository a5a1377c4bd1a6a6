#include "runtime/src/step_shape.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace quantc::test {
namespace {

using rt::evaluate;
using rt::StepCorners;
using rt::StepShape;
using schema::Size;

TEST(StepShape, EvaluatesAffineSizes) {
  EXPECT_EQ(evaluate(Size(7, 0, 0, 0, 0), {3, 5, 1, 4}), 7);
  EXPECT_EQ(evaluate(Size(1, 2, -3, 10, 100), {3, 5, 1, 4}), 1 + 6 - 15 + 10 + 400);
}

// The corners must give the same extremes as trying every step.
TEST(StepShape, CornersReachTheExtremesOfAllSteps) {
  const int64_t limits[][4] = {{16, 5, 5, 0}, {16, 5, 2, 9}, {16, 16, 1, 0}, {4, 4, 0, 1}, {1, 1, 1, 0}};
  for (const auto& [context, max_sequence, max_outputs, max_source] : limits) {
    for (int bits = 0; bits < 81; ++bits) {
      const Size size(1, bits % 3 - 1, bits / 3 % 3 - 1, 2 * (bits / 9 % 3) - 2, bits / 27 - 1);
      int64_t least = INT64_MAX, most = INT64_MIN;
      for (int64_t sequence = 1; sequence <= max_sequence; ++sequence)
        for (int64_t past = 0; past <= context - sequence; ++past)
          for (int64_t outputs = 0; outputs <= std::min(sequence, max_outputs); ++outputs)
            for (int64_t source = std::min<int64_t>(1, max_source); source <= max_source; ++source) {
              least = std::min(least, evaluate(size, {sequence, past, outputs, source}));
              most = std::max(most, evaluate(size, {sequence, past, outputs, source}));
            }
      int64_t corner_least = INT64_MAX, corner_most = INT64_MIN;
      for (const StepShape& corner : StepCorners(context, max_sequence, max_outputs, max_source)) {
        corner_least = std::min(corner_least, evaluate(size, corner));
        corner_most = std::max(corner_most, evaluate(size, corner));
      }
      EXPECT_EQ(corner_least, least) << context << " " << max_sequence << " " << max_outputs << " size " << bits;
      EXPECT_EQ(corner_most, most) << context << " " << max_sequence << " " << max_outputs << " size " << bits;
    }
  }
}

}  // namespace
}  // namespace quantc::test
