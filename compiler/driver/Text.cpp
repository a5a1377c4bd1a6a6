#include "compiler/driver/Text.h"

#include <algorithm>
#include <cstdio>

namespace quantc {

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string shortest(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.12g", value);
  return text;
}

std::string wrapped(const std::string& text, size_t width) {
  std::string lines;
  size_t begin = 0;
  while (text.size() - begin > width) {
    const size_t lineEnd = text.find('\n', begin), space = text.rfind(' ', begin + width);
    const bool fits = lineEnd != std::string::npos && lineEnd - begin <= width;
    const size_t end = fits ? lineEnd : space;
    if (end == std::string::npos || end < begin)  // a word longer than a line
      break;
    lines += text.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  return lines + text.substr(begin);
}

std::string bytesText(uint64_t bytes) {
  constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB"};
  if (bytes < 1000)
    return std::to_string(bytes) + " bytes";
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  for (; value >= 999.995 && unit + 1 < sizeof kUnits / sizeof *kUnits; ++unit)
    value /= 1000;
  return fixed(value, 2) + " " + kUnits[unit];
}

TextTable::TextTable(std::vector<std::string> titles, std::vector<bool> right) : right_(std::move(right)) {
  right_.resize(titles.size());
  if (std::any_of(titles.begin(), titles.end(), [](const std::string& title) { return !title.empty(); }))
    rows_.push_back(std::move(titles));
}

void TextTable::row(std::vector<std::string> cells) {
  cells.resize(right_.size());
  rows_.push_back(std::move(cells));
}

std::string TextTable::text() const {
  std::vector<size_t> widths(right_.size());
  for (const auto& row : rows_)
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      line += (i ? "  " : "") + (right_[i] ? padding + row[i] : row[i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace quantc
