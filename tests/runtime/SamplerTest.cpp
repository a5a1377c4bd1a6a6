#include "quantc/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <vector>

namespace quantc::test {
namespace {

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInfinity = std::numeric_limits<float>::infinity();

qc_sampler_options open_options(float temperature = 1) { return {temperature, 0, 1, 0, 42}; }

std::vector<int32_t> draw(const qc_sampler_options& options, const std::vector<float>& logits, int count) {
  std::vector<uint64_t> scratch(qc_sampler_scratch_bytes(static_cast<uint32_t>(logits.size())) / 8 + 1);
  qc_sampler sampler;
  qc_sampler_begin(&sampler, &options);
  std::vector<int32_t> ids;
  for (int i = 0; i < count; ++i)
    ids.push_back(qc_sampler_next(&sampler, logits.data(), static_cast<uint32_t>(logits.size()), scratch.data()));
  return ids;
}

std::set<int32_t> drawn(const qc_sampler_options& options, const std::vector<float>& logits) {
  const std::vector<int32_t> ids = draw(options, logits, 3000);
  return {ids.begin(), ids.end()};
}

std::vector<float> logs(const std::vector<float>& probabilities) {
  std::vector<float> logits;
  for (const float p : probabilities)
    logits.push_back(std::log(p));
  return logits;
}

using Ids = std::set<int32_t>;

TEST(Sampler, GreedyTakesTheFirstOfTheLargest) {
  const qc_sampler_options greedy = open_options(0);
  EXPECT_EQ(draw(greedy, {1, 3, 2, 3}, 1)[0], 1);
  EXPECT_EQ(draw(greedy, {-1, -1, -1}, 1)[0], 0);
  EXPECT_EQ(draw(greedy, {kNan, -kInfinity, -5, kNan}, 1)[0], 2);
  EXPECT_EQ(draw(greedy, {0.f, -0.f}, 1)[0], 0);
}

TEST(Sampler, DrawsByProbability) {
  const std::vector<float> probabilities = {0.5f, 0.125f, 0.25f, 0.125f};
  constexpr int kDraws = 40000;
  std::map<int32_t, int> counts;
  for (const int32_t id : draw(open_options(), logs(probabilities), kDraws))
    ++counts[id];
  for (int32_t id = 0; id < 4; ++id)
    EXPECT_NEAR(counts[id] / double{kDraws}, probabilities[static_cast<size_t>(id)], 0.01) << id;
}

TEST(Sampler, TemperatureScalesTheLogits) {
  constexpr int kDraws = 40000;
  int first = 0;
  for (const int32_t id : draw(open_options(2), {2, 0}, kDraws))
    first += id == 0;
  EXPECT_NEAR(first / double{kDraws}, 1 / (1 + std::exp(-1.0)), 0.01);
}

TEST(Sampler, TopKKeepsTheLargestAndOfEqualsTheFirst) {
  qc_sampler_options options = open_options();
  const std::vector<float> logits = {0, 1, 0.5f, 1, 0.5f, 0.5f};
  const Ids expected[] = {{0, 1, 2, 3, 4, 5}, {1}, {1, 3}, {1, 2, 3}, {1, 2, 3, 4}, {1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5},
                          {0, 1, 2, 3, 4, 5}};
  for (options.top_k = 0; options.top_k < 8; ++options.top_k)
    EXPECT_EQ(drawn(options, logits), expected[options.top_k]) << options.top_k;
}

TEST(Sampler, TopPKeepsTheFewestThatReachTheShare) {
  qc_sampler_options options = open_options();
  const std::vector<float> logits = logs({0.1f, 0.4f, 0.2f, 0.3f});
  const std::pair<float, Ids> cases[] = {{0, {1}},           {0.39f, {1}},          {0.45f, {1, 3}},  {0.65f, {1, 3}},
                                         {0.75f, {1, 2, 3}}, {0.95f, {0, 1, 2, 3}}, {1, {0, 1, 2, 3}}};
  for (const auto& [top_p, expected] : cases) {
    options.top_p = top_p;
    EXPECT_EQ(drawn(options, logits), expected) << top_p;
  }
}

TEST(Sampler, MinPKeepsTheShareOfTheLargest) {
  qc_sampler_options options = open_options();
  const std::vector<float> logits = logs({0.1f, 0.4f, 0.2f, 0.3f});
  const std::pair<float, Ids> cases[] = {{0, {0, 1, 2, 3}}, {0.24f, {0, 1, 2, 3}}, {0.26f, {1, 2, 3}},
                                         {0.6f, {1, 3}},    {0.8f, {1}},           {1, {1}}};
  for (const auto& [min_p, expected] : cases) {
    options.min_p = min_p;
    EXPECT_EQ(drawn(options, logits), expected) << min_p;
  }
}

// Top-p looks at what top-k left: 0.4 of 0.7 is 0.57.
TEST(Sampler, FiltersFollowEachOther) {
  qc_sampler_options options = open_options();
  options.top_k = 2;
  options.top_p = 0.55f;
  EXPECT_EQ(drawn(options, logs({0.1f, 0.4f, 0.2f, 0.3f})), Ids{1});
  options.top_k = 0;
  EXPECT_EQ(drawn(options, logs({0.1f, 0.4f, 0.2f, 0.3f})), (Ids{1, 3}));
}

// Temperature comes last: it does not change what the filters keep.
TEST(Sampler, FiltersSeeTheLogitsWithoutTemperature) {
  qc_sampler_options options = open_options(100);
  options.min_p = 0.6f;
  EXPECT_EQ(drawn(options, logs({0.1f, 0.4f, 0.2f, 0.3f})), (Ids{1, 3}));
}

TEST(Sampler, NeverDrawsWhatIsNoNumberOrImpossible) {
  EXPECT_EQ(drawn(open_options(), {kNan, 1, -kInfinity, 1}), (Ids{1, 3}));
  EXPECT_EQ(drawn(open_options(), {kInfinity, 1, kInfinity}), (Ids{0, 2}));
  EXPECT_EQ(drawn(open_options(), {kNan, kNan}), Ids{0});
  EXPECT_EQ(drawn(open_options(1e-30f), {1, 2, 1}), Ids{1});
}

TEST(Sampler, SeedsRepeatAndDiffer) {
  const std::vector<float> logits(50);
  qc_sampler_options options = open_options();
  const auto first = draw(options, logits, 100);
  EXPECT_EQ(draw(options, logits, 100), first);
  options.seed = 43;
  EXPECT_NE(draw(options, logits, 100), first);
}

// The same on every machine: these ids were drawn on x86-64.
TEST(Sampler, GivesFixedIdsForASeed) {
  std::vector<float> logits;
  for (int i = 0; i < 1000; ++i)
    logits.push_back(static_cast<float>(i * 37 % 101) / 16);
  const qc_sampler_options options = {0.8f, 40, 0.95f, 0.05f, 7};
  EXPECT_EQ(draw(options, logits, 16),
            (std::vector<int32_t>{292, 434, 363, 696, 535, 726, 625, 636, 221, 636, 19, 999, 524, 999, 232, 737}));
  EXPECT_EQ(draw({1.3f, 0, 1, 0, 123456789}, logits, 16),
            (std::vector<int32_t>{324, 523, 161, 892, 309, 682, 442, 873, 406, 621, 103, 382, 957, 251, 561, 174}));
}

}  // namespace
}  // namespace quantc::test
