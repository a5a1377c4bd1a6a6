// Compiles a checkpoint's chat template, written in Jinja, to a program for runtime/chat.
//
// Known: text, {{ }}, {% %} and {# #} with the control of white space that Hugging Face's templates are written for (trim_blocks, lstrip_blocks),
// if/elif/else, for with a condition and else, set, namespaces, generation marks; expressions with the operators of Jinja, conditions, slices,
// and the filters, methods, tests and functions of runtime/chat/builtins.inc. What is not known among those is refused when it is reached at run
// time, because templates are full of branches for tools that a conversation never enters; what cannot be parsed is refused here.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace quantc {

class ChatTemplateError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

struct ChatProgram {
  std::vector<uint32_t> code;
  std::vector<std::string> strings;
  uint32_t slots = 0;
};

/// Throws ChatTemplateError with the line and what is not known there.
ChatProgram compileChatTemplate(const std::string& source);

}  // namespace quantc
