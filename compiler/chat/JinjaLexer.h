// Jinja's source as text and tags, with white space trimmed as the tags ask, tags as tokens.
#pragma once

#include <string>
#include <vector>

namespace quantc::jinja {

struct Token {
  enum class Kind { name, number, string, symbol, end };
  Kind kind = Kind::end;
  std::string text;  ///< of a string: what it stands for
};

/// Text that is printed as it is, {{ an expression }} or {% a statement %}. The tokens of a tag end with one of kind `end`.
struct Segment {
  enum class Kind { text, expression, statement };
  Kind kind = Kind::text;
  std::string text;
  std::vector<Token> tokens;
  size_t line = 1;
};

/// Throws ChatTemplateError.
std::vector<Segment> lex(std::string source);

}  // namespace quantc::jinja
