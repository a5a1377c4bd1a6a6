// The character classes of a tokenizer's patterns, as ranges of code points: taken from PCRE2's Unicode tables once, at compile time, so that the
// device needs none.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace quantc {

class CharacterClasses {
public:
  using Range = std::pair<uint32_t, uint32_t>;  ///< first and last code point
  using Ranges = std::vector<Range>;

  /// The index of the class of all characters that `expression` matches: PCRE2's syntax for one character, such as "[a-z\p{N}]". Equal classes
  /// have one index. Throws PatternError.
  uint32_t add(const std::string& expression, bool caseless = false);
  const Ranges& ranges(uint32_t index) const { return classes[index]; }

  /// As runtime/tokenizer/pattern.h lays them out; empty without classes.
  std::vector<uint32_t> words() const;

private:
  std::vector<Ranges> classes;
};

/// Unicode's White_Space and, as in UTS #18, the characters of words: what \s and \w are for Hugging Face's tokenizers.
inline constexpr char whiteSpaceItems[] = "\\p{White_Space}";
inline constexpr char wordItems[] = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";

}  // namespace quantc
