#include "bench/support/HotLoop.h"

#include <algorithm>
#include <map>
#include <numeric>
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

/// Lines [begin, end]: a label and the last branch back to it.
struct Interval {
  size_t begin, end;
  bool holds(const Interval& other) const {
    return begin <= other.begin && other.end <= end && !(begin == other.begin && end == other.end);
  }
};

class Listing {
public:
  Listing(const std::string& assembly, Architecture architecture)
      : lines(linesOf(assembly, architecture == Architecture::arm64 ? "//" : "#")), products(lines.size()), states(lines.size()) {
    std::map<std::string, size_t> labels;
    std::map<size_t, size_t> ends;
    VectorState state;
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
      if (target != labels.end())
        ends[target->second] = i;
    }
    for (const auto& [begin, end] : ends)
      loops.push_back({begin, end});
  }

  HotLoop hotLoop() const {
    HotLoop best;
    Interval place = {0, 0};
    for (const Interval& loop : loops)
      if (isInnermost(loop) && productsOf(loop) > best.multiplyAdds) {
        best.multiplyAdds = productsOf(loop);
        place = loop;
      }
    if (best.multiplyAdds == 0)
      throw std::runtime_error("no loop of the kernel multiplies integers by the instructions that are known here");
    static_cast<LoopCode&>(best) = codeOf(place, {});
    for (const Interval* outside; (outside = smallestAround(place)); place = *outside)
      best.around.push_back(surrounding(*outside, place));
    return best;
  }

private:
  bool isInnermost(const Interval& loop) const {
    return std::none_of(loops.begin(), loops.end(), [&](const Interval& other) { return loop.holds(other); });
  }
  int64_t productsOf(const Interval& loop) const {
    return std::accumulate(products.begin() + static_cast<std::ptrdiff_t>(loop.begin),
                           products.begin() + static_cast<std::ptrdiff_t>(loop.end) + 1, int64_t{0});
  }
  const Interval* smallestAround(const Interval& inside) const {
    const Interval* best = nullptr;
    for (const Interval& loop : loops)
      if (loop.holds(inside) && (!best || best->holds(loop)))
        best = &loop;
    return best;
  }
  LoopCode codeOf(const Interval& loop, const std::vector<Interval>& without) const {
    LoopCode code = {lines[loop.begin].label, {}, states[loop.begin]};
    for (size_t i = loop.begin; i <= loop.end; ++i) {
      const bool left = std::any_of(without.begin(), without.end(), [&](const Interval& w) { return w.begin <= i && i <= w.end; });
      if (!left && !lines[i].text.empty())
        code.lines.push_back(lines[i].text);
    }
    return code;
  }
  SurroundingLoop surrounding(const Interval& loop, const Interval& inside) const {
    SurroundingLoop result;
    std::vector<Interval> without;
    for (const Interval& other : loops)
      if (loop.holds(other)) {
        without.push_back(other);
        if (smallestAround(other) == smallestAround(inside) && productsOf(other) == 0)
          result.others.push_back(codeOf(other, {}));
      }
    result.own = codeOf(loop, without);
    return result;
  }

  std::vector<Line> lines;
  std::vector<int64_t> products;
  std::vector<std::string> states;
  std::vector<Interval> loops;
};

}  // namespace

HotLoop findHotLoop(const std::string& assembly, Architecture architecture) { return Listing(assembly, architecture).hotLoop(); }

}  // namespace quantc::bench
