// Jinja's expressions, compiled while they are parsed. Code is relative: pieces of it are put together as they are.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/chat/ChatTemplate.h"
#include "compiler/chat/JinjaLexer.h"
#include "runtime/chat/program.h"

namespace quantc::jinja {

using Code = std::vector<uint32_t>;

inline void append(Code& to, const Code& more) { to.insert(to.end(), more.begin(), more.end()); }
/// A jump over (or, negative, back by) so many words, counted from the one behind it.
uint32_t jumpWord(chat::op op, ptrdiff_t words);

/// A list, made in a variable by a loop over `over` whose body appends to it, and pushed.
Code collected(const Code& over, uint32_t listSlot, Code body);

/// Strings and variables of a program while it is made.
class ProgramBuilder {
public:
  uint32_t string(const std::string& text);
  uint32_t newSlot();
  uint32_t slotCount() const { return mostSlots; }
  const std::vector<std::string>& strings() const { return texts; }

  void openScope() { scopes.emplace_back(); }
  void closeScope() { scopes.pop_back(); }
  /// The slot of a name in the innermost scope, made where there is none.
  uint32_t declare(const std::string& name);
  /// The slot that a name is read from, -1 where it has none: then it is undefined.
  int64_t find(const std::string& name) const;

  /// Loops that are open around what is compiled.
  int openLoops = 0;

  /// What a call of a macro becomes: `values` by position and `named` ones are the code of its arguments. Nothing where there is no such macro.
  std::function<std::optional<Code>(const std::string& name, const std::vector<Code>& values,
                                    const std::vector<std::pair<std::string, Code>>& named)>
      expandMacro;
  /// A macro sees the template's own variables and its own, not those of where it is called, which leaveMacro brings back. The macro's slots are free
  /// again then: what that returns is the code that clears them.
  struct Caller {
    std::vector<std::map<std::string, uint32_t>> scopes;
    uint32_t slots;
    int openLoops;
  };
  Caller enterMacro();
  Code leaveMacro(Caller caller);

  /// Of expressions in expressions, macros included.
  int depth = 0;

private:
  std::vector<std::string> texts;
  std::map<std::string, uint32_t> textIndices;
  std::vector<std::map<std::string, uint32_t>> scopes = {{{"messages", chat::messages},
                                                          {"add_generation_prompt", chat::add_generation_prompt},
                                                          {"bos_token", chat::bos_token},
                                                          {"eos_token", chat::eos_token}}};
  uint32_t slots = chat::first_own_variable, mostSlots = slots;
};

class ExpressionParser {
public:
  ExpressionParser(ProgramBuilder& builder, const Segment& segment, size_t position = 0)
      : builder(builder), segment(segment), position(position) {}

  /// With conditions (a if b else c) unless told otherwise: "for x in list if ..." has none.
  Code expression(bool withCondition = true);

  bool accept(const char* text);
  void expect(const char* text);
  bool atEnd() const { return peek().kind == Token::Kind::end; }
  std::string name();
  [[noreturn]] void fail(const std::string& what) const;
  const Token& peek(size_t ahead = 0) const { return segment.tokens[std::min(position + ahead, segment.tokens.size() - 1)]; }

private:
  struct Arguments {
    std::vector<Code> values;
    std::vector<std::pair<std::string, Code>> named;
  };

  Code choice(const char* word, chat::op jump, Code (ExpressionParser::*next)());
  Code disjunction();
  Code conjunction();
  Code negation();
  Code comparison();
  Code sum();
  Code concatenation();
  Code product();
  Code unary();
  Code primary();
  Code postfix(Code operand);
  Code subscript(Code operand);
  Code test(Code operand);
  Code listUntil(const char* close, Code elements, uint32_t count);
  Code loopField();
  Code call(const std::string& function);
  Code dictionary();
  /// select, reject, selectattr, rejectattr and map, as loops; nothing where the arguments are of another shape.
  std::optional<Code> sequenceFilter(const std::string& filter, const Code& subject, const Arguments& given);
  /// The text that the code of a constant pushes.
  std::optional<std::string> constantText(const Code& code) const;
  Code builtinCall(const char* form, const std::string& name, Code subject, const Arguments& arguments);
  Arguments arguments();
  Code failing(const std::string& what) { return {chat::word(chat::op::fail, builder.string(what))}; }
  bool isSymbol(const char* text, size_t ahead = 0) const;
  bool isName(const char* text, size_t ahead = 0) const;

  ProgramBuilder& builder;
  const Segment& segment;
  size_t position;
};

}  // namespace quantc::jinja
