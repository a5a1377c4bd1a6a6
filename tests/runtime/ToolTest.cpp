// quantc-run as a user sees it: exit codes and what is written where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>

#include "tests/runtime/TinyModel.h"

namespace quantc::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Finished {
  int code;
  std::string output;
};

/// Runs quantc-run; `redirect` says which of its streams is read.
Finished run_tool(const std::string& arguments, const char* redirect = "2>&1 >/dev/null") {
  FILE* pipe = popen((std::string("'" QUANTC_RUN "' ") + arguments + " " + redirect).c_str(), "r");
  std::string output;
  for (int c; (c = fgetc(pipe)) != EOF;)
    output += static_cast<char>(c);
  const int status = pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
}

TEST(Tool, WrongUseExitsWithTwo) {
  const Finished finished = run_tool("--no-such-option");
  EXPECT_EQ(finished.code, 2);
  EXPECT_EQ(finished.output, "error: --no-such-option: unknown option; see quantc-run --help\n");
}

TEST(Tool, HelpAndVersionGoToStandardOutput) {
  EXPECT_EQ(run_tool("--help", "2>/dev/null").code, 0);
  EXPECT_THAT(run_tool("--help", "2>/dev/null").output, StartsWith("usage: quantc-run FILE.qc"));
  EXPECT_THAT(run_tool("--version", "2>/dev/null").output, StartsWith("quantc-run "));
}

TEST(Tool, NamesTheFileThatIsNotGood) {
  const Finished finished = run_tool("/nonexistent.qc --info");
  EXPECT_EQ(finished.code, 1);
  EXPECT_EQ(finished.output, "error: /nonexistent.qc: cannot be opened: No such file or directory; check the path and its permissions\n");
}

TEST(Tool, DescribesAnArtifact) {
  const TemporaryFile file(artifact_bytes(tiny_model()));
  const Finished finished = run_tool(std::string(file.path()) + " --info", "2>/dev/null");
  EXPECT_EQ(finished.code, 0);
  EXPECT_THAT(finished.output, HasSubstr("context          16 positions\n"));
  EXPECT_THAT(finished.output, HasSubstr("input_ids i32 [sequence]\n"));
  EXPECT_THAT(finished.output, HasSubstr("logits f32 [outputs, 11]\n"));
}

TEST(Tool, VerifiesSegments) {
  TemporaryFile file(artifact_bytes(tiny_model()));
  EXPECT_EQ(run_tool(std::string(file.path()) + " --verify").code, 0);
  file.patch(16384, 0x77);
  const Finished finished = run_tool(std::string(file.path()) + " --verify");
  EXPECT_EQ(finished.code, 1);
  EXPECT_THAT(finished.output, HasSubstr("segment 0 (weights) has a SHA-256 that is not the expected one"));
}

TEST(Tool, RefusesWhatTheArtifactCannotDo) {
  const TemporaryFile file(artifact_bytes(tiny_model()));
  const std::string path = file.path();
  const std::pair<std::string, const char*> cases[] = {
      {"--prompt x", "tokenizer"},
      {"--ids 1,2,3", "--print-ids"},
      {"--print-ids --ids 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "the prompt has 17 tokens, expected at most the context's 16; shorten it"},
      {"--print-ids --ids 1,99", "token 1 is 99, expected 0 to 10"},
      {"--bench", "measuring takes 192 positions, expected at most the context's 16"},
      {"--variant=none --info", "has no code variant 'none'"},
  };
  for (const auto& [arguments, message] : cases) {
    const Finished finished = run_tool(path + " " + arguments);
    EXPECT_EQ(finished.code, 1) << arguments;
    EXPECT_THAT(finished.output, StartsWith("error: " + path + ": "));
    EXPECT_THAT(finished.output, HasSubstr(message));
    EXPECT_EQ(std::count(finished.output.begin(), finished.output.end(), '\n'), 1) << finished.output;
  }
}

}  // namespace
}  // namespace quantc::test
