// Compares two outputs of a Google Benchmark program (--benchmark_out_format=json, with --benchmark_repetitions) and fails where the second is slower
// by more than the noise of the two.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/support/Statistics.h"

namespace {

using Json = nlohmann::json;
using quantc::bench::Spread;
using quantc::bench::spreadOf;

/// Times in nanoseconds by benchmark, one per repetition.
std::map<std::string, std::vector<double>> read(const std::string& path) {
  std::ifstream stream(path);
  if (!stream)
    throw std::runtime_error(path + ": cannot be opened");
  const std::map<std::string, double> nanoseconds = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
  std::map<std::string, std::vector<double>> times;
  try {
    const Json json = Json::parse(stream);
    for (const Json& run : json.at("benchmarks"))
      if (run.value("run_type", "iteration") == "iteration" && !run.value("error_occurred", false))
        times[run.at("run_name")].push_back(run.at("cpu_time").get<double>() * nanoseconds.at(run.at("time_unit")));
  } catch (const std::exception& error) {
    throw std::runtime_error(path + ": not what --benchmark_out_format=json writes: " + error.what());
  }
  if (times.empty())
    throw std::runtime_error(path + ": has no measurements");
  for (const auto& [name, list] : times)
    if (list.size() < 3)
      throw std::runtime_error(path + ": " + name + " was measured " + std::to_string(list.size()) +
                               " times, expected at least 3; run with --benchmark_repetitions=5");
  return times;
}

int compare(const std::string& a, const std::string& b, double floor) {
  const auto before = read(a), after = read(b);
  int slower = 0, faster = 0, compared = 0;
  std::printf("| benchmark | before | after | after / before | noise | |\n| --- | ---: | ---: | ---: | ---: | --- |\n");
  for (const auto& [name, list] : before) {
    const auto found = after.find(name);
    if (found == after.end()) {
      std::printf("| %s | | | | | only in %s |\n", name.c_str(), a.c_str());
      continue;
    }
    const Spread x = spreadOf(list), y = spreadOf(found->second);
    // Half the range of each side, relative to its median: what two runs of the same program differ by.
    const double noise = std::max(floor, ((x.highest - x.lowest) / x.median + (y.highest - y.lowest) / y.median) / 2);
    const double ratio = y.median / x.median;
    const char* verdict = ratio > 1 + noise ? "slower" : ratio < 1 / (1 + noise) ? "faster" : "";
    slower += ratio > 1 + noise;
    faster += ratio < 1 / (1 + noise);
    ++compared;
    std::printf("| %s | %.2f us | %.2f us | %.3f | %.1f %% | %s |\n", name.c_str(), x.median / 1e3, y.median / 1e3, ratio, 100 * noise,
                verdict);
  }
  for (const auto& [name, list] : after)
    if (!before.count(name))
      std::printf("| %s | | | | | only in %s |\n", name.c_str(), b.c_str());
  std::printf("\n%d compared: %d slower, %d faster, the others within the noise\n", compared, slower, faster);
  if (compared == 0)
    throw std::runtime_error("the two files have no benchmark in common");
  return slower > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> files;
  double floor = 0.02;
  bool wrong = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--floor=", 0) == 0)
      wrong |= (floor = std::strtod(argument.c_str() + 8, nullptr)) < 0;
    else if (argument.rfind("--", 0) == 0)
      wrong = true;
    else
      files.push_back(argument);
  }
  if (files.size() != 2 || wrong) {
    std::fputs("usage: compare-runs BEFORE.json AFTER.json [--floor=0.02]\n\n"
               "Compares medians of repeated measurements. A difference counts when it is larger than half the ranges of both sides "
               "together, and than the\n"
               "floor. Exit codes: 0 nothing is slower, 1 something is, 2 wrong use or files that cannot be compared.\n",
               stderr);
    return 2;
  }
  try {
    return compare(files[0], files[1], floor);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
