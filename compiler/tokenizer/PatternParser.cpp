// Parses regular expressions. Classes are rewritten to PCRE2's syntax with \s, \d and \w spelled out, because its own \s is not White_Space.
#include <algorithm>
#include <cstdio>

#include "compiler/tokenizer/PatternCompiler.h"
#include "compiler/tokenizer/PatternSyntax.h"
#include "runtime/tokenizer/utf8.h"

namespace quantc {
namespace {

using Kind = PatternNode::Kind;
using Mode = PatternNode::Mode;

constexpr int depthLimit = 64;
constexpr uint32_t repeatLimit = 1000;

std::u32string decode(const std::string& text) {
  std::u32string codes;
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  for (size_t i = 0; i < text.size();) {
    const tokenizer::character next = tokenizer::read_character(bytes + i, text.size() - i);
    codes += static_cast<char32_t>(next.code);
    i += next.bytes;
  }
  return codes;
}

std::string classItem(uint32_t code) {
  char text[16];
  snprintf(text, sizeof text, "\\x{%x}", static_cast<unsigned>(code));
  return text;
}

bool isAsciiAlphanumeric(char32_t c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// What stands behind a backslash: one character, or items of a class.
struct Escape {
  bool isClass = false;
  uint32_t code = 0;
  std::string items;
};

class Parser {
public:
  Parser(const std::string& pattern, CharacterClasses& classes) : text(decode(pattern)), classes(classes) {}

  PatternNode run() {
    PatternNode node = alternatives(false, 0);
    if (!atEnd())
      fail("an unmatched )");
    return node;
  }

private:
  PatternNode alternatives(bool caseless, int depth) {
    if (depth > depthLimit)
      fail("groups nested deeper than " + std::to_string(depthLimit));
    PatternNode node{Kind::alternatives};
    do {
      PatternNode sequence{Kind::sequence};
      while (!atEnd() && peek() != '|' && peek() != ')')
        sequence.children.push_back(quantified(caseless, depth));
      node.children.push_back(std::move(sequence));
    } while (accept('|'));
    return node.children.size() == 1 ? std::move(node.children[0]) : std::move(node);
  }

  PatternNode quantified(bool caseless, int depth) {
    PatternNode operand = atom(caseless, depth);
    PatternNode repeat{Kind::repeat};
    bool braces = false;
    if (accept('*'))
      repeat.most = PatternNode::unlimited;
    else if (accept('+'))
      repeat.least = 1, repeat.most = PatternNode::unlimited;
    else if (accept('?'))
      repeat.most = 1;
    else if (peek() == '{')
      braces = true, bounds(repeat);
    else
      return operand;
    if (operand.kind == Kind::look || operand.kind == Kind::lookNot || operand.kind == Kind::lookBehind ||
        operand.kind == Kind::lookBehindNot)
      fail("a repeated lookahead or lookbehind");
    if (peek() == '+' && braces)
      fail("a + behind {}");
    if (accept('+'))
      repeat.mode = Mode::possessive;
    else if (accept('?'))
      repeat.mode = Mode::lazy;
    if (!atEnd() && (peek() == '*' || peek() == '+' || peek() == '?' || peek() == '{'))
      fail("a quantifier behind a quantifier");
    repeat.children.push_back(std::move(operand));
    return repeat;
  }

  void bounds(PatternNode& repeat) {
    expect('{');
    repeat.least = repeat.most = number();
    if (accept(','))
      repeat.most = peek() == '}' ? PatternNode::unlimited : number();
    expect('}');
    if (repeat.least > repeat.most)
      fail("a repeat whose least count is greater than its greatest");
  }

  uint32_t number() {
    if (atEnd() || peek() < '0' || peek() > '9')
      fail("a { that begins no repeat; write \\{");
    uint32_t value = 0;
    while (!atEnd() && peek() >= '0' && peek() <= '9') {
      value = value * 10 + (take() - '0');
      if (value > repeatLimit)
        fail("a repeat of more than " + std::to_string(repeatLimit));
    }
    return value;
  }

  PatternNode atom(bool caseless, int depth) {
    const char32_t c = take();
    switch (c) {
    case '(': return group(caseless, depth);
    case '[': return classNode(bracket(), caseless);
    case '.': return classNode("[^\\n]", false);
    case '\\': {
      const Escape escape = readEscape();
      return escape.isClass ? classNode("[" + escape.items + "]", caseless) : literal(escape.code, caseless);
    }
    case '^':
    case '$': fail("an anchor");
    case '*':
    case '+':
    case '?':
    case '{': fail("a quantifier with nothing before it");
    default: return literal(c, caseless);
    }
  }

  PatternNode group(bool caseless, int depth) {
    PatternNode node{Kind::sequence};
    if (accept('?')) {
      const char32_t c = atEnd() ? U' ' : take();
      if (c == 'i')
        caseless = true, expect(':');
      else if (c == '=')
        node.kind = Kind::look;
      else if (c == '!')
        node.kind = Kind::lookNot;
      else if (c == '>')
        node.kind = Kind::atomic;
      else if (c == '<' && accept('='))
        node.kind = Kind::lookBehind;
      else if (c == '<' && accept('!'))
        node.kind = Kind::lookBehindNot;
      else if (c != ':')
        fail("a group that begins with (?" + std::string(1, c < 0x80 ? static_cast<char>(c) : '.'));
    }
    node.children.push_back(alternatives(caseless, depth + 1));
    expect(')');
    return node;
  }

  PatternNode literal(uint32_t code, bool caseless) {
    if (!caseless)
      return PatternNode{Kind::literal, code};
    return classNode(classItem(code), true);
  }

  PatternNode classNode(const std::string& expression, bool caseless) {
    return PatternNode{Kind::characterClass, classes.add(expression, caseless)};
  }

  /// What is between [ and ], as a class of PCRE2.
  std::string bracket() {
    std::string out = accept('^') ? "[^" : "[";
    if (!atEnd() && peek() == ']')
      fail("an empty class");
    while (!accept(']')) {
      const Escape first = classMember();
      if (first.isClass) {
        out += first.items;
        continue;
      }
      out += classItem(first.code);
      if (position + 1 < text.size() && peek() == '-' && text[position + 1] != ']') {
        take();
        const Escape last = classMember();
        if (last.isClass || last.code < first.code)
          fail("a range of characters that does not ascend");
        out += "-" + classItem(last.code);
      }
    }
    return out + "]";
  }

  Escape classMember() {
    const char32_t c = take();
    if (c == '\\')
      return readEscape();
    if (c == '[')
      fail("a class inside a class");
    if (c == '&' && !atEnd() && peek() == '&')
      fail("an intersection of classes");
    return Escape{false, c, {}};
  }

  Escape readEscape() {
    const char32_t c = take();
    switch (c) {
    case 'p':
    case 'P': return property(c == 'P');
    case 's': return Escape{true, 0, whiteSpaceItems};
    case 'S': return Escape{true, 0, "\\P{White_Space}"};
    case 'd': return Escape{true, 0, "\\p{Nd}"};
    case 'D': return Escape{true, 0, "\\P{Nd}"};
    case 'w': return Escape{true, 0, wordItems};
    case 'r': return Escape{false, '\r', {}};
    case 'n': return Escape{false, '\n', {}};
    case 't': return Escape{false, '\t', {}};
    case 'f': return Escape{false, '\f', {}};
    case 'v': return Escape{false, '\v', {}};
    case 'u': return Escape{false, hex(4, 4), {}};
    case 'x': {
      if (!accept('{'))
        return Escape{false, hex(2, 2), {}};
      const uint32_t code = hex(1, 6);
      expect('}');
      return Escape{false, code, {}};
    }
    default:
      if (isAsciiAlphanumeric(c))
        fail(std::string("\\") + static_cast<char>(c));
      return Escape{false, c, {}};
    }
  }

  Escape property(bool negated) {
    std::string name;
    if (!accept('{')) {
      name = static_cast<char>(take() & 0x7F);
    } else {
      while (!atEnd() && peek() != '}')
        name += static_cast<char>(take() & 0x7F);
      expect('}');
    }
    if (!name.empty() && name[0] == '^')
      negated = !negated, name.erase(0, 1);
    if (name.empty() || !std::all_of(name.begin(), name.end(), [](char c) { return isAsciiAlphanumeric(c) || c == '_' || c == '='; }))
      fail("a malformed property of characters");
    return Escape{true, 0, std::string(negated ? "\\P{" : "\\p{") + name + "}"};
  }

  uint32_t hex(int least, int most) {
    uint32_t value = 0;
    int digits = 0;
    for (; digits < most && !atEnd() && peek() < 0x80 && isxdigit(static_cast<int>(peek())); ++digits) {
      const char32_t c = take();
      value = value * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    if (digits < least || value > 0x10FFFF)
      fail("a malformed number of a character");
    return value;
  }

  bool atEnd() const { return position == text.size(); }
  char32_t peek() const { return atEnd() ? U'\0' : text[position]; }
  char32_t take() {
    if (atEnd())
      fail("an end inside of a class, group or escape");
    return text[position++];
  }
  bool accept(char32_t c) {
    if (atEnd() || text[position] != c)
      return false;
    ++position;
    return true;
  }
  void expect(char32_t c) {
    if (!accept(c))
      fail(std::string("a missing ") + static_cast<char>(c));
  }
  [[noreturn]] void fail(const std::string& what) const { throw PatternError(what + " (at character " + std::to_string(position) + ")"); }

  std::u32string text;
  CharacterClasses& classes;
  size_t position = 0;
};

}  // namespace

PatternNode parsePattern(const std::string& pattern, CharacterClasses& classes) { return Parser(pattern, classes).run(); }

}  // namespace quantc
