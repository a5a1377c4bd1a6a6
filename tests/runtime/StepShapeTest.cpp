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
  EXPECT_EQ(evaluate(Size(7, 0, 0, 0), {3, 5, 1}), 7);
  EXPECT_EQ(evaluate(Size(1, 2, -3, 10), {3, 5, 1}), 1 + 6 - 15 + 10);
}

// The corners must give the same extremes as trying every step.
TEST(StepShape, CornersReachTheExtremesOfAllSteps) {
  const int64_t limits[][3] = {{16, 5, 5}, {16, 5, 2}, {16, 16, 1}, {4, 4, 0}, {1, 1, 1}};
  for (const auto& [context, max_sequence, max_outputs] : limits) {
    for (int bits = 0; bits < 27; ++bits) {
      const Size size(1, bits % 3 - 1, bits / 3 % 3 - 1, 2 * (bits / 9) - 2);
      int64_t least = INT64_MAX, most = INT64_MIN;
      for (int64_t sequence = 1; sequence <= max_sequence; ++sequence)
        for (int64_t past = 0; past <= context - sequence; ++past)
          for (int64_t outputs = 0; outputs <= std::min(sequence, max_outputs); ++outputs) {
            least = std::min(least, evaluate(size, {sequence, past, outputs}));
            most = std::max(most, evaluate(size, {sequence, past, outputs}));
          }
      int64_t corner_least = INT64_MAX, corner_most = INT64_MIN;
      for (const StepShape& corner : StepCorners(context, max_sequence, max_outputs)) {
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
