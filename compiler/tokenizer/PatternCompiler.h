// Turns a pre-tokenizer's regular expression (Oniguruma's syntax, as in tokenizer.json) into a program for runtime/tokenizer/pattern.h.
//
// Known: alternation, groups (?:...), (?i:...), (?>...), lookahead (?=...) (?!...), lookbehind
// (?<=...) (?<!...) where every alternative has a fixed number of characters, classes [...] with ranges, \p{..} \P{..} \s \S \d \D \w \r \n
// \t \f \v \xHH \x{H..} \uHHHH, the dot, quantifiers * + ? {m} {m,} {m,n}, lazy with ? and possessive with +.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "compiler/tokenizer/CharacterClasses.h"

namespace quantc {

/// What a pattern asks for that is not known, or where it is malformed.
class PatternError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Throws PatternError. `pattern` is UTF-8.
std::vector<uint32_t> compilePattern(const std::string& pattern, CharacterClasses& classes);

/// The bytes of UTF-8 that every match has at least. Throws PatternError.
size_t leastMatchBytes(const std::string& pattern, CharacterClasses& classes);

/// A pattern that matches `text` itself.
std::string literalPattern(const std::string& text);

}  // namespace quantc
