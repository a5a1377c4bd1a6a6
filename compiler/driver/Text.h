// Numbers and tables for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quantc {

/// "7.35 MB", "812 bytes"
std::string bytesText(uint64_t bytes);
/// With `digits` behind the point.
std::string fixed(double value, int digits);

/// Without digits that say nothing: "64", "0.001".
std::string shortest(double value);
/// Lines of at most `width` characters, broken at spaces; lines that are there stay.
std::string wrapped(const std::string& text, size_t width);

/// Lines of cells, columns aligned: the first to the left, `right` marks those aligned to the right.
class TextTable {
public:
  explicit TextTable(std::vector<std::string> titles, std::vector<bool> right = {});
  void row(std::vector<std::string> cells);
  std::string text() const;

private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace quantc
