#include "compiler/tokenizer/PatternCompiler.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "compiler/tokenizer/PatternSyntax.h"
#include "runtime/tokenizer/pattern.h"
#include "runtime/tokenizer/utf8.h"

namespace quantc {
namespace {

using Kind = PatternNode::Kind;
using Mode = PatternNode::Mode;
using Op = tokenizer::pattern_op;

constexpr size_t programLimit = 1 << 16;

/// Whether a node can match nothing.
bool mayBeEmpty(const PatternNode& node) {
  switch (node.kind) {
  case Kind::literal:
  case Kind::characterClass: return false;
  case Kind::sequence:
  case Kind::atomic: return std::all_of(node.children.begin(), node.children.end(), mayBeEmpty);
  case Kind::alternatives: return std::any_of(node.children.begin(), node.children.end(), mayBeEmpty);
  case Kind::repeat: return node.least == 0 || mayBeEmpty(node.children[0]);
  case Kind::look:
  case Kind::lookNot:
  case Kind::lookBehind:
  case Kind::lookBehindNot: return true;
  }
  return true;
}

size_t leastBytes(const PatternNode& node, const CharacterClasses& classes) {
  const auto leastOfChild = [&](const PatternNode& child) { return leastBytes(child, classes); };
  switch (node.kind) {
  case Kind::literal: return tokenizer::character_bytes(node.value);
  case Kind::characterClass: {
    const CharacterClasses::Ranges& ranges = classes.ranges(node.value);
    return ranges.empty() ? 1 : tokenizer::character_bytes(ranges.front().first);
  }
  case Kind::sequence:
  case Kind::atomic:
    return std::accumulate(node.children.begin(), node.children.end(), size_t{0},
                           [&](size_t sum, const PatternNode& child) { return sum + leastOfChild(child); });
  case Kind::alternatives: {
    size_t least = SIZE_MAX;
    for (const PatternNode& child : node.children)
      least = std::min(least, leastOfChild(child));
    return least;
  }
  case Kind::repeat: return node.least * leastOfChild(node.children[0]);
  case Kind::look:
  case Kind::lookNot:
  case Kind::lookBehind:
  case Kind::lookBehindNot: return 0;
  }
  return 0;
}

/// The number of characters that every match of a lookbehind's alternative has.
uint32_t fixedCharacters(const PatternNode& node) {
  const auto fail = [] { throw PatternError("a lookbehind of no fixed length"); };
  uint64_t characters = 0;
  switch (node.kind) {
  case Kind::literal:
  case Kind::characterClass: return 1;
  case Kind::sequence:
  case Kind::atomic:
    for (const PatternNode& child : node.children)
      characters += fixedCharacters(child);
    break;
  case Kind::alternatives:
    characters = fixedCharacters(node.children[0]);
    for (size_t i = 1; i < node.children.size(); ++i)
      if (fixedCharacters(node.children[i]) != characters)
        fail();
    break;
  case Kind::repeat:
    if (node.least != node.most)
      fail();
    characters = uint64_t{node.least} * fixedCharacters(node.children[0]);
    break;
  default: return 0;
  }
  if (characters >= programLimit)
    throw PatternError("a pattern that is too large");
  return static_cast<uint32_t>(characters);
}

class Emitter {
public:
  explicit Emitter(CharacterClasses& classes) : classes(classes) {}

  std::vector<uint32_t> run(const PatternNode& node) {
    emit(node);
    add(Op::accept);
    return std::move(program);
  }

private:
  void emit(const PatternNode& node) {
    switch (node.kind) {
    case Kind::sequence:
      for (const PatternNode& child : node.children)
        emit(child);
      break;
    case Kind::alternatives: emitAlternatives(node, [&](const PatternNode& one) { emit(one); }); break;
    case Kind::literal: add(Op::literal, node.value); break;
    case Kind::characterClass: add(Op::one_of, node.value); break;
    case Kind::repeat: emitRepeat(node); break;
    case Kind::look:
    case Kind::lookBehind:
      add(Op::look);
      emitLooked(node);
      add(Op::leave_look);
      break;
    case Kind::lookNot:
    case Kind::lookBehindNot: {
      const size_t look = add(Op::look_not);
      emitLooked(node);
      add(Op::leave_look_not);
      setTarget(look);
      break;
    }
    case Kind::atomic:
      add(Op::atomic);
      emit(node.children[0]);
      add(Op::leave_atomic);
      break;
    }
  }

