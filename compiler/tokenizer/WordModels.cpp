// The vocabularies of WordPiece and WordLevel models: words.
#include "compiler/tokenizer/TokenizerJson.h"

namespace quantc::tokenizer_import {
namespace {

/// The vocabulary, all of which text is looked up in, and the token of what it lacks.
void readWords(const JsonPlace& model, TokenizerReading& reading) {
  readVocabulary(model.at("vocab"), reading);
  for (const auto& [name, id] : reading.ids)
    reading.tables.lookupIds.push_back(id);
  readUnknownToken(model, reading);
  if (reading.tables.unknown < 0)
    model.fail("has no \"unk_token\", expected one for words that the vocabulary lacks; correct the file");
}

}  // namespace

void readWordPieceModel(const JsonPlace& model, TokenizerReading& reading) {
  TokenizerTables& tables = reading.tables;
  readWords(model, reading);
  tables.continuing = model.textOr("continuing_subword_prefix", "##");
  const std::optional<JsonPlace> longest = model.find("max_input_chars_per_word");
  const int64_t characters = longest ? longest->integer() : 100;
  if (characters < 0 || characters > UINT16_MAX)
    longest->fail("is " + std::to_string(characters) + ", expected 0 to 65535; correct the file");
  tables.longestWord = static_cast<uint32_t>(characters);
}

void readWordLevelModel(const JsonPlace& model, TokenizerReading& reading) { readWords(model, reading); }

}  // namespace quantc::tokenizer_import
