// Compiled patterns on the runtime's matcher against PCRE2 with the expression itself.
#include "runtime/tokenizer/pattern.h"

#include <gtest/gtest.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <random>
#include <regex>

#include "compiler/tokenizer/PatternCompiler.h"

namespace quantc::test {
namespace {

using Matches = std::vector<std::pair<size_t, size_t>>;

struct KnownPattern {
  const char* name;
  const char* expression;
};

const KnownPattern knownPatterns[] = {
    {"Gpt2", R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"},
    {"Llama3", R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {"Qwen2", R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {"O200k",
     R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {"DeepSeek",
     R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"},
    {"Possessive", R"([^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++(?!s))"},
    {"Groups", R"((?:a|ab)(?:c|bcd)(?:d*)|(?:ab|a(?:bc)?)*c|x(?:yz){2,3})"},
    {"LazyAndAtomic", R"(a{2,5}?b?|(?>s+)t|(?:re)*?v|(?:'l)++e|d??m+?)"},
    {"Lookahead", R"(\p{L}+(?=!)|\d+(?!\d|\p{L})|(?=.\n)\P{L}|(?!a|b)[a-d])"},
    {"Lookbehind", R"((?<=a|bc)\p{L}|(?<!\s)\p{N}+|(?<![\p{L}\p{N}]{2})[!?]|(?<=\r(?=\n))\n|(?<=(?i:É))\S(?<!x)|.(?<=日))"},
    {"Escapes", R"([\x41-\x{5A}\u00E9]+|\.\w|[^\S\n]{2,}|[\D]\d|\p{^Lu}s|(?i:\p{Lu}é))"},
};

std::ostream& operator<<(std::ostream& out, const KnownPattern& pattern) { return out << pattern.name; }

/// All matches one after another, empty ones left out.
Matches matchesOfRuntime(const std::vector<uint32_t>& program, const std::vector<uint32_t>& classWords, const std::string& text) {
  tokenizer::class_table classes;
  EXPECT_TRUE(tokenizer::read_classes(classWords.data(), classWords.size(), &classes));
  std::vector<uint8_t> scratch(program.size());
  EXPECT_TRUE(tokenizer::check_pattern(program.data(), program.size(), classes, scratch.data()));
  std::vector<tokenizer::choice> choices(64 + 4 * text.size());
  uint64_t steps = 1'000'000'000;
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const tokenizer::matcher matcher = {program.data(), classes,        bytes, 0, static_cast<uint32_t>(text.size()),
                                      choices.data(), choices.size(), &steps};
  Matches matches;
  for (uint32_t position = 0, end = 0; position < text.size();) {
    const tokenizer::match_result result = tokenizer::match_pattern(matcher, position, &end);
    EXPECT_NE(result, tokenizer::match_result::exhausted);
    if (result == tokenizer::match_result::matched && end > position) {
      matches.emplace_back(position, end);
      position = end;
      continue;
    }
    do
      ++position;
    while (position < text.size() && (bytes[position] & 0xC0) == 0x80);
  }
  return matches;
}

class Reference {
public:
  explicit Reference(std::string expression) {
    // PCRE2's \s is not White_Space: it has U+180E too.
    expression = std::regex_replace(expression, std::regex(R"(\\s)"), R"(\p{White_Space})");
    expression = std::regex_replace(expression, std::regex(R"(\\S)"), R"(\P{White_Space})");
    expression = std::regex_replace(expression, std::regex(R"(\\u00E9)"), R"(\x{E9})");
    expression = std::regex_replace(expression, std::regex(R"(\\w)"), R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}])");
    int error = 0;
    size_t offset = 0;
    code =
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(), PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
    EXPECT_NE(code, nullptr) << expression << " at " << offset;
    match = pcre2_match_data_create_from_pattern(code, nullptr);
  }
  ~Reference() {
    pcre2_match_data_free(match);
    pcre2_code_free(code);
  }
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

  Matches matches(const std::string& text) const {
    Matches found;
    for (size_t position = 0;
         pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), position, PCRE2_NOTEMPTY, match, nullptr) > 0;) {
      const size_t* bounds = pcre2_get_ovector_pointer(match);
      found.emplace_back(bounds[0], bounds[1]);
      position = bounds[1];
    }
    return found;
  }

private:
  pcre2_code* code;
  pcre2_match_data* match;
};

std::string utf8(uint32_t code) {
  if (code < 0x80)
    return std::string(1, static_cast<char>(code));
  const int following = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  std::string text(1, static_cast<char>((0xFF00 >> (following + 1) & 0xFF) | code >> (6 * following)));
  for (int i = following - 1; i >= 0; --i)
    text += static_cast<char>(0x80 | (code >> (6 * i) & 0x3F));
  return text;
}

std::string randomText(std::mt19937& random) {
  static const char* const parts[] = {" ",
                                      " ",
                                      "  ",
                                      "\n",
                                      "\r\n",
                                      "\t",
                                      "'s",
                                      "'LL",
                                      "'\xC5\xBF",
                                      "a",
                                      "ab",
                                      "abc",
                                      "Hello",
                                      "WORLD",
                                      "1",
                                      "12",
                                      "34567",
                                      "!",
                                      "?!",
                                      "...",
                                      "yz",
                                      "xyzyz",
                                      "\xC3\xA9",
                                      "\xC3\x89",
                                      "a\xCC\x81",
                                      "\xE6\x97\xA5",
                                      "\xD0\x94\xD0\xB0",
                                      "\xC2\xA0",
                                      "\xE3\x80\x80",
                                      "\xE2\x80\xA8",
                                      "\xC2\xB2",
                                      "\xF0\x9F\xA6\x84",
                                      "/",
                                      "re",
                                      "v",
                                      "ss",
                                      "t",
                                      "m",
                                      "'l",
                                      "e",
                                      "s"};
  std::string text;
  for (uint32_t count = random() % 24; count > 0; --count) {
    if (random() % 6 != 0) {
      text += parts[random() % std::size(parts)];
      continue;
    }
    const uint32_t code = random() % 3 == 0 ? random() % 0x110000 : random() % 0x3000;
    if (code < 0xD800 || code > 0xDFFF)
      text += utf8(code);
  }
  return text;
}

class Patterns : public testing::TestWithParam<KnownPattern> {};

TEST_P(Patterns, MatchAsPcre2Does) {
  CharacterClasses classes;
  const std::vector<uint32_t> program = compilePattern(GetParam().expression, classes);
  const std::vector<uint32_t> words = classes.words();
  const Reference reference(GetParam().expression);
  std::mt19937 random(7);
  size_t matched = 0;
  for (int i = 0; i < 20000 && !HasFailure(); ++i) {
    const std::string text = randomText(random);
    const Matches expected = reference.matches(text);
    EXPECT_EQ(matchesOfRuntime(program, words, text), expected) << testing::PrintToString(text);
    matched += expected.size();
  }
  EXPECT_GT(matched, 5000u);
}

INSTANTIATE_TEST_SUITE_P(, Patterns, testing::ValuesIn(knownPatterns), [](const auto& info) { return info.param.name; });

TEST(Classes, HoldEveryCodePointOfTheProperty) {
  CharacterClasses classes;
  const uint32_t letters = classes.add("\\p{L}");
  EXPECT_EQ(classes.add("[\\p{L}]"), letters);
  const std::vector<uint32_t> words = classes.words();
  tokenizer::class_table table;
  ASSERT_TRUE(tokenizer::read_classes(words.data(), words.size(), &table));
  const Reference reference("\\p{L}");
  for (uint32_t code = 0; code < 0x110000; code += code == 0xD7FF ? 0x801 : 1)
    ASSERT_EQ(tokenizer::in_class(table, letters, code), !reference.matches(utf8(code)).empty()) << code;
}

TEST(LongRuns, TakeStepsInProportion) {
  for (const KnownPattern& pattern : {knownPatterns[0], knownPatterns[1], knownPatterns[3]}) {
    CharacterClasses classes;
    const std::vector<uint32_t> program = compilePattern(pattern.expression, classes);
    const std::vector<uint32_t> words = classes.words();
    tokenizer::class_table table;
    ASSERT_TRUE(tokenizer::read_classes(words.data(), words.size(), &table));
    for (const char fill : {' ', 'A', '!', '\n'}) {
      const std::string text = std::string(100'000, fill) + "x";
      uint64_t steps = text.size() * 16;
      tokenizer::choice choices[64];
      const tokenizer::matcher matcher = {
          program.data(), table, reinterpret_cast<const uint8_t*>(text.data()), 0, static_cast<uint32_t>(text.size()), choices, 64, &steps};
      for (uint32_t position = 0; position < text.size();)
        ASSERT_EQ(tokenizer::match_pattern(matcher, position, &position), tokenizer::match_result::matched) << pattern.name << " " << fill;
    }
  }
}

struct RefusedPattern {
  const char* expression;
  const char* message;
};

const RefusedPattern refusedPatterns[] = {
    {"a)", "an unmatched ) (at character 1)"},
    {"(a", "a missing ) (at character 2)"},
    {"[a", "an end inside of a class, group or escape (at character 2)"},
    {"^a", "an anchor (at character 1)"},
    {"a|*", "a quantifier with nothing before it (at character 3)"},
    {"a**", "a quantifier behind a quantifier (at character 2)"},
    {"a{1,2}+", "a + behind {} (at character 6)"},
    {"a{3,2}", "a repeat whose least count is greater than its greatest (at character 6)"},
    {"a{5000}", "a repeat of more than 1000 (at character 6)"},
    {"(?<=a+)b", "a lookbehind of no fixed length"},
    {"(?<!a(?:b|cd))b", "a lookbehind of no fixed length"},
    {"(?<=a)*b", "a repeated lookahead or lookbehind (at character 7)"},
    {"(?<name>a)b", "a group that begins with (?< (at character 3)"},
    {"(?<=(?:a{1000}){1000})b", "a pattern that is too large"},
    {"[a[b]]", "a class inside a class (at character 3)"},
    {"[a&&b]", "an intersection of classes (at character 3)"},
    {"[z-a]", "a range of characters that does not ascend (at character 4)"},
    {"\\bword", "\\b (at character 2)"},
    {"(?:a*)*", "a group repeated without limit that may match nothing"},
    {"(?:(?:(?:aaaaaaaaaa){1000}){1000}){1000}", "a pattern that is too large"},
    {"\\p{}", "a malformed property of characters (at character 4)"},
};

TEST(RefusedPatterns, SayWhatIsNotKnown) {
  for (const RefusedPattern& refused : refusedPatterns) {
    CharacterClasses classes;
    try {
      compilePattern(refused.expression, classes);
      ADD_FAILURE() << refused.expression << " was compiled";
    } catch (const PatternError& error) {
      EXPECT_STREQ(error.what(), refused.message) << refused.expression;
    }
  }
}

TEST(RefusedPatterns, UnknownPropertyIsRefused) {
  CharacterClasses classes;
  EXPECT_THROW(compilePattern("\\p{Nonsense}", classes), PatternError);
  EXPECT_THROW(compilePattern(std::string(1000, '('), classes), PatternError);
}

}  // namespace
}  // namespace quantc::test
