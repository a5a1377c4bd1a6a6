// Reads the tokenizer of a Hugging Face folder or a GGUF file. How the driver uses it:
//
//   TokenizerTables tables;
//   if (importTokenizer(folder, tables)) {            // false: the folder has no tokenizer, the artifact gets none; throws UserError otherwise
//     log(tables.sourceDescription);
//     artifact.add_tokenizer(writeTokenizer(builder, tables));   // the offset must be made before the ArtifactBuilder is begun
//   }
//
// `tables.pieces.size()` is the number of ids that the tokenizer knows; a model may have more (padding) and the driver says so if it has fewer.
#pragma once

#include <filesystem>

#include "compiler/tokenizer/TokenizerTables.h"

namespace quantc {

/// Reads a folder's `tokenizer.json`, else SentencePiece's `.model`, else the pair `vocab.json` and `merges.txt` of older byte-level checkpoints;
/// BOS and EOS also from `tokenizer_config.json`, `generation_config.json` and `config.json`. Or, where `folder` is a GGUF file, its metadata.
/// False where there is no tokenizer. Throws UserError for malformed files, and one that lists all that the runtime cannot do.
bool importTokenizer(const std::filesystem::path& folder, TokenizerTables& out);

/// The files of `folder` that importTokenizer reads, in the order of their names: they belong to the artifact's provenance. None for a GGUF file,
/// which is there for its weights.
std::vector<std::filesystem::path> tokenizerFiles(const std::filesystem::path& folder);

flatbuffers::Offset<schema::Tokenizer> writeTokenizer(flatbuffers::FlatBufferBuilder& builder, const TokenizerTables& tables);

}  // namespace quantc
