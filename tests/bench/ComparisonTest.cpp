// Medians, ratios and shares of a comparison.
#include <gtest/gtest.h>

#include <fstream>

#include "bench/support/Comparison.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc::bench {
namespace {

Comparison readLines(const std::string& lines) {
  const test::TemporaryFolder folder;
  const std::string path = (folder.path() / "results.jsonl").string();
  std::ofstream(path) << lines;
  return readComparison(path);
}

TEST(Comparison, MediansRatiosAndShares) {
  std::string lines = R"({"model": "m", "pair": "a / b", "side": "ours", "weights": 90, "kv_per_position": 1})"
                      "\n"
                      R"({"threads": 2, "bandwidth": 2e-6})"
                      "\n";
  for (const auto& [side, value] :
       std::vector<std::pair<std::string, double>>{{"theirs", 5}, {"ours", 10}, {"ours", 20}, {"theirs", 20}, {"theirs", 10}, {"ours", 12}})
    lines += R"({"model": "m", "pair": "a / b", "side": ")" + side + R"(", "threads": 2, "test": "t", "positions": 10, "value": )" +
             std::to_string(value) + "}\n";
  const Comparison comparison = readLines(lines);
  ASSERT_EQ(comparison.rows.size(), 1u);
  const Row& row = comparison.rows[0];
  EXPECT_EQ(row.spread(theirs).median, 10);
  EXPECT_EQ(row.spread(ours).median, 12);
  EXPECT_DOUBLE_EQ(row.ratio(), 1.2);
  EXPECT_DOUBLE_EQ(row.ratios().lowest, 1);  // 20 / 20
  EXPECT_DOUBLE_EQ(row.ratios().highest, 2);
  EXPECT_EQ(row.bytesPerToken(ours), 100);
  EXPECT_DOUBLE_EQ(row.share(ours), 0.6);  // 12 tokens of 100 bytes by 2000 bytes per second
  EXPECT_EQ(row.share(theirs), 0);
  EXPECT_NE(tableOf(comparison).find("| a / b | 2 | t | 10.0 | 12.0 | 1.20 (1.00 to 2.00, 3 rounds) |"), std::string::npos)
      << tableOf(comparison);
}

TEST(Comparison, ABadLineIsNamed) {
  try {
    readLines("{\"threads\": 1, \"bandwidth\": 1}\n{\"model\": \"m\", \"pair\": \"p\", \"test\": \"t\", \"threads\": 1, \"side\": "
              "\"both\", \"value\": 1}\n");
    FAIL() << "a side that is neither was taken";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("results.jsonl:2: side 'both'"), std::string::npos) << error.what();
  }
}

TEST(Spread, MedianOfEvenAndOdd) {
  EXPECT_EQ(spreadOf({3, 1, 2}).median, 2);
  EXPECT_EQ(spreadOf({4, 1, 2, 3}).median, 2.5);
  EXPECT_EQ(spreadOf({}).median, 0);
}

}  // namespace
}  // namespace quantc::bench
