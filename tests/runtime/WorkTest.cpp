// How much a call does: what profiles divide by.
#include "runtime/src/work.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace quantc::test {
namespace {

using rt::CallCost;
using rt::PlannedCall;
using rt::PlannedView;
using rt::StepShape;
using rt::Work;
using rt::work_of;
using schema::Dim;
using schema::Size;

Dim dim(const Size& extent) { return Dim(Size(0, 0, 0, 0, 0), Size(0, 0, 0, 0, 0), extent, 1); }

PlannedView view(const std::vector<Dim>& dims, uint8_t element_bytes, bool fixed) {
  PlannedView view = {};
  view.dims = dims.data();
  view.dimensions = static_cast<uint8_t>(dims.size());
  view.element_bytes = element_bytes;
  view.fixed = fixed;
  return view;
}

const Size kOne(1, 0, 0, 0, 0), kTokens(0, 1, 0, 0, 0), kPositions(0, 1, 1, 0, 0);

PlannedCall call_with(const CallCost& cost, const std::vector<PlannedView>& views) {
  return {nullptr, nullptr, &kOne, &kTokens, views.data(), static_cast<uint32_t>(views.size()), cost};
}

TEST(Work, CountsEveryViewOnce) {
  const std::vector<Dim> activations = {dim(Size(8, 0, 0, 0, 0)), dim(kTokens)}, cache = {dim(Size(8, 0, 0, 0, 0)), dim(kPositions)};
  const std::vector<PlannedView> views = {view(cache, 4, false), view(activations, 1, false)};
  const PlannedCall call = call_with({1000, 0, 64, 0, 0, false}, views);
  const Work work = work_of(call, {3, 10, 1, 0});
  EXPECT_EQ(work.bytes, 1000u + 8 * 13 * 4 + 8 * 3);
  EXPECT_EQ(work.multiply_adds, 3u * 64);
  EXPECT_EQ(work_of(call, {0, 10, 0, 0}).bytes, 0u) << "a call without rows does not run";
}

TEST(Work, ReadsNoMoreOfATableThanItWrites) {
  const std::vector<Dim> output = {dim(Size(8, 0, 0, 0, 0)), dim(kTokens)};
  const std::vector<PlannedView> views = {view(output, 4, false)};
  EXPECT_EQ(work_of(call_with({0, 100000, 0, 0, 0, false}, views), {3, 0, 0, 0}).bytes, 2u * 8 * 3 * 4);
  EXPECT_EQ(work_of(call_with({0, 50, 0, 0, 0, false}, views), {3, 0, 0, 0}).bytes, 8u * 3 * 4 + 50);
}

TEST(Work, RowsSeeTheirWindow) {
  for (const uint32_t window : {0, 1, 4, 7, 100}) {
    for (const int64_t past : {0, 1, 3, 6, 20}) {
      for (const int64_t tokens : {1, 2, 5, 9}) {
        uint64_t seen = 0;
        for (int64_t i = 0; i < tokens; ++i)
          seen += static_cast<uint64_t>(window == 0 ? past + tokens : std::min<int64_t>(past + i + 1, window));
        EXPECT_EQ(work_of(call_with({0, 0, 5, 3, window, false}, {}), {tokens, past, 1, 0}).multiply_adds,
                  static_cast<uint64_t>(tokens) * 5 + seen * 3)
            << window << " " << past << " " << tokens;
      }
    }
  }
}

}  // namespace
}  // namespace quantc::test
