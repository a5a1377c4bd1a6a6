// Uses the tokenizer and the chat template of an artifact's header as a device does.
#pragma once

#include <stdexcept>
#include <string_view>

#include "compiler/tokenizer/TokenizerTables.h"

namespace quantc::fuzz {

/// `header` must be a verified artifact header. False where it has no tokenizer that loads.
bool useTables(const void* header, size_t bytes);

/// What an importer accepted the runtime must accept too.
void useTables(const TokenizerTables& tables);

/// The chat template alone.
void useChat(const TokenizerTables& tables);

}  // namespace quantc::fuzz
