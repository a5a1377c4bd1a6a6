#include "compiler/tokenizer/CharacterClasses.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "compiler/tokenizer/PatternCompiler.h"
#include "compiler/tokenizer/UnicodeData.h"
#include "runtime/tokenizer/utf8.h"

namespace quantc {
namespace {

constexpr uint32_t firstSurrogate = 0xD800;
constexpr uint32_t behindSurrogates = 0xE000;

/// Every character once, ascending: a run of matches in it is a range of code points.
const std::string& allCharacters() {
  static const std::string text = [] {
    std::string all;
    for (uint32_t code = 0; code < tokenizer::behind_unicode; ++code)
      if (code < firstSurrogate || code >= behindSurrogates)
        all += utf8Of(code);
    return all;
  }();
  return text;
}

uint32_t codeAt(const std::string& text, size_t offset) {
  return tokenizer::read_character(reinterpret_cast<const uint8_t*>(text.data()) + offset, text.size() - offset).code;
}

size_t characterBefore(const std::string& text, size_t offset) {
  do
    --offset;
  while ((static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80);
  return offset;
}

CharacterClasses::Ranges findRanges(const std::string& expression, bool caseless) {
  const std::string runs = "(?:" + expression + ")++";
  const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK | (caseless ? PCRE2_CASELESS : 0);
  int error = 0;
  size_t errorOffset = 0;
  const std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(runs.data()), runs.size(), options, &error, &errorOffset, nullptr), pcre2_code_free);
  if (!code) {
    unsigned char message[256] = {};
    pcre2_get_error_message(error, message, sizeof message);
    throw PatternError("character class " + expression + ": " + reinterpret_cast<const char*>(message));
  }
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);  // only for speed: where it fails, PCRE2 interprets
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(pcre2_match_data_create_from_pattern(code.get(), nullptr),
                                                                                  pcre2_match_data_free);
  const std::string& text = allCharacters();
  CharacterClasses::Ranges ranges;
  size_t offset = 0;
  while (offset < text.size() && pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), offset, PCRE2_NO_UTF_CHECK,
                                             match.get(), nullptr) > 0) {
    const size_t* bounds = pcre2_get_ovector_pointer(match.get());
    ranges.emplace_back(codeAt(text, bounds[0]), codeAt(text, characterBefore(text, bounds[1])));
    offset = bounds[1];
  }
  return ranges;
}

/// Files name the same classes again and again, and finding one goes through all of Unicode.
const CharacterClasses::Ranges& matchingRanges(const std::string& expression, bool caseless) {
  constexpr size_t mostKept = 256;
  thread_local std::map<std::pair<std::string, bool>, CharacterClasses::Ranges> known;
  const auto key = std::make_pair(expression, caseless);
  const auto found = known.find(key);
  if (found != known.end())
    return found->second;
  CharacterClasses::Ranges ranges = findRanges(expression, caseless);
  if (known.size() >= mostKept)
    known.clear();
  return known[key] = std::move(ranges);
}

}  // namespace

uint32_t CharacterClasses::add(const std::string& expression, bool caseless) {
  Ranges ranges = matchingRanges(expression, caseless);
  const auto known = std::find(classes.begin(), classes.end(), ranges);
  if (known != classes.end())
    return static_cast<uint32_t>(known - classes.begin());
  classes.push_back(std::move(ranges));
  return static_cast<uint32_t>(classes.size() - 1);
}

std::vector<uint32_t> CharacterClasses::words() const {
  if (classes.empty())
    return {};
  std::vector<uint32_t> offsets = {0};
  std::vector<uint32_t> bodies;
  for (const Ranges& ranges : classes) {
    const size_t ascii = bodies.size();
    bodies.resize(ascii + 4);
    for (const auto& [first, last] : ranges) {
      for (uint32_t code = first; code < 0x80 && code <= last; ++code)
        bodies[ascii + code / 32] |= 1u << (code % 32);
      if (last >= 0x80)
        bodies.insert(bodies.end(), {std::max<uint32_t>(first, 0x80), last});
    }
    offsets.push_back(static_cast<uint32_t>(bodies.size()));
  }
  std::vector<uint32_t> words = {static_cast<uint32_t>(classes.size())};
  words.insert(words.end(), offsets.begin(), offsets.end());
  words.insert(words.end(), bodies.begin(), bodies.end());
  return words;
}

}  // namespace quantc
