// A checkpoint's chat template as an entry of the tables.
#pragma once

#include "compiler/tokenizer/TokenizerTables.h"

namespace quantc::tokenizer_import {

/// A template that asks for what is not known does not keep a model from being compiled: the artifact says why it cannot chat.
inline ChatEntry chatOf(const std::string& source, const std::string& bos, const std::string& eos) {
  ChatEntry chat{{}, bos, eos, ""};
  try {
    chat.program = compileChatTemplate(source);
  } catch (const ChatTemplateError& problem) {
    chat.problem = problem.what();
  }
  return chat;
}

}  // namespace quantc::tokenizer_import
