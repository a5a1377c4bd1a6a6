// The vocabulary of a WordPiece model.
#include "compiler/tokenizer/TokenizerJson.h"

namespace quantc::tokenizer_import {

void readWordPieceModel(const JsonPlace& model, TokenizerReading& reading) {
  TokenizerTables& tables = reading.tables;
  const JsonPlace vocabulary = model.at("vocab");
  if (vocabulary.object().empty())
    vocabulary.fail("is empty, expected tokens and their ids; fetch the file again");
  for (const auto& [name, id] : vocabulary.json().items()) {
    const JsonPlace place = vocabulary.at(name);
    if (name.empty())
      place.fail("is a token without text; remove it");
    reading.addToken(place, name, place.integer());
    tables.lookupIds.push_back(reading.ids.at(name));
  }
  tables.continuing = model.textOr("continuing_subword_prefix", "##");
  const std::optional<JsonPlace> longest = model.find("max_input_chars_per_word");
  const int64_t characters = longest ? longest->integer() : 100;
  if (characters < 0 || characters > UINT16_MAX)
    longest->fail("is " + std::to_string(characters) + ", expected 0 to 65535; correct the file");
  tables.longestWord = static_cast<uint32_t>(characters);
  readUnknownToken(model, reading);
  if (tables.unknown < 0)
    model.fail("has no \"unk_token\", expected one for words that the vocabulary lacks; correct the file");
}

}  // namespace quantc::tokenizer_import
