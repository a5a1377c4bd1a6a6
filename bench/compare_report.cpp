// The report of a comparison: medians, ratios and, where the bytes of a token are known, shares of the machine's bandwidth. Reads the lines that
// bench/support/compare.sh records; see usage.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include "bench/support/Comparison.h"

int main(int argc, char** argv) {
  std::string path, json, svg;
  bool wrong = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--json=", 0) == 0)
      json = argument.substr(7);
    else if (argument.rfind("--svg=", 0) == 0)
      svg = argument.substr(6);
    else if (argument.rfind("--", 0) != 0 && path.empty())
      path = argument;
    else
      wrong = true;
  }
  if (path.empty() || wrong) {
    std::fputs("usage: compare-report RESULTS.jsonl [--json=FILE] [--svg=FILE]\n", stderr);
    return 2;
  }
  try {
    const quantc::bench::Comparison comparison = quantc::bench::readComparison(path);
    std::cout << quantc::bench::tableOf(comparison);
    const auto write = [](const std::string& name, const std::string& text) {
      std::ofstream stream(name);
      stream << text;
      stream.close();
      if (!stream)
        throw std::runtime_error(name + ": cannot be written");
    };
    if (!json.empty())
      write(json, quantc::bench::jsonOf(comparison));
    if (!svg.empty())
      write(svg, quantc::bench::plotOf(comparison));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
