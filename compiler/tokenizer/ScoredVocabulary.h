// Vocabularies whose pieces have scores and types, as SentencePiece trains them and GGUF files hold them.
#pragma once

#include <string>
#include <vector>

#include "compiler/tokenizer/TokenizerTables.h"

namespace quantc::tokenizer_import {

/// As SentencePiece and GGUF number them.
enum class PieceType { normal = 1, unknown = 2, control = 3, userDefined = 4, unused = 5, byte = 6 };

struct ScoredPiece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::normal;
};

struct ScoredVocabulary {
  std::string where;  ///< for errors
  bool bpe = false;   ///< otherwise Unigram
  std::vector<ScoredPiece> pieces;
  std::string charsmap;
  bool removeExtraSpaces = false;
  bool escapeSpaces = true;
  bool byteFallback = false;
  schema::PrependSpace prependSpace = schema::PrependSpace_at_start;
};

/// Throws UserError for a vocabulary that does not fit together.
void readScoredVocabulary(const ScoredVocabulary& vocabulary, TokenizerTables& out);

}  // namespace quantc::tokenizer_import
