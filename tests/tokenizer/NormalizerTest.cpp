// The normalizer's steps, against ICU's own results and the rules of Hugging Face's tokenizers.
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <chrono>
#include <random>

#include "compiler/tokenizer/Charsmap.h"
#include "compiler/tokenizer/NormalizeSteps.h"
#include "tests/tokenizer/SmallTokenizers.h"

namespace quantc::test {
namespace {

struct Form {
  const char* type;
  bool composed;
  bool compatible;
};
constexpr Form forms[] = {{"NFC", true, false}, {"NFD", false, false}, {"NFKC", true, true}, {"NFKD", false, true}};

const icu::Normalizer2& icuForm(const Form& form) {
  UErrorCode error = U_ZERO_ERROR;
  const icu::Normalizer2* found =
      icu::Normalizer2::getInstance(nullptr, form.compatible ? "nfkc" : "nfc", form.composed ? UNORM2_COMPOSE : UNORM2_DECOMPOSE, error);
  EXPECT_TRUE(U_SUCCESS(error));
  return *found;
}

std::string icuNormalized(const Form& form, const std::string& text) {
  UErrorCode error = U_ZERO_ERROR;
  std::string out;
  icuForm(form).normalize(icu::UnicodeString::fromUTF8(text), error).toUTF8String(out);
  EXPECT_TRUE(U_SUCCESS(error));
  return out;
}

/// Every character that has a decomposition or a class, is part of one, or is a jamo or syllable.
std::vector<uint32_t> interestingCharacters() {
  std::vector<uint32_t> characters = {'a', 'e', 'o', 's', ' ', 0x1100, 0x1161, 0x11A8, 0xAC00, 0xAC01, 0x11A7, 0xD7A3};
  for (const auto& [key, value] : decompositions(true)) {
    const icu::UnicodeString text = icu::UnicodeString::fromUTF8(key + value);
    for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1))
      characters.push_back(static_cast<uint32_t>(text.char32At(i)));
  }
  for (uint32_t code = 0; code < 0x110000; ++code)
    if (u_getCombiningClass(static_cast<UChar32>(code)) != 0)
      characters.push_back(code);
  return characters;
}

class Forms : public testing::TestWithParam<Form> {};

TEST_P(Forms, EqualIcuForEveryCharacter) {
  CharacterClasses classes;
  const auto steps = normalizationForm(GetParam().composed, GetParam().compatible);
  std::string all;
  for (uint32_t code = 1; code < 0x110000; ++code)
    if (!U_IS_SURROGATE(code))
      all += utf8Of(code) + "\n";
  EXPECT_TRUE(normalizedText(all, steps, classes) == icuNormalized(GetParam(), all));
}

TEST_P(Forms, EqualIcuForRandomRuns) {
  CharacterClasses classes;
  const auto steps = normalizationForm(GetParam().composed, GetParam().compatible);
  const std::vector<uint32_t> characters = interestingCharacters();
  std::mt19937 random(3);
  for (int round = 0; round < 40; ++round) {
    std::string text;
    for (int i = 0; i < 2000; ++i)
      text += utf8Of(characters[random() % characters.size()]);
    EXPECT_TRUE(normalizedText(text, steps, classes) == icuNormalized(GetParam(), text)) << round;
  }
}

TEST_P(Forms, OrderLongRunsOfMarks) {
  CharacterClasses classes;
  const auto steps = normalizationForm(GetParam().composed, GetParam().compatible);
  std::string text = "a";
  for (int i = 0; i < 5000; ++i)
    text += i % 2 == 0 ? "\xCC\x81" : "\xCC\xA3";
  EXPECT_TRUE(normalizedText(text, steps, classes) == icuNormalized(GetParam(), text));
}

TEST(LongRunsOfMarks, TakeTimeInProportion) {
  CharacterClasses classes;
  std::string text = "a", below, above;
  for (int i = 0; i < 1000000; ++i)
    text += "\xCC\x81\xCC\xA3", below += "\xCC\xA3", above += "\xCC\x81";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(normalizedText(text, normalizationForm(false, false), classes) == "a" + below + above);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(seconds.count(), 20) << "a quadratic algorithm takes hours";
}

