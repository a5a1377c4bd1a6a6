// Filters that go through a list: loops of the program, because they apply tests and filters to every element.
#include "compiler/chat/JinjaExpressions.h"

namespace quantc::jinja {

using chat::op;
using chat::word;

std::optional<std::string> ExpressionParser::constantText(const Code& code) const {
  if (code.size() != 1 || chat::op_of(code[0]) != op::string)
    return std::nullopt;
  return builder.strings()[chat::operand_of(code[0])];
}

std::optional<Code> ExpressionParser::sequenceFilter(const std::string& filter, const Code& subject, const Arguments& given) {
  const bool selects = filter == "select" || filter == "selectattr", rejects = filter == "reject" || filter == "rejectattr";
  const bool ofAttribute = filter == "selectattr" || filter == "rejectattr";
  if (!selects && !rejects && filter != "map")
    return std::nullopt;
  const uint32_t itemSlot = builder.newSlot(), listSlot = builder.newSlot();
  Code body = {word(op::loop_item), word(op::store, itemSlot)};
  Code value = {word(op::load, itemSlot)};
  size_t next = 0;
  if (filter == "map") {
    std::optional<std::string> attribute, called;
    if (given.values.empty() && given.named.size() == 1 && given.named[0].first == "attribute")
      attribute = constantText(given.named[0].second);
    else if (!given.values.empty() && given.named.empty())
      called = constantText(given.values[0]);
    if (!attribute && !called)
      return std::nullopt;
    if (attribute)
      value.push_back(word(op::attribute, builder.string(*attribute)));
    else
      value = builtinCall("filter", *called, value, {{given.values.begin() + 1, given.values.end()}, {}});
    append(body, value);
    body.push_back(word(op::append, listSlot));
  } else {
    if (!given.named.empty())
      return std::nullopt;
    if (ofAttribute) {
      const std::optional<std::string> attribute = given.values.empty() ? std::nullopt : constantText(given.values[next++]);
      if (!attribute)
        return std::nullopt;
      value.push_back(word(op::attribute, builder.string(*attribute)));
    }
    if (next < given.values.size()) {
      const std::optional<std::string> test = constantText(given.values[next++]);
      if (!test)
        return std::nullopt;
      value = builtinCall("test", *test, value, {{given.values.begin() + static_cast<ptrdiff_t>(next), given.values.end()}, {}});
    }
    if (rejects)
      value.push_back(word(op::logical_not));
    append(body, value);
    body.push_back(jumpWord(op::jump_if_false, 2));
    append(body, {word(op::load, itemSlot), word(op::append, listSlot)});
  }
  return collected(subject, listSlot, body);
}

Code collected(const Code& over, uint32_t listSlot, Code body) {
  body.push_back(jumpWord(op::loop_next, -static_cast<ptrdiff_t>(body.size()) - 1));
  Code code = {word(op::list, 0), word(op::store, listSlot)};
  append(code, over);
  code.push_back(jumpWord(op::loop_begin, static_cast<ptrdiff_t>(body.size())));
  append(code, body);
  code.push_back(word(op::load, listSlot));
  return code;
}

}  // namespace quantc::jinja
