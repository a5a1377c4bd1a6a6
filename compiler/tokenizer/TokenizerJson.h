// The parts of a tokenizer.json; each reads its member into the tables and notes what the runtime cannot do.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/tokenizer/CharacterClasses.h"
#include "compiler/tokenizer/JsonPlace.h"
#include "compiler/tokenizer/TokenizerTables.h"

namespace quantc::tokenizer_import {

/// What the parts share while a file is read.
struct TokenizerReading {
  TokenizerTables& tables;
  CharacterClasses classes = {};
  std::vector<std::string> unsupported = {};  ///< "normalizer NFC", ... in the order found
  std::map<std::string, uint32_t> ids = {};   ///< of all tokens, as they are written in the file

  bool byteLevel() const { return tables.kind == schema::TokenizerKind_byte_level_bpe; }
  /// Records that `id` is the token `name`. A UserError where the id is out of range or taken.
  void addToken(const JsonPlace& place, const std::string& name, int64_t id);
};

/// Reads a whole file. `file` is its root.
void readTokenizerJson(const JsonPlace& file, TokenizerTables& out);

void readBpeModel(const JsonPlace& model, TokenizerReading& reading);
void readNormalizer(const JsonPlace& normalizer, TokenizerReading& reading);
void readPreTokenizer(const JsonPlace& preTokenizer, TokenizerReading& reading);
void readDecoder(const JsonPlace& decoder, TokenizerReading& reading);
void readPostProcessor(const JsonPlace& postProcessor, TokenizerReading& reading);
/// After the model and the normalizer.
void readAddedTokens(const JsonPlace& tokens, TokenizerReading& reading);

inline constexpr char spaceMarker[] = "\xE2\x96\x81";  // U+2581

}  // namespace quantc::tokenizer_import