TEST_P(Forms, KeepBytesThatAreNoCharacters) {
  CharacterClasses classes;
  const auto steps = normalizationForm(GetParam().composed, GetParam().compatible);
  const std::string text = "\xFF"
                           "a\xC3 \xED\xA0\x80\xF5";
  EXPECT_EQ(normalizedText(text, steps, classes), text);
}

INSTANTIATE_TEST_SUITE_P(, Forms, testing::ValuesIn(forms), [](const auto& info) { return info.param.type; });

/// What a small byte-level tokenizer with this normalizer makes of a text.
std::string normalizedBy(const Json& normalizer, const std::string& text) {
  Json json = smallByteLevel();
  json["normalizer"] = normalizer;
  json["added_tokens"] = Json::array();
  json["model"]["merges"] = Json::array();
  std::string out;
  for (const int32_t id : load(json)->encode(text))
    out += static_cast<char>(id);
  return out;
}

Json sequence(const std::vector<Json>& normalizers) { return {{"type", "Sequence"}, {"normalizers", normalizers}}; }

struct Case {
  const char* name;
  Json normalizer;
  const char* text;
  const char* expected;
};

std::ostream& operator<<(std::ostream& out, const Case& one) { return out << one.name; }

class Normalizers : public testing::TestWithParam<Case> {};

TEST_P(Normalizers, DoWhatTheirTypeSays) { EXPECT_EQ(normalizedBy(GetParam().normalizer, GetParam().text), GetParam().expected); }

const Json bert = {{"type", "BertNormalizer"}};
const Json bertCased = {{"type", "BertNormalizer"}, {"lowercase", false}};
const Json replaceRuns = {{"type", "Replace"}, {"pattern", {{"Regex", " {2,}"}}}, {"content", "_"}};