  /// What looks behind goes back by as many characters as it has and then looks ahead; alternatives may differ in length.
  void emitLooked(const PatternNode& look) {
    const PatternNode& body = look.children[0];
    if (look.kind == Kind::look || look.kind == Kind::lookNot)
      return emit(body);
    if (body.kind == Kind::alternatives)
      return emitAlternatives(body, [&](const PatternNode& one) { emitBehind(one); });
    emitBehind(body);
  }

  void emitBehind(const PatternNode& node) {
    add(Op::back, fixedCharacters(node));
    emit(node);
  }

  template <typename EmitOne> void emitAlternatives(const PatternNode& node, EmitOne emitOne) {
    std::vector<size_t> ends;
    for (size_t i = 0; i + 1 < node.children.size(); ++i) {
      const size_t choice = add(Op::either);
      emitOne(node.children[i]);
      ends.push_back(add(Op::jump));
      setTarget(choice);
    }
    emitOne(node.children.back());
    for (size_t end : ends)
      setTarget(end);
  }

  void emitRepeat(const PatternNode& node) {
    const PatternNode& body = node.children[0];
    if (body.kind == Kind::characterClass || body.kind == Kind::literal) {
      const Op op = node.mode == Mode::greedy ? Op::repeat : node.mode == Mode::lazy ? Op::repeat_lazy : Op::repeat_possessive;
      add(op, body.kind == Kind::literal ? classOf(body.value) : body.value);
      program.insert(program.end(), {node.least, node.most});
      return;
    }
    if (node.mode == Mode::possessive)
      add(Op::atomic);
    for (uint32_t i = 0; i < node.least; ++i)
      emit(body);
    if (node.most == PatternNode::unlimited)
      emitLoop(body, node.mode);
    else
      emitOptional(body, node.most - node.least, node.mode);
    if (node.mode == Mode::possessive)
      add(Op::leave_atomic);
  }

  void emitLoop(const PatternNode& body, Mode mode) {
    if (mayBeEmpty(body))
      throw PatternError("a group repeated without limit that may match nothing");
    const size_t choice = add(mode == Mode::lazy ? Op::either_far : Op::either);
    emit(body);
    add(Op::jump, static_cast<uint32_t>(choice));
    setTarget(choice);
  }

  void emitOptional(const PatternNode& body, uint32_t count, Mode mode) {
    std::vector<size_t> choices;
    for (uint32_t i = 0; i < count; ++i) {
      choices.push_back(add(mode == Mode::lazy ? Op::either_far : Op::either));
      emit(body);
    }
    for (size_t choice : choices)
      setTarget(choice);
  }

  uint32_t classOf(uint32_t code) {
    char expression[16];
    snprintf(expression, sizeof expression, "\\x{%x}", static_cast<unsigned>(code));
    return classes.add(expression);
  }

  size_t add(Op op, uint32_t operand = 0) {
    if (program.size() >= programLimit)
      throw PatternError("a pattern that is too large");
    program.push_back(tokenizer::pattern_word(op, operand));
    return program.size() - 1;
  }

  /// Lets the instruction at `at` lead to the next one.
  void setTarget(size_t at) {
    program[at] = tokenizer::pattern_word(static_cast<Op>(program[at] & 0xFF), static_cast<uint32_t>(program.size()));
  }

  CharacterClasses& classes;
  std::vector<uint32_t> program;
};

}  // namespace

std::vector<uint32_t> compilePattern(const std::string& pattern, CharacterClasses& classes) {
  return Emitter(classes).run(parsePattern(pattern, classes));
}

size_t leastMatchBytes(const std::string& pattern, CharacterClasses& classes) {
  return leastBytes(parsePattern(pattern, classes), classes);
}

std::string literalPattern(const std::string& text) {
  std::string pattern;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x80 && ispunct(static_cast<unsigned char>(c)))
      pattern += '\\';
    pattern += c;
  }
  return pattern;
}

}  // namespace quantc
