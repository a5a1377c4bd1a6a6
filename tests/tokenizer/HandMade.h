// A small byte-level tokenizer written by hand, for tests that need no compiler; every field may be changed before it is loaded.
#pragma once

#include <memory>
#include <string>

#include "runtime/tokenizer/pattern.h"
#include "tests/tokenizer/LoadedTokenizer.h"

namespace quantc::test {

/// Ids 0 to 255 are bytes; then the pieces "ab", "abc" and the special token "<s>". Digits are split from the rest.
struct HandMade {
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
  int32_t unknown = -1;
  std::vector<int32_t> byteTokens;
  std::vector<uint32_t> pattern = {tokenizer::pattern_word(tokenizer::pattern_op::repeat), 1, UINT32_MAX,
                                   tokenizer::pattern_word(tokenizer::pattern_op::accept)};
  std::vector<uint32_t> classes = {1, 0, 4, 0, 0x03FF0000, 0, 0};  // one class: 0 to 9
  int32_t spaceClass = -1;
  bool decodeBytes = false;
  schema::StripSpace stripSpace = schema::StripSpace_none;

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
    const auto offset = schema::CreateTokenizerDirect(
        builder, kind, &pieces, &pieceEnds, &pieceOrder, &mergeStarts, &merges, &specials, &prefix, nullptr, &eos, unknown, false, false,
        &byteTokens, false, schema::PrependSpace_never, false, false, &splits, &classes, spaceClass, -1, false, decodeBytes, stripSpace);
    return std::make_unique<LoadedTokenizer>(builder, offset);
  }
};

}  // namespace quantc::test
