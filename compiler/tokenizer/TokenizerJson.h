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

  int64_t highestId = (1 << 21) - 1;  ///< tables have room for all ids below the highest, which must not be far from the number of tokens
  bool processed = false;             ///< by a post-processor that puts ids around texts
  bool spacesRemoved = false;         ///< by a pre-tokenizer: no piece behind it has any

  bool byteLevel() const { return tables.kind == schema::TokenizerKind_byte_level_bpe; }
  /// Records that `id` is the token `name`. A UserError where the id is out of range or taken.
  void addToken(const JsonPlace& place, const std::string& name, int64_t id);
};

/// Kind and sizes, for the log.
std::string describe(const TokenizerTables& tables);

/// Reads a whole file. `file` is its root.
void readTokenizerJson(const JsonPlace& file, TokenizerTables& out);

/// The tokens of a "vocab" that names each one's id, at least one.
void readVocabulary(const JsonPlace& vocabulary, TokenizerReading& reading);
void readBpeModel(const JsonPlace& model, TokenizerReading& reading);
/// The tokens of single bytes, where the kind or "byte_fallback" asks for them.
void readByteTokens(const JsonPlace& model, TokenizerReading& reading);
/// The token under "unk_token", if any.
void readUnknownToken(const JsonPlace& model, TokenizerReading& reading);
void readUnigramModel(const JsonPlace& model, TokenizerReading& reading);
void readWordPieceModel(const JsonPlace& model, TokenizerReading& reading);
void readWordLevelModel(const JsonPlace& model, TokenizerReading& reading);
void readNormalizer(const JsonPlace& normalizer, TokenizerReading& reading);
/// Notes a normalizer that the device could not run.
void checkNormalizer(TokenizerReading& reading);
/// {"String": text} or {"Regex": expression}, as an expression.
std::string readPattern(const JsonPlace& pattern);
void readPreTokenizer(const JsonPlace& preTokenizer, TokenizerReading& reading);
void readDecoder(const JsonPlace& decoder, TokenizerReading& reading);
void readPostProcessor(const std::optional<JsonPlace>& postProcessor, TokenizerReading& reading);
/// Of two texts each gets what a single one gets; the second and its ids are segment 1.
void pairBySingle(TokenizerTables& tables);
/// After the model and the normalizer.
void readAddedTokens(const JsonPlace& tokens, TokenizerReading& reading);

inline constexpr char spaceMarker[] = "\xE2\x96\x81";  // U+2581
inline constexpr float unknownPenalty = 10;  ///< what a character that no piece has scores below the lowest piece, as in SentencePiece

}  // namespace quantc::tokenizer_import
