#include "compiler/chat/JinjaExpressions.h"

#include <algorithm>
#include <cstring>

namespace quantc::jinja {

using chat::binary_op;
using chat::op;
using chat::word;

namespace {

constexpr int depthLimit = 100;
constexpr uint32_t pushUndefined = 0, pushNone = 1, pushFalse = 2, pushTrue = 3;

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
static_assert(std::size(loopFields) == chat::loop_field_count);

struct Operator {
  const char* text;
  binary_op op;
};

}  // namespace

uint32_t jumpWord(op op, ptrdiff_t words) {
  if (words < -(1 << 22) || words > (1 << 22))
    throw ChatTemplateError("it is too long");
  return static_cast<uint32_t>(op) | static_cast<uint32_t>(static_cast<int32_t>(words)) << 8;
}

uint32_t ProgramBuilder::string(const std::string& text) {
  const auto [place, isNew] = textIndices.emplace(text, static_cast<uint32_t>(texts.size()));
  if (isNew)
    texts.push_back(text);
  return place->second;
}

uint32_t ProgramBuilder::newSlot() {
  if (slots == chat::variable_limit)
    throw ChatTemplateError("it has more than " + std::to_string(chat::variable_limit) + " variables");
  return slots++;
}

uint32_t ProgramBuilder::declare(const std::string& name) {
  auto& scope = scopes.back();
  const auto known = scope.find(name);
  return known != scope.end() ? known->second : scope[name] = newSlot();
}

int64_t ProgramBuilder::find(const std::string& name) const {
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope)
    if (const auto known = scope->find(name); known != scope->end())
      return known->second;
  return -1;
}

bool ExpressionParser::isSymbol(const char* text, size_t ahead) const {
  return peek(ahead).kind == Token::Kind::symbol && peek(ahead).text == text;
}
bool ExpressionParser::isName(const char* text, size_t ahead) const {
  return peek(ahead).kind == Token::Kind::name && peek(ahead).text == text;
}

bool ExpressionParser::accept(const char* text) {
  if (!isSymbol(text) && !isName(text))
    return false;
  ++position;
  return true;
}

void ExpressionParser::expect(const char* text) {
  if (!accept(text))
    fail((atEnd() ? "an end" : "\"" + peek().text + "\"") + " where " + text + " was expected");
}

std::string ExpressionParser::name() {
  if (peek().kind != Token::Kind::name)
    fail("\"" + peek().text + "\" where a name was expected");
  return segment.tokens[position++].text;
}

void ExpressionParser::fail(const std::string& what) const {
  throw ChatTemplateError("line " + std::to_string(segment.line) + " has " + what);
}

Code ExpressionParser::expression(bool withCondition) {
  if (++depth > depthLimit)
    fail("an expression that is nested too deep");
  Code code = disjunction();
  if (withCondition && accept("if")) {
    Code condition = disjunction();
    const Code otherwise = accept("else") ? expression() : Code{word(op::constant, pushUndefined)};
    condition.push_back(jumpWord(op::jump_if_false, static_cast<ptrdiff_t>(code.size()) + 1));
    append(condition, code);
    condition.push_back(jumpWord(op::jump, static_cast<ptrdiff_t>(otherwise.size())));
    append(condition, otherwise);
    code = std::move(condition);
  }
  --depth;
  return code;
}

Code ExpressionParser::choice(const char* joint, op jump, Code (ExpressionParser::*next)()) {
  Code code = (this->*next)();
  while (accept(joint)) {
    const Code right = (this->*next)();
    code.push_back(jumpWord(jump, static_cast<ptrdiff_t>(right.size())));
    append(code, right);
  }
  return code;
}

Code ExpressionParser::disjunction() { return choice("or", op::jump_if_true_keep, &ExpressionParser::conjunction); }
Code ExpressionParser::conjunction() { return choice("and", op::jump_if_false_keep, &ExpressionParser::negation); }

Code ExpressionParser::negation() {
  if (!isName("not"))
    return comparison();
  if (++depth > depthLimit)
    fail("an expression that is nested too deep");
  accept("not");
  Code code = negation();
  code.push_back(word(op::logical_not));
  --depth;
  return code;
}

Code ExpressionParser::comparison() {
  constexpr Operator operators[] = {{"==", binary_op::equal},         {"!=", binary_op::not_equal}, {"<=", binary_op::less_equal},
                                    {">=", binary_op::greater_equal}, {"<", binary_op::less},       {">", binary_op::greater}};
  Code code = sum();
  for (bool more = true; more;) {
    more = false;
    for (const Operator& one : operators) {
      if (!accept(one.text))
        continue;
      append(code, sum());
      code.push_back(word(op::binary, static_cast<uint32_t>(one.op)));
      more = true;
      break;
    }
    const bool negated = isName("not") && isName("in", 1);
    if (negated)
      accept("not");
    if (accept("in")) {
      append(code, sum());
      code.push_back(word(op::binary, static_cast<uint32_t>(binary_op::in)));
      if (negated)
        code.push_back(word(op::logical_not));
      more = true;
    }
  }
  return code;
}

Code ExpressionParser::sum() {
  Code code = concatenation();
  for (;;) {
    const bool plus = accept("+");
    if (!plus && !accept("-"))
      return code;
    append(code, concatenation());
    code.push_back(word(op::binary, static_cast<uint32_t>(plus ? binary_op::add : binary_op::subtract)));
  }
}

Code ExpressionParser::concatenation() {
  Code code = product();
  while (accept("~")) {
    append(code, product());
    code.push_back(word(op::binary, static_cast<uint32_t>(binary_op::concatenate)));
  }
  return code;
}

Code ExpressionParser::product() {
  constexpr Operator operators[] = {{"*", binary_op::multiply}, {"//", binary_op::divide}, {"%", binary_op::modulo}};
  Code code = unary();
  for (bool more = true; more;) {
    more = false;
    for (const Operator& one : operators) {
      if (!accept(one.text))
        continue;
      append(code, unary());
      code.push_back(word(op::binary, static_cast<uint32_t>(one.op)));
      more = true;
    }
  }
  return code;
}

Code ExpressionParser::unary() {
  if (accept("-")) {
    if (++depth > depthLimit)
      fail("an expression that is nested too deep");
    Code code = unary();
    code.push_back(word(op::negate));
    --depth;
    return code;
  }
  return postfix(primary());
}

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
  if (token.kind != Token::Kind::name)
    fail(atEnd() ? "an end where a value was expected" : "\"" + token.text + "\" where a value was expected");
  ++position;
  for (const auto& [text, constant] : {std::pair{"none", pushNone},
                                       {"None", pushNone},
                                       {"false", pushFalse},
                                       {"False", pushFalse},
                                       {"true", pushTrue},
                                       {"True", pushTrue}})
    if (token.text == text)
      return {word(op::constant, constant)};
  if (isSymbol("("))
    return call(token.text);
  if (token.text == "loop" && builder.openLoops > 0)
    return loopField();
  const int64_t slot = builder.find(token.text);
  return {slot >= 0 ? word(op::load, static_cast<uint32_t>(slot)) : word(op::constant, pushUndefined)};
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
      operand = builtinCall("filter", filter, std::move(operand), isSymbol("(") ? arguments() : Arguments());
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
  const Code absent = {word(op::constant, pushNone)};
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
  else if (peek().kind == Token::Kind::string || peek().kind == Token::Kind::number)
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
  return builtinCall("function", function, {word(op::constant, pushUndefined)}, given);
}

}  // namespace quantc::jinja
