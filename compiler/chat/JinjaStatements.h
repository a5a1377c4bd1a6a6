// Jinja's statements: text and tags in order, blocks by recursion.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/chat/JinjaExpressions.h"

namespace quantc::jinja {

class TemplateCompiler {
public:
  explicit TemplateCompiler(const std::string& source);

  ChatProgram run();

private:
  struct Macro {
    std::vector<std::pair<std::string, Code>> parameters;  // and what they are where a call leaves them out
    size_t body;
    bool open = false;
  };

  /// What stands before one of the statements named by `ends`, or before the end of the source.
  Code block(const std::vector<std::string>& ends);
  Code conditional();
  Code assignment();
  /// What stands before `end`, as a string.
  Code captured(const char* end);

  // JinjaLoops.cpp
  Code loop();
  /// Loops over pairs (of what no conversation here has) are parsed, and refused when they are reached.
  Code unknownLoop(const std::string& what);
  /// The elements for which the condition holds, as a list of their own, so that the loop counts them alone.
  Code filtered(const Code& over, uint32_t itemSlot, const Code& condition);
  /// What a loop's body sets is its own, and begins every round with the value from outside.
  Code initialVariables();

  // JinjaMacros.cpp
  /// Remembers a macro; its body is compiled where it is called.
  void macro();
  std::optional<Code> expand(const std::string& name, const std::vector<Code>& values,
                             const std::vector<std::pair<std::string, Code>>& named);

  /// The statement that ends or goes on a block.
  std::string keyword(const char* opened);
  void expectEnd(const ExpressionParser& parser) const;
  [[noreturn]] void fail(const std::string& what) const;

  const std::vector<Segment> segments;
  size_t position = 0;
  ProgramBuilder builder;
  int nesting = 0;
  std::map<std::string, Macro> macros;
  size_t expandedWords = 0;
};

}  // namespace quantc::jinja
