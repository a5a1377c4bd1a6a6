// The syntax tree of a regular expression.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/tokenizer/CharacterClasses.h"

namespace quantc {

struct PatternNode {
  enum class Kind { sequence, alternatives, literal, characterClass, repeat, look, lookNot, lookBehind, lookBehindNot, atomic };
  enum class Mode { greedy, lazy, possessive };
  static constexpr uint32_t unlimited = UINT32_MAX;

  Kind kind = Kind::sequence;
  uint32_t value = 0;  ///< code point or index of the class
  uint32_t least = 0;  ///< of repeat
  uint32_t most = 0;
  Mode mode = Mode::greedy;
  std::vector<PatternNode> children = {};
};

/// Throws PatternError.
PatternNode parsePattern(const std::string& pattern, CharacterClasses& classes);

}  // namespace quantc
