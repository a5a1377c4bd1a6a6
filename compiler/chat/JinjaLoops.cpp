// Loops. A list is pushed, and the code behind it runs once for each element.
#include "compiler/chat/JinjaStatements.h"

namespace quantc::jinja {

using chat::op;
using chat::word;

Code TemplateCompiler::loop() {
  ExpressionParser parser(builder, segments[position], 1);
  const std::string item = parser.name();
  if (parser.accept(","))
    return unknownLoop("a loop over pairs");
  parser.expect("in");
  Code over = parser.expression(false);
  builder.openScope();
  const uint32_t itemSlot = builder.declare(item);
  if (parser.accept("if"))
    over = filtered(over, itemSlot, parser.expression());
  if (!parser.atEnd())
    fail("\"" + parser.peek().text + "\" behind a loop");
  ++position;

  Code start = {word(op::loop_item), word(op::store, itemSlot)};
  append(start, initialVariables());
  ++builder.openLoops;
  append(start, block({"else", "endfor"}));
  --builder.openLoops;
  builder.closeScope();
  Code otherwise;
  if (keyword("for") == "else") {
    ++position;
    otherwise = block({"endfor"});
    keyword("for");
  }
  ++position;
  start.push_back(jumpWord(op::loop_next, -static_cast<ptrdiff_t>(start.size()) - 1));
  if (!otherwise.empty())
    start.push_back(jumpWord(op::jump, static_cast<ptrdiff_t>(otherwise.size())));
  Code code = std::move(over);
  code.push_back(jumpWord(op::loop_begin, static_cast<ptrdiff_t>(start.size())));
  append(code, start);
  append(code, otherwise);
  return code;
}

Code TemplateCompiler::unknownLoop(const std::string& what) {
  builder.openScope();
  ++builder.openLoops;
  ++position;
  block({"else", "endfor"});
  if (keyword("for") == "else") {
    ++position;
    block({"endfor"});
    keyword("for");
  }
  ++position;
  --builder.openLoops;
  builder.closeScope();
  return {word(op::fail, builder.string(what))};
}

Code TemplateCompiler::filtered(const Code& over, uint32_t itemSlot, const Code& condition) {
  const uint32_t listSlot = builder.newSlot();
  Code body = {word(op::loop_item), word(op::store, itemSlot)};
  append(body, condition);
  body.push_back(jumpWord(op::jump_if_false, 2));
  append(body, {word(op::load, itemSlot), word(op::append, listSlot)});
  return collected(over, listSlot, std::move(body));
}

Code TemplateCompiler::initialVariables() {
  Code code;
  int depth = 0;
  for (size_t i = position; i < segments.size(); ++i) {
    if (segments[i].kind != Segment::Kind::statement)
      continue;
    const std::string& first = segments[i].tokens[0].text;
    depth += (first == "for") - (first == "endfor");
    if (depth < 0)
      break;
    const bool sets = depth == 0 && first == "set" && segments[i].tokens.size() > 2 && segments[i].tokens[2].text != ".";
    if (!sets)
      continue;
    const int64_t outside = builder.find(segments[i].tokens[1].text);
    const uint32_t inside = builder.declare(segments[i].tokens[1].text);
    if (outside == inside)
      continue;
    code.push_back(outside >= 0 ? word(op::load, static_cast<uint32_t>(outside)) : word(op::constant, 0));
    code.push_back(word(op::store, inside));
  }
  return code;
}

}  // namespace quantc::jinja
