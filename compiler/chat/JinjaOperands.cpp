// Values, and what is written behind them: members, subscripts, filters, tests and calls.
#include <cstring>

#include "compiler/chat/JinjaExpressions.h"

namespace quantc::jinja {

using chat::op;
using chat::word;

namespace {

struct BuiltinRow {
  chat::builtin which;
  const char* form;
  const char* name;
  size_t least;
  size_t most;
};
constexpr BuiltinRow builtins[] = {
#define QC_CHAT_BUILTIN(name, form, jinja, least, most) {chat::builtin::name, #form, jinja, least, most},
#include "runtime/chat/builtins.inc"
#undef QC_CHAT_BUILTIN
};

const char* const loopFields[] = {"index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem"};
constexpr uint32_t dictionaryLimit = 16;
static_assert(std::size(loopFields) == chat::loop_field_count);

}  // namespace

Code ExpressionParser::primary() {
  const Token token = peek();
  if (token.kind == Token::Kind::string) {
    std::string text;
    for (; peek().kind == Token::Kind::string; ++position)  // neighbours are one
      text += peek().text;
    return {word(op::string, builder.string(text))};
  }
  if (token.kind == Token::Kind::number) {
    ++position;
    if (token.text.size() > 6 || isSymbol("."))
      fail("the number " + token.text + ", expected a whole one below 1000000");
    return {word(op::integer, static_cast<uint32_t>(std::stoul(token.text)))};
  }
  if (accept("(")) {
    Code code = expression();
    if (accept(","))
      return listUntil(")", std::move(code), 1);  // a tuple does what a list does
    expect(")");
    return code;
  }
  if (accept("["))
    return listUntil("]", {}, 0);
  if (accept("{"))
    return dictionary();
  if (token.kind != Token::Kind::name)
    fail(atEnd() ? "an end where a value was expected" : "\"" + token.text + "\" where a value was expected");
  ++position;
  for (const auto& [text, constant] : {std::pair{"none", chat::push_none},
                                       {"None", chat::push_none},
                                       {"false", chat::push_false},
                                       {"False", chat::push_false},
                                       {"true", chat::push_true},
                                       {"True", chat::push_true}})
    if (token.text == text)
      return {word(op::constant, constant)};
  if (isSymbol("("))
    return call(token.text);
  if (token.text == "loop" && builder.openLoops > 0)
    return loopField();
  const int64_t slot = builder.find(token.text);
  return {slot >= 0 ? word(op::load, static_cast<uint32_t>(slot)) : word(op::constant, chat::push_undefined)};
}

Code ExpressionParser::listUntil(const char* close, Code elements, uint32_t count) {
  while (!accept(close)) {
    append(elements, expression());
    ++count;
    if (!isSymbol(close))
      expect(",");
  }
  if (count >= chat::stack_limit / 2)
    fail("a list of more than " + std::to_string(chat::stack_limit / 2) + " elements");
  elements.push_back(word(op::list, count));
  return elements;
}

/// A dictionary does what a namespace does.
Code ExpressionParser::dictionary() {
  Code code;
  uint32_t count = 0;
  while (!accept("}")) {
    append(code, expression());
    expect(":");
    append(code, expression());
    ++count;
    if (!isSymbol("}"))
      expect(",");
  }
  if (count > dictionaryLimit)
    return failing("a dictionary of more than 16 entries");
  code.push_back(word(op::name_space, count));
  return code;
}

Code ExpressionParser::loopField() {
  expect(".");
  const std::string field = name();
  for (uint32_t i = 0; i < std::size(loopFields); ++i)
    if (field == loopFields[i])
      return {word(op::loop_field, i)};
  if (isSymbol("("))
    arguments();
  return failing("loop." + field);
}

Code ExpressionParser::postfix(Code operand) {
  for (;;) {
    if (accept(".")) {
      const std::string member = name();
      if (isSymbol("("))
        operand = builtinCall("method", member, std::move(operand), arguments());
      else
        operand.push_back(word(op::attribute, builder.string(member)));
    } else if (isSymbol("[")) {
      operand = subscript(std::move(operand));
    } else if (accept("|")) {
      const std::string filter = name();
      const Arguments given = isSymbol("(") ? arguments() : Arguments();
      if (std::optional<Code> loop = sequenceFilter(filter, operand, given))
        operand = std::move(*loop);
      else
        operand = builtinCall("filter", filter, std::move(operand), given);
    } else if (accept("is")) {
      operand = test(std::move(operand));
    } else if (isSymbol("(")) {
      arguments();
      append(operand, failing("a call of what is no name"));
    } else {
      return operand;
    }
  }
}

Code ExpressionParser::subscript(Code operand) {
  expect("[");
  const Code absent = {word(op::constant, chat::push_none)};
  const Code first = isSymbol(":") ? absent : expression();
  append(operand, first);
  if (accept("]")) {
    operand.push_back(word(op::index));
    return operand;
  }
  for (int part = 0; part < 2; ++part) {
    const bool given = accept(":") && !isSymbol(":") && !isSymbol("]");
    append(operand, given ? expression() : absent);
  }
  expect("]");
  operand.push_back(word(op::slice));
  return operand;
}

Code ExpressionParser::test(Code operand) {
  const bool negated = accept("not");
  const std::string which = name();
  Arguments given;
  if (isSymbol("("))
    given = arguments();
  else if (peek().kind == Token::Kind::string || peek().kind == Token::Kind::number || isSymbol("["))
    given.values.push_back(primary());
  Code code = builtinCall("test", which, std::move(operand), given);
  if (negated)
    code.push_back(word(op::logical_not));
  return code;
}

ExpressionParser::Arguments ExpressionParser::arguments() {
  expect("(");
  Arguments given;
  while (!accept(")")) {
    if (peek().kind == Token::Kind::name && isSymbol("=", 1)) {
      const std::string key = name();
      expect("=");
      given.named.emplace_back(key, expression());
    } else {
      given.values.push_back(expression());
    }
    if (!isSymbol(")"))
      expect(",");
  }
  return given;
}

Code ExpressionParser::builtinCall(const char* form, const std::string& called, Code subject, const Arguments& given) {
  for (const BuiltinRow& row : builtins) {
    if (strcmp(row.form, form) != 0 || called != row.name)
      continue;
    if (!given.named.empty() || given.values.size() < row.least || given.values.size() > row.most)
      break;
    for (const Code& argument : given.values)
      append(subject, argument);
    subject.push_back(word(op::call, static_cast<uint32_t>(row.which) | static_cast<uint32_t>(given.values.size()) << 8));
    return subject;
  }
  append(subject, failing(std::string(form) + " " + called + (given.values.empty() && given.named.empty() ? "" : " with these arguments")));
  return subject;
}

Code ExpressionParser::call(const std::string& function) {
  const Arguments given = arguments();
  if (builder.expandMacro)
    if (std::optional<Code> macro = builder.expandMacro(function, given.values, given.named))
      return *macro;
  if (function == "raise_exception" && given.values.size() == 1 && given.named.empty()) {
    Code code = given.values[0];
    code.push_back(word(op::raise));
    return code;
  }
  if (function == "namespace" && given.values.empty()) {
    Code code;
    if (given.named.size() > 16)
      fail("a namespace of more than 16 names");
    for (const auto& [key, value] : given.named) {
      code.push_back(word(op::string, builder.string(key)));
      append(code, value);
    }
    code.push_back(word(op::name_space, static_cast<uint32_t>(given.named.size())));
    return code;
  }
  return builtinCall("function", function, {word(op::constant, chat::push_undefined)}, given);
}

}  // namespace quantc::jinja
