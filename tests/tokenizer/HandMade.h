// A small byte-level tokenizer written by hand, for tests that need no compiler; every field may be changed before it is loaded.
#pragma once

#include <memory>
#include <string>

#include "runtime/tokenizer/pattern.h"
#include "tests/tokenizer/LoadedTokenizer.h"

namespace quantc::test {

/// Ids 0 to 255 are bytes; then the pieces "ab", "abc" and the special token "<s>". Digits are split from the rest.
struct HandMade {
  struct Step {
    schema::NormalizeOp op = schema::NormalizeOp_rewrite;
    std::vector<uint8_t> keys;
    std::vector<uint32_t> keyEnds;
    std::vector<uint8_t> values;
    std::vector<uint32_t> valueEnds;
    std::vector<uint32_t> pattern;
    int32_t classIndex = -1;
    std::vector<uint32_t> combining;
    std::vector<uint32_t> compositions;
  };
  static constexpr int32_t ab = 256;
  static constexpr int32_t abc = 257;
  static constexpr int32_t bos = 258;

  schema::TokenizerKind kind = schema::TokenizerKind_byte_level_bpe;
  std::vector<uint8_t> pieces;
  std::vector<uint32_t> pieceEnds;
  std::vector<uint32_t> pieceOrder = {'a', ab, abc};
  std::vector<uint32_t> mergeStarts;
  std::vector<uint32_t> merges = {'b', 0, ab, 'c', 1, abc};  // of "a" and of "ab"
  int32_t specialId = bos;
  std::string specialText = "<s>";
  bool lstrip = false;
  std::vector<int32_t> prefix = {bos};
  std::vector<int32_t> eos = {bos};
  std::vector<int32_t> pair;
  std::vector<uint8_t> pairTypes;
  int32_t unknown = -1;
  std::vector<int32_t> byteTokens;
  std::vector<uint32_t> pattern = {tokenizer::pattern_word(tokenizer::pattern_op::repeat), 1, UINT32_MAX,
                                   tokenizer::pattern_word(tokenizer::pattern_op::accept)};
  std::vector<uint32_t> classes = {1, 0, 4, 0, 0x03FF0000, 0, 0};  // one class: 0 to 9
  int32_t spaceClass = -1;
  bool decodeBytes = false;
  schema::StripSpace stripSpace = schema::StripSpace_none;

  std::vector<Step> steps;
  uint32_t growth = 100;
  bool markPieces = false;
  std::vector<float> scores;
  float unknownScore = -1;
  const char* continuing = "##";  // null: the artifact has none
  bool decodeWords = false;

  /// "A" and "BB" become "a", digits go, U+0301 is ordered and composed with "a".
  static std::vector<Step> allSteps() {
    Step rewrite;
    rewrite.keys = {'A', 'B', 'B'};
    rewrite.keyEnds = {1, 3};
    rewrite.values = {'a', 'a'};
    rewrite.valueEnds = {1, 2};
    Step replace;
    replace.op = schema::NormalizeOp_replace;
    replace.pattern = {tokenizer::pattern_word(tokenizer::pattern_op::one_of), tokenizer::pattern_word(tokenizer::pattern_op::accept)};
    Step strip;
    strip.op = schema::NormalizeOp_strip;
    strip.classIndex = 0;
    Step order;
    order.op = schema::NormalizeOp_order;
    order.combining = {0x301 | 230u << 24, 0x301, 0x323 | 220u << 24, 0x323};
    order.compositions = {'a', 0x301, 0xE1, 'a', 0x323, 0x1EA1};
    return {rewrite, replace, strip, order};
  }

  HandMade() {
    for (int byte = 0; byte < 256; ++byte) {
      addPiece(std::string(1, static_cast<char>(byte)));
      byteTokens.push_back(byte);
    }
    addPiece("ab");
    addPiece("abc");
    addPiece("<s>");
    for (uint32_t left = 0; left <= pieceEnds.size(); ++left)
      mergeStarts.push_back(left <= 'a' ? 0 : left <= ab ? 1 : 2);
  }

  void addPiece(const std::string& piece) {
    pieces.insert(pieces.end(), piece.begin(), piece.end());
    pieceEnds.push_back(static_cast<uint32_t>(pieces.size()));
  }

  std::unique_ptr<LoadedTokenizer> load() const {
    flatbuffers::FlatBufferBuilder builder;
    const std::vector<flatbuffers::Offset<schema::SpecialToken>> specials = {
        schema::CreateSpecialToken(builder, specialId, builder.CreateString(specialText), true, lstrip)};
    const std::vector<flatbuffers::Offset<schema::Split>> splits = {schema::CreateSplit(builder, builder.CreateVector(pattern))};
    std::vector<flatbuffers::Offset<schema::NormalizeStep>> written;
    for (const Step& step : steps)
      written.push_back(schema::CreateNormalizeStepDirect(builder, step.op, &step.keys, &step.keyEnds, &step.values, &step.valueEnds, false,
                                                          &step.pattern, nullptr, nullptr, false, step.classIndex, true, true,
                                                          &step.combining, &step.compositions));
    const auto offset = schema::CreateTokenizerDirect(
        builder, kind, &pieces, &pieceEnds, &pieceOrder, &mergeStarts, &merges, &specials, &prefix, nullptr, &eos, unknown, false, false,
        &byteTokens, false, schema::PrependSpace_never, false, false, &splits, &classes, spaceClass, -1, false, decodeBytes, stripSpace,
        &written, growth, markPieces, &scores, unknownScore, continuing, 100, decodeWords, nullptr, 0, &pair, &pairTypes);
    return std::make_unique<LoadedTokenizer>(builder, offset);
  }
};

}  // namespace quantc::test
