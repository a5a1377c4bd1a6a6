#include "bench/support/HotLoop.h"

#include <map>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace quantc::bench {
namespace {

/// Text before a comment, without spaces around it.
std::string instructionOf(const std::string& line, const char* comment) {
  const std::string text = line.substr(0, line.find(comment));
  const size_t begin = text.find_first_not_of(" \t"), end = text.find_last_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

struct Line {
  std::string text;
  std::string label;  ///< set instead of the text where the line is one
};

std::vector<Line> linesOf(const std::string& assembly, const char* comment) {
  std::vector<Line> lines;
  std::istringstream stream(assembly);
  for (std::string line; std::getline(stream, line);) {
    const std::string text = instructionOf(line, comment);
    if (text.empty() || (text[0] == '.' && text.back() != ':'))
      continue;
    if (text.back() == ':')
      lines.push_back({"", text.substr(0, text.size() - 1)});
    else
      lines.push_back({text, ""});
  }
  return lines;
}

/// A branch's target is its last operand: "bne a0, a1, .LBB0_4", "b.ne .LBB0_4".
std::string targetOf(const std::string& instruction) {
  const size_t at = instruction.find_last_of(" \t,");
  const std::string operand = at == std::string::npos ? "" : instruction.substr(at + 1);
  return operand.rfind(".L", 0) == 0 ? operand : "";
}

/// The vector length that a vset instruction sets, `before` where it keeps it, and the element's width in bits.
struct VectorState {
  int64_t length = 0, width = 0;
  std::string text;

  void see(const std::string& instruction) {
    static const std::regex set(R"((vseti?vli)\s+(\w+),\s*(\w+),\s*e(\d+),.*)");
    std::smatch match;
    if (!std::regex_match(instruction, match, set))
      return;
    text = instruction;
    width = std::stoll(match[4]);
    if (match[1] == "vsetivli")
      length = std::stoll(match[3]);
  }
};

int64_t armMultiplyAdds(const std::string& instruction) {
  static const std::map<std::string, int64_t> wide = {{"8h", 8}, {"4s", 4}};
  static const std::regex pattern(R"(([su]dot|[us]*mmla|[su]ml[as]l2?|[su]mull2?)\s+v\d+\.(\w+).*)");
  std::smatch match;
  if (!std::regex_match(instruction, match, pattern))
    return 0;
  const std::string name = match[1], arrangement = match[2];
  if (name.find("dot") != std::string::npos)
    return arrangement == "4s" ? 16 : 8;
  if (name.find("mmla") != std::string::npos)
    return 32;
  const auto found = wide.find(arrangement);
  return found == wide.end() ? 0 : found->second;
}

int64_t riscvMultiplyAdds(const std::string& instruction, const VectorState& state) {
  static const std::regex vector(R"((vwmul(su|u)?|vwmacc(su|us|u)?|vmul|vmacc|vmadd)\.v[vx]\s.*)");
  static const std::regex scalar(R"(mulw?\s.*)");
  if (std::regex_match(instruction, vector) && state.width <= 16)
    return state.length;
  return state.length == 0 && std::regex_match(instruction, scalar) ? 1 : 0;  // beside vectors they make addresses
}

}  // namespace

HotLoop findHotLoop(const std::string& assembly, Architecture architecture) {
  const std::vector<Line> lines = linesOf(assembly, architecture == Architecture::arm64 ? "//" : "#");
  std::map<std::string, size_t> labels;
  std::vector<int64_t> products(lines.size());
  std::vector<std::string> states(lines.size());
  VectorState state;
  HotLoop best;
  size_t lastLoopBegin = 0, lastLoopEnd = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    states[i] = state.text;
    if (!lines[i].label.empty()) {
      labels[lines[i].label] = i;
      continue;
    }
    const std::string& text = lines[i].text;
    state.see(text);
    products[i] = architecture == Architecture::arm64 ? armMultiplyAdds(text) : riscvMultiplyAdds(text, state);
    const auto target = labels.find(targetOf(text));
    if (target == labels.end())
      continue;
    const size_t begin = target->second;
    const bool inner = lastLoopEnd == 0 || begin > lastLoopBegin || lastLoopEnd < begin;  // no loop lies within
    if (!inner)
      continue;
    lastLoopBegin = begin;
    lastLoopEnd = i;
    HotLoop loop;
    loop.label = lines[begin].label;
    loop.vectorState = states[begin];
    for (size_t k = begin; k <= i; ++k) {
      loop.multiplyAdds += products[k];
      if (!lines[k].text.empty())
        loop.lines.push_back(lines[k].text);
    }
    if (loop.multiplyAdds > best.multiplyAdds)
      best = std::move(loop);
  }
  if (best.multiplyAdds == 0)
    throw std::runtime_error("no loop of the kernel multiplies integers by the instructions that are known here");
  return best;
}

}  // namespace quantc::bench
