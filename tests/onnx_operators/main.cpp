// Runs ONNX's operator tests, each in a process of its own, and holds them against the list of those that pass, which never shrinks.
//
//   onnx-operators --passes FILE [--write] [--only TEXT] [--kernel-cache FOLDER] [--data FOLDER] [--jobs N]
//
// Fails when a case of the list does not pass, when one crashes, hangs or takes too long to compile, and when a case passes that the list does not
// have (--write writes the list anew). --only prints what becomes of the cases with TEXT in their names.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/onnx_operators/OperatorCase.h"

namespace fs = std::filesystem;
using quantc::test::CaseResult;
using quantc::test::Outcome;

namespace {

constexpr int kSkipped = 77;            // of ctest
constexpr unsigned kMostSeconds = 120;  // of the clock, for one that hangs; others may use this machine
constexpr double kMostCompile = 2;      // seconds of the processor, kernels from the cache or not
/// As many cases passed when the list was last written: it may grow only.
constexpr size_t kLeastPasses = 1209;

struct Options {
  fs::path passes, data;
  std::string only, kernelCache;
  bool write = false;
  size_t jobs = 2;
};

const char* nameOf(Outcome outcome) {
  constexpr const char* kNames[] = {"pass", "refused", "wrong", "fault"};
  return kNames[static_cast<int>(outcome)];
}

/// Where scripts/setup puts a newer package's data, then where Debian's own package does.
fs::path findData() {
  std::vector<fs::path> places;
  if (const char* given = std::getenv("QUANTC_ONNX_OPERATORS"))
    places.push_back(given);
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  if (cache || home)
    places.push_back((cache ? fs::path(cache) : fs::path(home) / ".cache") / "quantc/onnx-operators");
  places.push_back("/usr/share/libonnx-testdata/data/node");
  for (const fs::path& place : places)
    if (fs::is_directory(place))
      return place;
  return {};
}

struct Running {
  std::string name;
  int pipe;
};

/// The child's whole answer: outcome, seconds, message.
void answer(int pipe, const CaseResult& result) {
  std::ostringstream text;
  text << static_cast<int>(result.outcome) << " " << result.compileSeconds << " " << result.message;
  const std::string line = text.str();
  if (write(pipe, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    _exit(3);
}

CaseResult collect(int pipe, int status) {
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(pipe, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  close(pipe);
  if (WIFSIGNALED(status))
    return {Outcome::fault, WTERMSIG(status) == SIGALRM ? "hangs" : std::string("dies of ") + strsignal(WTERMSIG(status))};
  std::istringstream stream(text);
  int outcome = 3;
  CaseResult result{};
  if (!(stream >> outcome >> result.compileSeconds))
    return {Outcome::fault, "ends without an answer"};
  stream.get();
  std::getline(stream, result.message, '\0');
  result.outcome = static_cast<Outcome>(outcome);
  return result;
}

std::map<std::string, CaseResult> runAll(const std::vector<std::string>& names, const Options& options) {
  std::map<std::string, CaseResult> results;
  std::map<pid_t, Running> running;
  auto waitOne = [&] {
    int status = 0;
    const pid_t done = wait(&status);
    auto found = running.find(done);
    if (found == running.end())
      return;
    results[found->second.name] = collect(found->second.pipe, status);
    running.erase(found);
  };
  for (const std::string& name : names) {
    if (running.size() >= options.jobs)
      waitOne();
    int ends[2];
    if (pipe(ends) != 0)
      std::exit(3);
    const pid_t child = fork();
    if (child == 0) {
      alarm(kMostSeconds);
      fs::path scratch = fs::temp_directory_path() / ("quantc-operator-" + std::to_string(getpid()));
      fs::create_directories(scratch);
      CaseResult result{Outcome::fault, ""};
      try {
        result = quantc::test::runOperatorCase(options.data / name, scratch, options.kernelCache);
      } catch (const std::exception& error) {
        result = {Outcome::fault, std::string("throws ") + error.what()};
      }
      fs::remove_all(scratch);
      result.message.resize(std::min<size_t>(result.message.size(), 4000));
      answer(ends[1], result);
      _exit(0);
    }
    close(ends[1]);
    running[child] = {name, ends[0]};
  }
  while (!running.empty())
    waitOne();
  return results;
}

std::set<std::string> readList(const fs::path& path) {
  std::set<std::string> names;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && line[0] != '#')
      names.insert(line);
  return names;
}

Options parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string name = arguments[i];
    if (name == "--write") {
      options.write = true;
      continue;
    }
    const std::string value = i + 1 < count ? arguments[++i] : "";
    if (name == "--passes")
      options.passes = value;
    else if (name == "--only")
      options.only = value;
    else if (name == "--kernel-cache")
      options.kernelCache = value;
    else if (name == "--data")
      options.data = value;
    else if (name == "--jobs")
      options.jobs = std::max(1, std::atoi(value.c_str()));
    else
      std::cerr << "unknown argument " << name << "\n", std::exit(2);
  }
  if (options.data.empty())
    options.data = findData();
  if (!options.kernelCache.empty())
    fs::create_directories(options.kernelCache);
  return options;
}

int judge(const std::map<std::string, CaseResult>& results, const Options& options) {
  const std::set<std::string> listed = readList(options.passes);
  std::map<Outcome, size_t> counts;
  int failures = 0;
  auto complain = [&](const std::string& name, const std::string& what) {
    std::cout << name << ": " << what << "\n";
    ++failures;
  };
  for (const auto& [name, result] : results) {
    ++counts[result.outcome];
    if (result.outcome == Outcome::fault)
      complain(name, result.message);
    if (result.compileSeconds > kMostCompile)
      complain(name, "takes " + std::to_string(result.compileSeconds) + " s to compile, expected at most 2");
    if (result.outcome == Outcome::refused && result.message.find(';') == std::string::npos)
      complain(name, "is refused by an error that does not say what to do: " + result.message);
    if (listed.count(name) && result.outcome != Outcome::pass)
      complain(name, std::string("is in the list of those that pass, now ") + nameOf(result.outcome) + ": " + result.message);
    if (!options.write && !listed.count(name) && result.outcome == Outcome::pass)
      complain(name, "passes and is not in the list; write it anew with --write");
  }
  std::cout << results.size() << " cases: " << counts[Outcome::pass] << " pass, " << counts[Outcome::refused] << " refused, "
            << counts[Outcome::wrong] << " wrong, " << counts[Outcome::fault] << " crash or hang\n";
  return failures;
}

}  // namespace

