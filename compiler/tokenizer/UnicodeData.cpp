#include "compiler/tokenizer/UnicodeData.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "runtime/tokenizer/utf8.h"

namespace quantc {
namespace {

constexpr uint32_t firstSyllable = 0xAC00;
constexpr uint32_t lastSyllable = 0xD7A3;

const icu::Normalizer2& normalizer(bool compatible) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* found = compatible ? icu::Normalizer2::getNFKDInstance(error) : icu::Normalizer2::getNFDInstance(error);
  assert(U_SUCCESS(error) && "ICU comes with its data");
  return *found;
}

std::string textOf(const icu::UnicodeString& text) {
  std::string out;
  return text.toUTF8String(out);
}

template <typename Visit> void forEachCharacter(Visit visit) {
  for (uint32_t code = 0; code < tokenizer::behind_unicode; ++code)
    if (!U_IS_SURROGATE(code))
      visit(code);
}

}  // namespace

std::string utf8Of(uint32_t code) {
  uint8_t bytes[4];
  return std::string(reinterpret_cast<const char*>(bytes), tokenizer::write_character(code, bytes));
}

namespace {

RewriteRules findDecompositions(bool compatible) {
  const icu::Normalizer2& normalize = normalizer(compatible);
  RewriteRules rules;
  forEachCharacter([&](uint32_t code) {
    icu::UnicodeString text;
    if ((code < firstSyllable || code > lastSyllable) && normalize.getDecomposition(static_cast<UChar32>(code), text))
      rules[utf8Of(code)] = textOf(text);
  });
  return rules;
}

RewriteRules findLowercaseMappings() {
  RewriteRules rules;
  forEachCharacter([&](uint32_t code) {
    icu::UnicodeString text(static_cast<UChar32>(code));
    text.toLower(icu::Locale::getRoot());
    if (text != icu::UnicodeString(static_cast<UChar32>(code)))
      rules[utf8Of(code)] = textOf(text);
  });
  return rules;
}

std::vector<uint32_t> findCombiningClasses() {
  std::vector<uint32_t> pairs;
  uint32_t before = 0;
  forEachCharacter([&](uint32_t code) {
    const uint32_t now = u_getCombiningClass(static_cast<UChar32>(code));
    if (now != 0 && now == before && pairs.back() + 1 == code)
      pairs.back() = code;
    else if (now != 0)
      pairs.insert(pairs.end(), {code | now << 24, code});
    before = now;
  });
  return pairs;
}

std::vector<uint32_t> findCompositions() {
  const icu::Normalizer2& normalize = normalizer(false);
  std::vector<std::array<uint32_t, 3>> entries;
  forEachCharacter([&](uint32_t code) {
    icu::UnicodeString text;
    if ((code >= firstSyllable && code <= lastSyllable) || !normalize.getRawDecomposition(static_cast<UChar32>(code), text) ||
        text.countChar32() != 2)
      return;
    const UChar32 first = text.char32At(0);
    const UChar32 second = text.char32At(text.moveIndex32(0, 1));
    if (normalize.composePair(first, second) == static_cast<UChar32>(code))
      entries.push_back({static_cast<uint32_t>(first), static_cast<uint32_t>(second), code});
  });
  std::sort(entries.begin(), entries.end());
  std::vector<uint32_t> words;
  for (const auto& entry : entries)
    words.insert(words.end(), entry.begin(), entry.end());
  return words;
}

}  // namespace

const RewriteRules& decompositions(bool compatible) {
  static const RewriteRules rules[] = {findDecompositions(false), findDecompositions(true)};
  return rules[compatible ? 1 : 0];
}

const RewriteRules& lowercaseMappings() {
  static const RewriteRules rules = findLowercaseMappings();
  return rules;
}

const std::vector<uint32_t>& combiningClasses() {
  static const std::vector<uint32_t> pairs = findCombiningClasses();
  return pairs;
}

const std::vector<uint32_t>& compositions() {
  static const std::vector<uint32_t> words = findCompositions();
  return words;
}

}  // namespace quantc
