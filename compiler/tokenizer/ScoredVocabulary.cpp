#include "compiler/tokenizer/ScoredVocabulary.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "compiler/support/Error.h"
#include "compiler/tokenizer/Charsmap.h"
#include "compiler/tokenizer/NormalizeSteps.h"
#include "compiler/tokenizer/TokenizerJson.h"
#include "runtime/tokenizer/utf8.h"

namespace quantc::tokenizer_import {
namespace {

class Reader {
public:
  Reader(const ScoredVocabulary& vocabulary, TokenizerTables& out) : vocabulary(vocabulary), out(out) {}

  void run() {
    out.kind = vocabulary.bpe ? schema::TokenizerKind_sentencepiece_bpe : schema::TokenizerKind_unigram;
    readNormalizer();
    readPieces();
    if (vocabulary.bpe)
      findMerges();
    else
      readScores();
    out.fuseUnknown = true;
    out.classes = classes.words();
    out.decodeSpaces = vocabulary.escapeSpaces;
    out.stripSpace = vocabulary.removeExtraSpaces                     ? schema::StripSpace_leading
                     : out.prependSpace != schema::PrependSpace_never ? schema::StripSpace_first_character
                                                                      : schema::StripSpace_none;
  }

private:
  void readNormalizer() {
    try {
      if (RewriteRules rules = readCharsmap(vocabulary.charsmap); !rules.empty())
        out.normalize.push_back(rewriteStep(std::move(rules)));
    } catch (const CharsmapError& problem) {
      fail("has a character map that " + std::string(problem.what()));
    }
    if (vocabulary.removeExtraSpaces) {
      // At the end SentencePiece drops its own mark of spaces too, because it has put it in by then.
      out.normalize.push_back(stripStep(classes, "[ ]", true, false));
      out.normalize.push_back(stripStep(classes, "[ \\x{2581}]", false, true));
      out.normalize.push_back(replaceStep(classes, " {2,}", " "));
    }
    out.prependSpace = vocabulary.prependSpace;
    out.replaceSpace = vocabulary.escapeSpaces;
  }

  void readPieces() {
    if (vocabulary.pieces.empty())
      fail("has no pieces");
    for (const ScoredPiece& piece : vocabulary.pieces) {
      const auto id = static_cast<uint32_t>(out.pieces.size());
      const std::string what = "piece " + std::to_string(id);
      if (piece.text.empty() && piece.type != PieceType::unused)
        fail(what + " has no text");
      if (!std::isfinite(piece.score))
        fail(what + " has a score that is no number");
      if (!ids.emplace(piece.text, id).second && piece.type != PieceType::unused)
        fail(what + " has the text of another");
      out.pieces.push_back(piece.text);
      readType(piece, id);
    }
    if (out.unknown < 0 && !vocabulary.byteFallback)
      fail("has no piece for what is unknown");
  }

  void readType(const ScoredPiece& piece, uint32_t id) {
    switch (piece.type) {
    case PieceType::normal: out.lookupIds.push_back(id); break;
    case PieceType::unknown:
      if (out.unknown >= 0)
        fail("has two pieces for what is unknown, " + std::to_string(out.unknown) + " and " + std::to_string(id));
      out.unknown = static_cast<int32_t>(id);
      addSpecial(piece, id);
      break;
    case PieceType::control:
    case PieceType::userDefined: addSpecial(piece, id); break;
    case PieceType::unused: break;
    case PieceType::byte: addByte(piece, id); break;
    }
  }

  /// User-defined pieces are found in normalized text, so that spaces around them are prepared as all others.
  void addSpecial(const ScoredPiece& piece, uint32_t id) {
    SpecialTokenEntry entry;
    entry.id = static_cast<int32_t>(id);
    entry.special = piece.type != PieceType::userDefined;
    entry.normalized = !entry.special;
    entry.text = piece.text;
    out.specials.push_back(std::move(entry));
  }

  void addByte(const ScoredPiece& piece, uint32_t id) {
    if (!vocabulary.byteFallback)
      return;
    unsigned byte = 0;
    if (piece.text.size() != 6 || sscanf(piece.text.c_str(), "<0x%2X>", &byte) != 1 || byte > 255)
      fail("piece " + std::to_string(id) + " is \"" + piece.text + "\", expected a byte as <0x0A>");
    if (out.byteTokens.empty())
      out.byteTokens.assign(256, -1);
    out.byteTokens[byte] = static_cast<int32_t>(id);
    out.byteFallback = out.decodeBytes = true;
  }

  /// Any two neighbours that make a piece are joined, those of the greatest score first.
  void findMerges() {
    std::vector<float> scores;
    for (const uint32_t id : out.lookupIds)
      scores.push_back(vocabulary.pieces[id].score);
    std::sort(scores.begin(), scores.end(), std::greater<>());
    scores.erase(std::unique(scores.begin(), scores.end()), scores.end());
    for (const uint32_t id : out.lookupIds) {
      const std::string& text = vocabulary.pieces[id].text;
      const auto rank = std::lower_bound(scores.begin(), scores.end(), vocabulary.pieces[id].score, std::greater<>()) - scores.begin();
      for (size_t i = characterAt(text, 0); i < text.size(); i += characterAt(text, i)) {
        const int64_t left = normalPiece(text.substr(0, i));
        const int64_t right = normalPiece(text.substr(i));
        if (left >= 0 && right >= 0)
          out.merges.push_back({static_cast<uint32_t>(left), static_cast<uint32_t>(right), id, static_cast<uint32_t>(rank)});
      }
    }
  }

  static size_t characterAt(const std::string& text, size_t offset) {
    return tokenizer::read_character(reinterpret_cast<const uint8_t*>(text.data()) + offset, text.size() - offset).bytes;
  }

  int64_t normalPiece(const std::string& text) const {
    const auto id = ids.find(text);
    return id != ids.end() && vocabulary.pieces[id->second].type == PieceType::normal ? static_cast<int64_t>(id->second) : -1;
  }

  void readScores() {
    float least = 0;
    for (const ScoredPiece& piece : vocabulary.pieces) {
      out.scores.push_back(piece.score);
      if (piece.type == PieceType::normal)
        least = std::min(least, piece.score);
    }
    out.unknownScore = least - unknownPenalty;
  }

  [[noreturn]] void fail(const std::string& what) const { throw UserError(vocabulary.where, what + "; fetch the file again"); }

  const ScoredVocabulary& vocabulary;
  TokenizerTables& out;
  CharacterClasses classes;
  std::unordered_map<std::string, uint32_t> ids;
};

}  // namespace

void readScoredVocabulary(const ScoredVocabulary& vocabulary, TokenizerTables& out) { Reader(vocabulary, out).run(); }

}  // namespace quantc::tokenizer_import
