// quantc-run --profile: the table adds up, the trace is what viewers read, and watching changes nothing.
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "tests/end_to_end/Programs.h"

using namespace quantc::test;

namespace {

struct Table {
  double ms = 0;  ///< of the phase's steps
  std::map<std::string, double> families;
  int familyRows = 0;
  double kernels = 0, between = 0;
  std::vector<double> idle;
};

/// The table below "encode: ...", "prefill: ..." or "decode: ...".
Table tableOf(const std::string& text, const std::string& phase) {
  Table table;
  std::smatch match;
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line) &&
         !std::regex_match(line, match, std::regex(phase + ": \\d+ steps, \\d+ (?:tokens|positions), ([\\d.]+) ms")))
    ;
  if (match.empty())
    return table;
  table.ms = std::stod(match[1]);
  for (; std::getline(lines, line) && !line.empty();) {
    if (std::regex_match(line, match, std::regex(" *\\d+ +([\\d.]+) +[\\d.]+% .*[^ ]  (\\S+)")))
      table.families[match[2]] = std::stod(match[1]), ++table.familyRows;
    else if (std::regex_match(line, match, std::regex(" *\\d+ +([\\d.]+) +[\\d.]+% .*[^ ]    (qc_\\S+)")))
      table.kernels += std::stod(match[1]);
    else if (std::regex_match(line, match, std::regex(" *([\\d.]+) +[\\d.]+%  between calls")))
      table.between = std::stod(match[1]);
    else if (std::regex_match(line, match, std::regex(" *([\\d.]+) +[\\d.]+%  idle in thread \\d+")))
      table.idle.push_back(std::stod(match[1]));
  }
  return table;
}

class Profile : public testing::Test {
protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(compile(talelm(), "int4", "host", artifact)); }

  ProcessResult run(const std::vector<std::string>& more) {
    std::vector<std::string> command = {builtProgram("quantc-run"),
                                        artifact.string(),
                                        "--prompt",
                                        "The old king went to the well",
                                        "--temperature",
                                        "0",
                                        "--max-tokens",
                                        "9",
                                        "--threads",
                                        "2",
                                        "--print-ids"};
    command.insert(command.end(), more.begin(), more.end());
    return runProcess(command);
  }

  TemporaryFolder folder;
  std::filesystem::path artifact = folder.path() / "model.qc", trace = folder.path() / "trace.json";
};

TEST_F(Profile, TableAddsUpAndNamesEachFamilyOnce) {
  const ProcessResult plain = run({}), profiled = run({"--profile=" + trace.string()});
  ASSERT_EQ(profiled.exitCode, 0) << profiled.err;
  EXPECT_EQ(profiled.out, plain.out);
  EXPECT_NE(profiled.err.find("this machine with 2 threads: reads memory at"), std::string::npos) << profiled.err;

  std::set<std::string> families;
  const auto document = nlohmann::json::parse(std::ifstream(trace));
  for (auto& event : document["traceEvents"])
    families.insert(event["cat"]);
  EXPECT_GE(families.size(), 3u);
  for (const char* phase : {"prefill", "decode"}) {
    const Table table = tableOf(profiled.err, phase);
    ASSERT_GT(table.ms, 0) << profiled.err;
    double sum = 0;
    for (const auto& [family, ms] : table.families) {
      EXPECT_TRUE(families.count(family)) << family;
      sum += ms;
    }
    EXPECT_EQ(table.families.size(), families.size()) << profiled.err;
    EXPECT_EQ(table.familyRows, static_cast<int>(families.size())) << "a family has two rows\n" << profiled.err;
    EXPECT_GT(sum, 0);
    // Rows are rounded to a thousandth each.
    EXPECT_NEAR(table.kernels, sum, 0.05);
    EXPECT_NEAR(sum + table.between, table.ms, 0.05);
    ASSERT_EQ(table.idle.size(), 2u);
    for (const double idle : table.idle)
      EXPECT_TRUE(idle >= 0 && idle <= table.ms) << idle;
  }
}

TEST_F(Profile, TraceHoldsEveryPieceOnceOnItsThread) {
  const ProcessResult result = run({"--profile=" + trace.string()});
  ASSERT_EQ(result.exitCode, 0) << result.err;
  struct Piece {
    double begin, end;
  };
  std::map<int, std::vector<Piece>> threads;
  double first = 1e30, last = 0, busy = 0;
  auto document = nlohmann::json::parse(std::ifstream(trace));
  for (auto& event : document["traceEvents"]) {
    EXPECT_EQ(event["ph"], "X");
    EXPECT_FALSE(event["name"].get<std::string>().empty());
    EXPECT_EQ(event["args"]["kernel"].get<std::string>().rfind("qc_" + event["cat"].get<std::string>(), 0), 0u) << event;
    EXPECT_GE(event["args"]["units"].get<int>(), 1);
    const double begin = event["ts"], duration = event["dur"];
    EXPECT_GE(duration, 0);
    threads[event["tid"]].push_back({begin, begin + duration});
    first = std::min(first, begin);
    last = std::max(last, begin + duration);
    busy += duration;
  }
  EXPECT_LE(threads.size(), 2u);
  EXPECT_LE(busy, (last - first) * 2 + 1);
  for (auto& [thread, pieces] : threads) {
    std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
    for (size_t i = 1; i < pieces.size(); ++i)
      EXPECT_LE(pieces[i - 1].end, pieces[i].begin + 0.002) << "thread " << thread << " did two pieces at a time";
  }
}

TEST_F(Profile, SaysWhenTheTraceCannotBeWritten) {
  const ProcessResult result = run({"--profile=/nonexistent/trace.json"});
  EXPECT_EQ(result.exitCode, 1);
  EXPECT_EQ(result.err, "error: /nonexistent/trace.json: cannot be written: No such file or directory; give another --profile=FILE\n");
  const ProcessResult full = run({"--profile=/dev/full"});
  EXPECT_EQ(full.exitCode, 1);
  EXPECT_NE(full.err.find("error: /dev/full: could not be written to its end: No space left on device"), std::string::npos) << full.err;
}

TEST(ProfileOfAnEncoderDecoder, HasATableOfTheEncoder) {
  QUANTC_NEED_SHARED("zoo/t5");
  TemporaryFolder temporary;
  const std::filesystem::path artifact = temporary.path() / "t5.qc";
  ASSERT_NO_FATAL_FAILURE(compile(sharedFolder() / "zoo/t5", "f32", "host", artifact));
  ProcessResult result =
      runProcess({builtProgram("quantc-run"), artifact.string(), "--ids", "5,9,300", "--max-tokens", "4", "--print-ids", "--profile"});
  ASSERT_EQ(result.exitCode, 0) << result.err;
  EXPECT_NE(result.err.find("encode: 1 steps, 3 positions"), std::string::npos) << result.err;
  for (const char* phase : {"encode", "prefill", "decode"}) {
    const Table table = tableOf(result.err, phase);
    EXPECT_GT(table.ms, 0) << phase;
    EXPECT_TRUE(table.families.count("attention") && table.families.count("matmul")) << result.err;
  }
}

}  // namespace
