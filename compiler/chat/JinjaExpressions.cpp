#include "compiler/chat/JinjaExpressions.h"

#include <algorithm>
#include <cstring>

namespace quantc::jinja {

using chat::binary_op;
using chat::op;
using chat::word;

namespace {

constexpr int depthLimit = 100;
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
  mostSlots = std::max(mostSlots, slots + 1);
  return slots++;
}

ProgramBuilder::Caller ProgramBuilder::enterMacro() {
  Caller caller{scopes, slots, openLoops};
  scopes.resize(1);
  openScope();
  openLoops = 0;
  return caller;
}

Code ProgramBuilder::leaveMacro(Caller caller) {
  Code code;
  for (uint32_t slot = caller.slots; slot < slots; ++slot)
    append(code, {word(op::constant, chat::push_undefined), word(op::store, slot)});
  scopes = std::move(caller.scopes);
  slots = caller.slots;
  openLoops = caller.openLoops;
  return code;
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
  if (++builder.depth > depthLimit)
    fail("an expression that is nested too deep");
  Code code = disjunction();
  if (withCondition && accept("if")) {
    Code condition = disjunction();
    const Code otherwise = accept("else") ? expression() : Code{word(op::constant, chat::push_undefined)};
    condition.push_back(jumpWord(op::jump_if_false, static_cast<ptrdiff_t>(code.size()) + 1));
    append(condition, code);
    condition.push_back(jumpWord(op::jump, static_cast<ptrdiff_t>(otherwise.size())));
    append(condition, otherwise);
    code = std::move(condition);
  }
  --builder.depth;
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
  if (++builder.depth > depthLimit)
    fail("an expression that is nested too deep");
  accept("not");
  Code code = negation();
  code.push_back(word(op::logical_not));
  --builder.depth;
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
    if (++builder.depth > depthLimit)
      fail("an expression that is nested too deep");
    Code code = unary();
    code.push_back(word(op::negate));
    --builder.depth;
    return code;
  }
  return postfix(primary());
}

}  // namespace quantc::jinja
