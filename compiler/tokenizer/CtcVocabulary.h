// The vocabulary of labels of a speech recogniser, as Wav2Vec2CTCTokenizer of transformers has it.
#pragma once

#include <filesystem>

#include "compiler/tokenizer/TokenizerTables.h"

namespace quantc::tokenizer_import {

/// Whether tokenizer_config.json names that tokenizer, or config.json a model for CTC.
bool saysCtc(const std::filesystem::path& folder);

/// Reads vocab.json, a label for each id, with what tokenizer_config.json says of them: pad_token is CTC's blank, word_delimiter_token a space. Throws
/// UserError for a file that is malformed or has no blank.
void readCtcVocabulary(const std::filesystem::path& folder, TokenizerTables& out);

}  // namespace quantc::tokenizer_import
