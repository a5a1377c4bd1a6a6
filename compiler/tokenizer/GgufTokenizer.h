// The tokenizer in a GGUF file's metadata, `tokenizer.ggml.*`.
#pragma once

#include "compiler/tokenizer/TokenizerTables.h"
#include "compiler/weights/GgufMetadata.h"

namespace quantc::tokenizer_import {

/// False where the metadata hold no tokenizer. Models gpt2 (byte-level BPE), llama (SentencePiece's BPE), t5 (Unigram) and bert (WordPiece).
/// Throws UserError for one that is malformed or asks for what the runtime cannot do.
bool readGgufTokenizer(const GgufMetadata& metadata, TokenizerTables& out);

}  // namespace quantc::tokenizer_import
