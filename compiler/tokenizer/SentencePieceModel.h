// SentencePiece's `.model`: a protobuf message, read in place by the fields that matter (its format is frozen; a generated parser would need the
// library's own .proto, which distributions do not install).
#pragma once

#include <filesystem>
#include <string_view>

#include "compiler/tokenizer/TokenizerTables.h"

namespace quantc::tokenizer_import {

/// Throws UserError for a file that is malformed or asks for what the runtime cannot do.
void readSentencePieceModel(const std::filesystem::path& file, TokenizerTables& out);

}  // namespace quantc::tokenizer_import
