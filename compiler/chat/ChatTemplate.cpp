#include "compiler/chat/ChatTemplate.h"

#include <algorithm>
#include <map>
#include <utility>

#include "compiler/chat/JinjaExpressions.h"

namespace quantc {
namespace {

using namespace jinja;
using chat::op;
using chat::word;

constexpr size_t sourceLimit = 1 << 20;
constexpr int nestingLimit = 64;
constexpr size_t expandedLimit = 1 << 20;

/// Statements: text and tags in order, blocks by recursion.
class TemplateCompiler {
public:
  explicit TemplateCompiler(const std::string& source) : segments(lex(source)) {
    builder.expandMacro = [this](const auto& name, const auto& values, const auto& named) { return expand(name, values, named); };
  }

  ChatProgram run() {
    Code code = block({});
    if (position < segments.size())
      fail("\"" + segments[position].tokens[0].text + "\" without its begin");
    code.push_back(word(op::end));
    return {std::move(code), builder.strings(), builder.slotCount()};
  }

private:
  /// What stands before one of the statements named by `ends`, or before the end of the source.
  Code block(const std::vector<std::string>& ends) {
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

  Code conditional() {
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

  Code loop() {
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

  /// Loops over pairs (of what no conversation here has) are parsed, and refused when they are reached.
  Code unknownLoop(const std::string& what) {
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

  /// The elements for which the condition holds, as a list of their own, so that the loop counts them alone.
  Code filtered(const Code& over, uint32_t itemSlot, const Code& condition) {
    const uint32_t listSlot = builder.newSlot();
    Code body = {word(op::loop_item), word(op::store, itemSlot)};
    append(body, condition);
    body.push_back(jumpWord(op::jump_if_false, 2));
    append(body, {word(op::load, itemSlot), word(op::append, listSlot)});
    return collected(over, listSlot, std::move(body));
  }

  /// What a loop's body sets is its own, and begins every round with the value from outside.
  Code initialVariables() {
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

  Code assignment() {
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

  /// What stands before `end`, as a string.
  Code captured(const char* end) {
    Code code = {word(op::capture_begin)};
    append(code, block({end}));
    keyword(end + 3);
    ++position;
    code.push_back(word(op::capture_end));
    return code;
  }

  struct Macro {
    std::vector<std::pair<std::string, Code>> parameters;  // and what they are where a call leaves them out
    size_t body;
    bool open = false;
  };

  /// Remembers a macro; its body is compiled where it is called.
  void macro() {
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

  std::optional<Code> expand(const std::string& name, const std::vector<Code>& values,
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

  /// The statement that ends or goes on a block.
  std::string keyword(const char* opened) {
    if (position == segments.size())
      throw ChatTemplateError(std::string("it ends inside of \"") + opened + "\"");
    return segments[position].tokens[0].text;
  }

  void expectEnd(const ExpressionParser& parser) const {
    if (!parser.atEnd())
      parser.fail("\"" + parser.peek().text + "\" behind an expression");
  }

  [[noreturn]] void fail(const std::string& what) const {
    const size_t line = segments.empty() ? 1 : segments[std::min(position, segments.size() - 1)].line;
    throw ChatTemplateError("line " + std::to_string(line) + " has " + what);
  }

  const std::vector<Segment> segments;
  size_t position = 0;
  ProgramBuilder builder;
  int nesting = 0;
  std::map<std::string, Macro> macros;
  size_t expandedWords = 0;
};

}  // namespace

ChatProgram compileChatTemplate(const std::string& source) {
  if (source.size() > sourceLimit)
    throw ChatTemplateError("it has more than " + std::to_string(sourceLimit) + " bytes");
  return TemplateCompiler(source).run();
}

}  // namespace quantc