int main(int count, char** arguments) {
  Options options = parse(count, arguments);
  if (options.data.empty()) {
    std::cout << "skipped: ONNX's operator tests are absent; scripts/setup fetches them (QUANTC_ONNX_OPERATORS names another folder)\n";
    return kSkipped;
  }
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(options.data))
    if (fs::exists(entry.path() / "model.onnx") && entry.path().filename().string().find(options.only) != std::string::npos)
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  const std::map<std::string, CaseResult> results = runAll(names, options);
  if (!options.only.empty() || std::getenv("QUANTC_VERBOSE"))
    for (const auto& [name, result] : results)
      std::cout << nameOf(result.outcome) << "\t" << name << "\t" << result.compileSeconds << "\t" << result.message << "\n";
  if (!options.only.empty())
    return 0;
  int failures = judge(results, options);
  const std::set<std::string> listed = readList(options.passes);
  if (options.write) {
    std::ofstream file(options.passes);
    file << "# Operator tests of ONNX 1.20 (Debian's libonnx-testdata) that compile and are right. Written by onnx-operators --write; a "
            "name is never taken out.\n";
    std::set<std::string> all = listed;
    for (const auto& [name, result] : results)
      if (result.outcome == Outcome::pass)
        all.insert(name);
    for (const std::string& name : all)
      file << name << "\n";
    return 0;
  }
  if (listed.size() < kLeastPasses) {
    std::cout << "the list has " << listed.size() << " names, once it had " << kLeastPasses << "\n";
    ++failures;
  }
  return failures ? 1 : 0;
}
