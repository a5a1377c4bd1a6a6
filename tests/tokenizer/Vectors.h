// Texts and their ids, as llama.cpp's vocabulary tests hold them.
#pragma once

#include <iterator>
#include <sstream>

#include "tests/tokenizer/Imported.h"

namespace quantc::test {

/// Texts stand one behind another in `.inp`, their ids one line each in `.out`.
struct Vectors {
  std::vector<std::string> texts;
  std::vector<Ids> ids;
};

inline Vectors readVectors(const std::filesystem::path& base) {
  Vectors vectors;
  const std::string separator = "\n__ggml_vocab_test__\n";
  const std::string input = readText(base.string() + ".inp");
  size_t begin = 0;
  for (size_t end; (end = input.find(separator, begin)) != std::string::npos; begin = end + separator.size())
    vectors.texts.push_back(input.substr(begin, end - begin));
  std::istringstream output(readText(base.string() + ".out"));
  for (std::string line; std::getline(output, line);) {
    std::istringstream numbers(line);
    vectors.ids.emplace_back(std::istream_iterator<int32_t>(numbers), std::istream_iterator<int32_t>());
  }
  return vectors;
}

}  // namespace quantc::test
