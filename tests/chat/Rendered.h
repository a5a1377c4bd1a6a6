// Chat templates compiled and rendered in one go.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "compiler/tokenizer/ChatOf.h"
#include "compiler/tokenizer/TokenizerImport.h"
#include "quantc/chat.h"

namespace quantc::test {

struct Turn {
  std::string role;
  std::string content;
};
using Conversation = std::vector<Turn>;

struct Rendered {
  qc_status status = QC_OK;
  std::string text;
  std::string error;
};

inline Rendered renderEntry(const ChatEntry& entry, const Conversation& conversation, bool prompt, size_t scratchBytes = 1 << 20) {
  TokenizerTables tables;
  tables.chat = entry;
  flatbuffers::FlatBufferBuilder builder;
  const auto tokenizer = writeTokenizer(builder, tables);
  schema::ArtifactBuilder artifact(builder);
  artifact.add_tokenizer(tokenizer);
  schema::FinishArtifactBuffer(builder, artifact.Finish());
  std::vector<qc_chat_message> messages;
  for (const Turn& turn : conversation)
    messages.push_back({turn.role.c_str(), turn.content.data(), turn.content.size()});
  std::vector<uint64_t> scratch(scratchBytes / 8);
  Rendered rendered;
  std::string text(1 << 16, '\0');
  size_t bytes = 0;
  qc_error error = {};
  rendered.status = qc_chat_render(builder.GetBufferPointer(), builder.GetSize(), messages.data(), messages.size(), prompt, scratch.data(),
                                   scratchBytes, text.data(), text.size(), &bytes, &error);
  rendered.text = text.substr(0, bytes);
  rendered.error = error.message;
  return rendered;
}

inline Rendered render(const std::string& source, const Conversation& conversation, bool prompt = true) {
  return renderEntry(tokenizer_import::chatOf(source, "<s>", "</s>"), conversation, prompt);
}

}  // namespace quantc::test
