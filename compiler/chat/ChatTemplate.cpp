#include "compiler/chat/ChatTemplate.h"

#include <algorithm>

#include "compiler/chat/JinjaStatements.h"

namespace quantc {
namespace jinja {

using chat::op;
using chat::word;

constexpr int nestingLimit = 64;

TemplateCompiler::TemplateCompiler(const std::string& source) : segments(lex(source)) {
  builder.expandMacro = [this](const auto& name, const auto& values, const auto& named) { return expand(name, values, named); };
}

ChatProgram TemplateCompiler::run() {
  Code code = block({});
  if (position < segments.size())
    fail("\"" + segments[position].tokens[0].text + "\" without its begin");
  code.push_back(word(op::end));
  return {std::move(code), builder.strings(), builder.slotCount()};
}

Code TemplateCompiler::block(const std::vector<std::string>& ends) {
  if (++nesting > nestingLimit)
    fail("blocks nested deeper than " + std::to_string(nestingLimit));
  Code code;
  for (; position < segments.size();) {
    const Segment& segment = segments[position];
    if (segment.kind == Segment::Kind::text) {
      code.push_back(word(op::text, builder.string(segment.text)));
      ++position;
      continue;
    }
    if (segment.kind == Segment::Kind::expression) {
      ExpressionParser parser(builder, segment);
      append(code, parser.expression());
      expectEnd(parser);
      code.push_back(word(op::print));
      ++position;
      continue;
    }
    const std::string& keyword = segment.tokens[0].text;
    if (std::find(ends.begin(), ends.end(), keyword) != ends.end())
      break;
    if (keyword == "if")
      append(code, conditional());
    else if (keyword == "for")
      append(code, loop());
    else if (keyword == "set")
      append(code, assignment());
    else if (keyword == "macro")
      macro();
    else if (keyword == "generation" || keyword == "endgeneration")
      ++position;  // marks what the assistant says, for training
    else if (ends.empty() && keyword.rfind("end", 0) == 0)
      break;
    else
      fail("the statement \"" + keyword + "\"");
  }
  --nesting;
  return code;
}

Code TemplateCompiler::conditional() {
  Code code;
  ExpressionParser parser(builder, segments[position], 1);
  const Code condition = parser.expression();
  expectEnd(parser);
  ++position;
  Code body = block({"elif", "else", "endif"});
  Code otherwise;
  const std::string next = keyword("if");
  if (next == "elif") {
    otherwise = conditional();
  } else if (next == "else") {
    ++position;
    otherwise = block({"endif"});
    keyword("if");
    ++position;
  } else {
    ++position;
  }
  if (!otherwise.empty())
    body.push_back(jumpWord(op::jump, static_cast<ptrdiff_t>(otherwise.size())));
  code = condition;
  code.push_back(jumpWord(op::jump_if_false, static_cast<ptrdiff_t>(body.size())));
  append(code, body);
  append(code, otherwise);
  return code;
}

Code TemplateCompiler::assignment() {
  ExpressionParser parser(builder, segments[position], 1);
  const std::string name = parser.name();
  if (parser.accept(".")) {
    const std::string member = parser.name();
    parser.expect("=");
    const int64_t slot = builder.find(name);
    Code code = {slot >= 0 ? word(op::load, static_cast<uint32_t>(slot)) : word(op::constant, 0)};
    append(code, parser.expression());
    expectEnd(parser);
    code.push_back(word(op::set_attribute, builder.string(member)));
    ++position;
    return code;
  }
  if (parser.atEnd()) {
    ++position;
    Code code = captured("endset");
    code.push_back(word(op::store, builder.declare(name)));
    return code;
  }
  parser.expect("=");
  Code code = parser.expression();
  expectEnd(parser);
  code.push_back(word(op::store, builder.declare(name)));
  ++position;
  return code;
}

Code TemplateCompiler::captured(const char* end) {
  Code code = {word(op::capture_begin)};
  append(code, block({end}));
  keyword(end + 3);
  ++position;
  code.push_back(word(op::capture_end));
  return code;
}

std::string TemplateCompiler::keyword(const char* opened) {
  if (position == segments.size())
    throw ChatTemplateError(std::string("it ends inside of \"") + opened + "\"");
  return segments[position].tokens[0].text;
}

void TemplateCompiler::expectEnd(const ExpressionParser& parser) const {
  if (!parser.atEnd())
    parser.fail("\"" + parser.peek().text + "\" behind an expression");
}

void TemplateCompiler::fail(const std::string& what) const {
  const size_t line = segments.empty() ? 1 : segments[std::min(position, segments.size() - 1)].line;
  throw ChatTemplateError("line " + std::to_string(line) + " has " + what);
}

}  // namespace jinja

ChatProgram compileChatTemplate(const std::string& source) {
  constexpr size_t sourceLimit = 1 << 20;
  if (source.size() > sourceLimit)
    throw ChatTemplateError("it has more than " + std::to_string(sourceLimit) + " bytes");
  return jinja::TemplateCompiler(source).run();
}

}  // namespace quantc