const Case cases[] = {
    {"Nfc", {{"type", "NFC"}}, "e\xCC\x81", "\xC3\xA9"},
    {"Lowercase", {{"type", "Lowercase"}}, "\xC3\x84RGER \xC4\xB0\xCE\xA3", "\xC3\xA4rger i\xCC\x87\xCF\x83"},
    {"StripAccentsAfterNfd", sequence({{{"type", "NFD"}}, {{"type", "StripAccents"}}}), "\xC3\xA9\xE1\xBB\xAD", "eu"},
    {"Strip", {{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}}, " \xC2\xA0 a b\n\xE3\x80\x80", "a b"},
    {"StripLeft", {{"type", "Strip"}, {"strip_left", true}, {"strip_right", false}}, " a ", "a "},
    {"StripAll", {{"type", "Strip"}}, " \n ", ""},
    {"ReplaceText", {{"type", "Replace"}, {"pattern", {{"String", "a.b"}}}, {"content", "<>"}}, "a.bab a.b", "<>ab <>"},
    {"ReplacePattern", replaceRuns, "a  b c    ", "a_b c_"},
    {"ReplaceByNothing", {{"type", "Replace"}, {"pattern", {{"String", "aa"}}}, {"content", ""}}, "aaab", "ab"},
    {"Prepend", {{"type", "Prepend"}, {"prepend", "xyz"}}, "a", "xyza"},
    {"PrependToNothing", sequence({{{"type", "Strip"}}, {{"type", "Prepend"}, {"prepend", "x"}}}), "  ", ""},
    {"Sequence", sequence({{{"type", "Prepend"}, {"prepend", "A"}}, {{"type", "Lowercase"}}, replaceRuns}), "B  C", "ab_c"},
    {"SpacesBeforeMore",
     sequence({{{"type", "Prepend"}, {"prepend", "\xE2\x96\x81"}},
               {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\xE2\x96\x81"}},
               {{"type", "Lowercase"}}}),
     "A B",
     "\xE2\x96\x81"
     "a\xE2\x96\x81"
     "b"},
    {"Bert", bert, "\x01H\xC3\x89llo\tW\xE2\x80\x8B\xEF\xBF\xBDorld\xC2\xA0", "hello world "},
    {"BertChinese", bert,
     "a\xE4\xB8\xAD\xE6\x96\x87"
     "b",
     "a \xE4\xB8\xAD  \xE6\x96\x87 b"},
    {"BertCased", bertCased,
     "\xC3\x89"
     "A",
     "\xC3\x89"
     "A"},
    {"Nmt",
     {{"type", "Nmt"}},
     "a\x01\x62\xE2\x80\x8B"
     "c\n",
     "ab c "},
};

INSTANTIATE_TEST_SUITE_P(, Normalizers, testing::ValuesIn(cases), [](const auto& info) { return info.param.name; });

TEST(NormalizedAddedTokens, AreLookedForAsTheNormalizerLeavesThem) {
  Json json = smallByteLevel();
  json["normalizer"] = {{"type", "Lowercase"}};
  json["added_tokens"] = Json::array({addedToken(259, "END", {{"normalized", true}}), addedToken(260, "STOP")});
  EXPECT_EQ(load(json)->encode("eNdSTOPstop"), (Ids{259, 260, 's', 't', 'o', 'p'}));
}

TEST(GrowingText, StaysInItsScratch) {
  const std::string ligature = "\xEF\xB7\xBA";  // becomes 18 characters
  std::string text, expected;
  for (int i = 0; i < 300; ++i)
    text += ligature, expected += icuNormalized(forms[3], ligature);
  EXPECT_TRUE(normalizedBy({{"type", "NFKD"}}, text) == expected);
}

TEST(GrowingText, BeyondTheLimitIsRefused) {
  std::vector<Json> steps;
  for (int i = 0; i < 5; ++i)
    steps.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aaaa"}});
  EXPECT_THROW(normalizedBy(sequence(steps), "a"), UserError);
  std::vector<Json> many(17, Json{{"type", "NFC"}});
  EXPECT_THROW(normalizedBy(sequence(many), "a"), UserError);
}

std::string words(const std::vector<uint32_t>& units, const std::string& texts) {
  std::string blob;
  const auto add = [&](uint32_t word) {
    for (int i = 0; i < 4; ++i)
      blob += static_cast<char>(word >> (8 * i));
  };
  add(static_cast<uint32_t>(units.size() * 4));
  for (const uint32_t unit : units)
    add(unit);
  return blob + texts;
}

TEST(Charsmap, DamagedBlobsAreRefused) {
  EXPECT_TRUE(readCharsmap("").empty());
  EXPECT_THROW(readCharsmap("abc"), CharsmapError);
  EXPECT_THROW(readCharsmap(std::string("\xFF\xFF\xFF\xFF", 4)), CharsmapError);
  EXPECT_THROW(readCharsmap(std::string("\0\0\0\0", 4)), CharsmapError);
  // The children of 'a' are those of the root: no end.
  std::vector<uint32_t> circle(256, 0);
  circle['a'] = 'a' | 'a' << 10;
  EXPECT_THROW(readCharsmap(words(circle, "x")), CharsmapError);
  // "a" has a value that points behind the texts.
  std::vector<uint32_t> outside(512, 0);
  outside['a'] = 'a' | 1u << 8 | 256u << 10;
  outside['a' ^ 256] = 7;
  EXPECT_THROW(readCharsmap(words(outside, std::string("x\0", 2))), CharsmapError);
  outside['a' ^ 256] = 0;
  EXPECT_EQ(readCharsmap(words(outside, std::string("x\0", 2))), (RewriteRules{{"a", "x"}}));
}

TEST(Charsmap, RandomDamageIsRefusedOrRead) {
  std::mt19937 random(4);
  std::vector<uint32_t> units(512, 0);
  units['a'] = 'a' | 1u << 8 | 256u << 10;
  for (int i = 0; i < 2000; ++i) {
    std::string blob = words(units, std::string("x\0y\0", 4));
    for (int k = 0; k < 8; ++k)
      blob[random() % blob.size()] = static_cast<char>(random());
    try {
      readCharsmap(blob);
    } catch (const CharsmapError&) {
    }
  }
}

}  // namespace
}  // namespace quantc::test
