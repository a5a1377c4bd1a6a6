// Macros: a call becomes the macro's body, with its parameters in variables.
#include <algorithm>

#include "compiler/chat/JinjaStatements.h"

namespace quantc::jinja {

using chat::op;
using chat::word;

constexpr size_t expandedLimit = 1 << 20;  // words of code

void TemplateCompiler::macro() {
  ExpressionParser parser(builder, segments[position], 1);
  const std::string name = parser.name();
  Macro made;
  parser.expect("(");
  while (!parser.accept(")")) {
    const std::string parameter = parser.name();
    made.parameters.emplace_back(parameter, parser.accept("=") ? parser.expression() : Code{word(op::constant, 0)});
    if (!parser.atEnd() && parser.peek().text != ")")
      parser.expect(",");
  }
  expectEnd(parser);
  made.body = ++position;
  int depth = 1;
  for (; position < segments.size() && depth > 0; ++position)
    if (segments[position].kind == Segment::Kind::statement)
      depth += (segments[position].tokens[0].text == "macro") - (segments[position].tokens[0].text == "endmacro");
  if (depth > 0)
    keyword("macro");
  macros[name] = std::move(made);
}

std::optional<Code> TemplateCompiler::expand(const std::string& name, const std::vector<Code>& values,
                                             const std::vector<std::pair<std::string, Code>>& named) {
  const auto found = macros.find(name);
  if (found == macros.end())
    return std::nullopt;
  Macro& called = found->second;
  const auto failing = [&](const char* what) { return Code{word(op::fail, builder.string("the macro " + name + what))}; };
  if (called.open)
    return failing(", which calls itself");
  if (values.size() > called.parameters.size())
    return failing(" with more arguments than it has");
  for (const auto& argument : named)
    if (std::none_of(called.parameters.begin(), called.parameters.end(), [&](const auto& one) { return one.first == argument.first; }))
      return failing(" with arguments that it has not");
  ProgramBuilder::Caller caller = builder.enterMacro();
  const size_t back = std::exchange(position, called.body);
  called.open = true;
  Code code;
  for (size_t i = 0; i < called.parameters.size(); ++i) {
    const auto& parameter = called.parameters[i];
    const auto given = std::find_if(named.begin(), named.end(), [&](const auto& one) { return one.first == parameter.first; });
    append(code, i < values.size() ? values[i] : given != named.end() ? given->second : parameter.second);
  }
  for (size_t i = called.parameters.size(); i > 0; --i)
    code.push_back(word(op::store, builder.declare(called.parameters[i - 1].first)));
  append(code, captured("endmacro"));
  called.open = false;
  position = back;
  append(code, builder.leaveMacro(std::move(caller)));
  expandedWords += code.size();
  if (expandedWords > expandedLimit)
    fail("macros that become too long");
  return code;
}

}  // namespace quantc::jinja
