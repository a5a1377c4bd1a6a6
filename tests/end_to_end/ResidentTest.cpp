// Memory of a run stays below the bound that the compiler printed and the artifact holds.
#include <nlohmann/json.hpp>
#include <regex>
#include <thread>

#include "tests/end_to_end/Programs.h"

using namespace quantc::test;

namespace {

/// The largest VmHWM that /proc tells of a process while it runs, in bytes. Looks until it is gone; what was written before its `exec` is not its.
uint64_t watchPeak(const std::vector<std::string>& arguments, const std::filesystem::path& output, int& exitCode) {
  const pid_t child = fork();
  if (child == 0) {
    const int file = open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    std::vector<char*> argv;
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  uint64_t peak = 0;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    std::ifstream stream("/proc/" + std::to_string(child) + "/status");
    const std::string text(std::istreambuf_iterator<char>(stream), {});
    std::smatch match;
    if (text.rfind("Name:\tquantc-run\n", 0) == 0 && std::regex_search(text, match, std::regex("VmHWM:\\s+(\\d+) kB")))
      peak = std::max<uint64_t>(peak, std::stoull(match[1]) << 10);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  exitCode = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return peak;
}

class Resident : public testing::TestWithParam<int> {
protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "sanitizers keep memory of their own";
#endif
    ASSERT_NO_FATAL_FAILURE(compile(talelm(), "int4", "host", artifact));
    const ProcessResult inspected = runProcess({builtProgram("quantc"), "inspect", artifact.string(), "--json"});
    ASSERT_EQ(inspected.exitCode, 0) << inspected.err;
    description = nlohmann::json::parse(inspected.out);
  }

  /// In bytes, what quantc-run says and what was seen from outside; both are checked against the bound.
  struct Peaks {
    uint64_t told, seen;
  };
  Peaks peaksOf(const std::vector<std::string>& run) {
    Peaks peaks = {};
    watch(run, peaks);
    return peaks;
  }

  TemporaryFolder folder;
  std::filesystem::path artifact = folder.path() / "model.qc", output = folder.path() / "out";
  nlohmann::json description;

private:
  void watch(const std::vector<std::string>& run, Peaks& peaks) {
    const std::string threads = std::to_string(GetParam());
    std::vector<std::string> command = {builtProgram("quantc-run"), artifact.string(), "--threads", threads};
    command.insert(command.end(), run.begin(), run.end());
    int exitCode = -1;
    peaks.seen = watchPeak(command, output, exitCode);
    std::ifstream stream(output);
    const std::string text(std::istreambuf_iterator<char>(stream), {});
    ASSERT_EQ(exitCode, 0) << text;
    std::smatch match;
    ASSERT_TRUE(
        std::regex_search(text, match, std::regex("memory  (\\d+) bytes resident at the peak, bound (\\d+) with " + threads + " threads")))
        << text;
    peaks.told = std::stoull(match[1]);
    const uint64_t bound = std::stoull(match[2]);
    EXPECT_LE(peaks.told, bound);
    EXPECT_LE(peaks.seen, bound);
    EXPECT_GT(peaks.seen, peaks.told / 2) << "it was not watched";
    // A bound far above what is ever used would hold, and say nothing.
    EXPECT_LE(bound, peaks.told * 2);
    EXPECT_GE(bound, description["resident_bound"].get<uint64_t>());
    if (GetParam() == 1) {
      EXPECT_EQ(bound, description["resident_bound"].get<uint64_t>());
    }
  }
};

TEST_P(Resident, StaysBelowTheBound) {
  // All positions of the context are written, in large steps and in small ones.
  const std::vector<std::vector<std::string>> runs = {{"--bench=412,100"},
                                                      {"--prompt", "The old king", "--max-tokens", "500", "--seed", "3", "--chunk", "1"}};
  for (const std::vector<std::string>& run : runs) {
    const Peaks peaks = peaksOf(run);
    ASSERT_FALSE(HasFatalFailure());
    EXPECT_LE(peaks.seen, peaks.told + (64 << 10)) << "what it says of itself is what others see";
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, Resident, testing::Values(1, 2, 3, 8));

}  // namespace
