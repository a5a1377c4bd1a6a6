// The vocabulary of a Unigram model.
#include <algorithm>
#include <cmath>

#include "compiler/tokenizer/TokenizerJson.h"

namespace quantc::tokenizer_import {

void readUnigramModel(const JsonPlace& model, TokenizerReading& reading) {
  TokenizerTables& tables = reading.tables;
  const JsonPlace vocabulary = model.at("vocab");
  if (vocabulary.array().empty())
    vocabulary.fail("is empty, expected tokens and their scores; fetch the file again");
  for (size_t id = 0; id < vocabulary.array().size(); ++id) {
    const JsonPlace entry = vocabulary.at(id);
    if (entry.array().size() != 2)
      entry.fail("is not a pair of a token and its score; fetch the file again");
    const std::string& name = entry.at(size_t{0}).text();
    const float score = static_cast<float>(entry.at(size_t{1}).number());
    if (name.empty())
      entry.fail("is a token without text; remove it");
    if (!std::isfinite(score))
      entry.fail("has a score that does not fit a float32; fetch the file again");
    reading.addToken(entry, name, static_cast<int64_t>(id));
    tables.scores.push_back(score);
  }
  if (const std::optional<JsonPlace> unknown = model.find("unk_id")) {
    const int64_t id = unknown->integer();
    if (id < 0 || id >= static_cast<int64_t>(tables.pieces.size()))
      unknown->fail("is " + std::to_string(id) + ", the vocabulary ends at " + std::to_string(tables.pieces.size() - 1) +
                    "; fetch the file again");
    tables.unknown = static_cast<int32_t>(id);
  }
  readByteTokens(model, reading);
  for (uint32_t id = 0; id < tables.pieces.size(); ++id) {
    const bool isByte = std::find(tables.byteTokens.begin(), tables.byteTokens.end(), static_cast<int32_t>(id)) != tables.byteTokens.end();
    if (static_cast<int32_t>(id) != tables.unknown && !isByte)
      tables.lookupIds.push_back(id);
  }
  tables.fuseUnknown = true;
  tables.unknownScore = *std::min_element(tables.scores.begin(), tables.scores.end()) - unknownPenalty;
}

}  // namespace quantc::tokenizer_import
