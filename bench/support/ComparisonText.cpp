// A comparison for people: a table in Markdown, and a plot.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "bench/support/Comparison.h"

namespace quantc::bench {
namespace {

template <typename... Values> std::string format(const char* pattern, Values... values) {
  char text[512];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

std::string number(double value) { return format(value >= 100 ? "%.0f" : "%.1f", value); }

std::string shareText(const Row& row, Side side) {
  return row.share(side) > 0 ? format("%.0f MB, %.0f %%", row.bytesPerToken(side) / 1e6, 100 * row.share(side)) : "";
}

/// What of a row does not stand in the row before.
bool sameModel(const Row& a, const Row& b) { return a.model == b.model; }

std::string sidesText(const Comparison& comparison) {
  std::string text;
  for (const char* side : {"theirs", "ours"}) {
    const std::string name = side;
    text += "- " + comparison.fact(name + "_name") + " " + comparison.fact(name + "_version") + ", code variant " +
            comparison.fact(name + "_variant") + "; " + comparison.fact(name + "_settings") + "\n";
  }
  text += "- machine: " + comparison.fact("machine") + "; others used " + comparison.fact("busy") + "\n";
  for (const auto& [threads, values] : comparison.bandwidth) {
    const Spread spread = spreadOf(values);
    text += format("- reading memory with %d threads: %.1f GB/s (%.1f to %.1f)\n", threads, spread.median, spread.lowest, spread.highest);
  }
  return text;
}

}  // namespace

std::string tableOf(const Comparison& comparison) {
  const std::string their = comparison.fact("theirs_name"), our = comparison.fact("ours_name");
  const bool bytes = std::any_of(comparison.rows.begin(), comparison.rows.end(), [](const Row& row) { return row.share(ours) > 0; });
  std::string text = sidesText(comparison);
  for (size_t i = 0; i < comparison.rows.size(); ++i) {
    const Row& row = comparison.rows[i];
    if (i == 0 || !sameModel(row, comparison.rows[i - 1])) {
      text += "\n" + row.model + ", tokens/s (medians; ratio with the range of its rounds):\n\n";
      text += "| weights | threads | test | " + their + " | " + our + " | ratio |";
      text += bytes ? " " + their + " reads per token, share of bandwidth | " + our + " |\n" : "\n";
      text += std::string("| --- | ---: | --- | ---: | ---: | ---: |") + (bytes ? " ---: | ---: |\n" : "\n");
    }
    const Spread ratios = row.ratios();
    text += format("| %s | %d | %s | %s | %s | %.2f (%.2f to %.2f, %zu rounds) |", row.pair.c_str(), row.threads, row.test.c_str(),
                   number(row.spread(theirs).median).c_str(), number(row.spread(ours).median).c_str(), row.ratio(), ratios.lowest,
                   ratios.highest, std::min(row.values[theirs].size(), row.values[ours].size()));
    text += bytes ? " " + shareText(row, theirs) + " | " + shareText(row, ours) + " |\n" : "\n";
  }
  return text;
}

std::string plotOf(const Comparison& comparison) {
  constexpr int kLine = 18, kLeft = 360, kWidth = 420, kTop = 46;
  double most = 1.2;
  for (const Row& row : comparison.rows)
    most = std::max(most, row.ratios().highest);
  const double perUnit = kWidth / most;
  const int height = kTop + kLine * static_cast<int>(comparison.rows.size()) + 20;
  std::string svg =
      format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n"
             "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
             kLeft + kWidth + 60, height);
  svg += "<text x=\"10\" y=\"20\" font-size=\"14\">" + comparison.fact("ours_name") + " by " + comparison.fact("theirs_name") +
         ", tokens per second (1: equal; lines: range of the rounds)</text>\n";
  for (size_t i = 0; i < comparison.rows.size(); ++i) {
    const Row& row = comparison.rows[i];
    const int y = kTop + kLine * static_cast<int>(i);
    const Spread ratios = row.ratios();
    svg += format("<text x=\"10\" y=\"%d\">%s, %s, %d threads, %s</text>\n", y + 12, row.model.c_str(), row.pair.c_str(), row.threads,
                  row.test.c_str());
    svg += format("<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", kLeft, y + 2, row.ratio() * perUnit, kLine - 5,
                  row.ratio() >= 1 ? "#2a7f62" : "#b5533c");
    svg += format("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"black\"/>\n", kLeft + ratios.lowest * perUnit,
                  kLeft + ratios.highest * perUnit, y + 8, y + 8);
    svg +=
        format("<text x=\"%.1f\" y=\"%d\">%.2f</text>\n", kLeft + std::max(row.ratio(), ratios.highest) * perUnit + 4, y + 12, row.ratio());
  }
  svg += format("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"gray\" stroke-dasharray=\"3\"/>\n</svg>\n", kLeft + perUnit,
                kLeft + perUnit, kTop - 6, height - 14);
  return svg;
}

}  // namespace quantc::bench
