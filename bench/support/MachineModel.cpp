#include "bench/support/MachineModel.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <stdexcept>

#include <unistd.h>

namespace quantc::bench {
namespace {

/// A file that goes with its object.
class TemporaryText {
public:
  explicit TemporaryText(const std::string& text) {
    const int file = mkstemp(name.data());
    if (file < 0 || write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size()) || close(file) != 0)
      throw std::runtime_error("no temporary file could be written in /tmp");
  }
  ~TemporaryText() { unlink(name.c_str()); }
  TemporaryText(const TemporaryText&) = delete;
  TemporaryText& operator=(const TemporaryText&) = delete;
  std::string name = "/tmp/quantc-loop-XXXXXX";
};

std::string outputOf(const std::string& command) {
  std::string text;
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (!pipe)
    throw std::runtime_error("cannot run " + command);
  std::array<char, 4096> block;
  while (const size_t count = std::fread(block.data(), 1, block.size(), pipe))
    text.append(block.data(), count);
  if (pclose(pipe) != 0)
    throw std::runtime_error(command + ":\n" + text.substr(0, 600));
  return text;
}

double numberAfter(const std::string& text, const std::string& key) {
  const size_t at = text.find(key);
  if (at == std::string::npos)
    throw std::runtime_error("llvm-mca did not print '" + key + "'");
  return std::strtod(text.c_str() + at + key.size(), nullptr);
}

/// llvm-mca follows vset instructions, but what was set before its text begins it must be told.
std::string vectorStateText(const std::string& instruction) {
  static const std::regex pattern(R"(.*,\s*e(\d+),\s*(mf?\d+),.*)");
  std::smatch match;
  if (!std::regex_match(instruction, match, pattern))
    return "";
  std::string multiplier = match[2];
  for (char& c : multiplier)
    c = static_cast<char>(std::toupper(c));
  return "# LLVM-MCA-RISCV-LMUL " + multiplier + "\n# LLVM-MCA-RISCV-SEW E" + std::string(match[1]) + "\n";
}

}  // namespace

const std::vector<Core>& allCores() {
  static const std::vector<Core> cores = {
#define CORE(architecture, variant, ...) {#architecture, #variant, __VA_ARGS__},
#include "bench/support/cores.inc"
#undef CORE
  };
  return cores;
}

Cycles MachineModel::analyse(const Core& core, const std::string& text) const {
  const TemporaryText file(text);
  const std::string triple = core.architecture == std::string("arm64") ? "aarch64-linux" : std::string(core.architecture) + "-linux";
  constexpr int iterations = 200;
  const std::string output = outputOf(command + " -mtriple=" + triple + " -mcpu=" + core.mcpu + " -mattr=" + core.mattr + " -iterations=" +
                                      std::to_string(iterations) + " -instruction-info=false -resource-pressure=false " + file.name);
  return {numberAfter(output, "Total Cycles:") / iterations, numberAfter(output, "Block RThroughput:")};
}

Cycles MachineModel::ofLoop(const Core& core, const LoopCode& loop) const {
  if (loop.lines.empty())
    return {};
  std::string text = vectorStateText(loop.vectorState);
  for (const std::string& line : loop.lines) {
    // The label of the branch back is not in the text; any one does.
    const size_t at = line.find(".L");
    text += (at == std::string::npos ? line : line.substr(0, at) + "loop") + "\n";
  }
  return analyse(core, (text.find("loop") == std::string::npos ? "" : "loop:\n") + text);
}

double MachineModel::peak(const Core& core) const {
  std::string text = core.architecture == std::string("riscv64") ? "# LLVM-MCA-RISCV-LMUL M1\n# LLVM-MCA-RISCV-SEW E8\n" : "";
  for (int i = 0; i < core.registers; ++i) {
    std::array<char, 96> line;
    std::snprintf(line.data(), line.size(), core.unit, i * core.step);
    text += line.data() + std::string("\n");
  }
  return static_cast<double>(core.registers * core.macs) / analyse(core, text).simulated;
}

}  // namespace quantc::bench
