// A tokenizer as the artifact holds it: a plain mirror of table Tokenizer of runtime/schema/artifact.fbs, which says what each field means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/chat/ChatTemplate.h"
#include "compiler/tokenizer/UnicodeData.h"
#include "runtime/schema/artifact_generated.h"

namespace quantc {

struct SpecialTokenEntry {
  int32_t id = 0;
  std::string text;
  bool special = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = false;
  bool singleWord = false;
};

struct SplitEntry {
  std::vector<uint32_t> pattern;
  schema::SplitMode mode = schema::SplitMode_isolated;
};

struct MergeEntry {
  uint32_t left = 0;
  uint32_t right = 0;
  uint32_t result = 0;
  uint32_t rank = 0;  ///< the least is joined first; of equal ones the leftmost
};

struct NormalizeEntry {
  schema::NormalizeOp op = schema::NormalizeOp_rewrite;
  RewriteRules rules;
  bool hangul = false;
  std::vector<uint32_t> pattern;
  std::string before;
  std::string after;
  bool keep = false;
  int32_t classIndex = -1;
  bool left = false;
  bool right = false;
  std::vector<uint32_t> combining;
  std::vector<uint32_t> compositions;
  double growth = 1;  ///< bytes at most per byte before
};

struct ChatEntry {
  ChatProgram program;
  std::string bos;
  std::string eos;
  std::string problem;  ///< why there is no program, empty where there is one
};

struct TokenizerTables {
  schema::TokenizerKind kind = schema::TokenizerKind_none;
  std::vector<std::string> pieces;  ///< by id, as bytes; empty where an id has no token
  std::vector<uint32_t> lookupIds;  ///< ids that text is looked up in, in any order
  std::vector<MergeEntry> merges;   ///< of two merges of one pair the later counts
  std::vector<SpecialTokenEntry> specials;
  std::vector<int32_t> prefix;
  std::vector<int32_t> suffix;
  std::vector<int32_t> eos;
  int32_t unknown = -1;
  bool fuseUnknown = false;
  bool byteFallback = false;
  std::vector<int32_t> byteTokens;
  bool ignoreMerges = false;
  schema::PrependSpace prependSpace = schema::PrependSpace_never;
  bool replaceSpace = false;
  bool spacesLast = false;
  std::vector<SplitEntry> splits;
  std::vector<uint32_t> classes;
  int32_t spaceClass = -1;
  int32_t wordClass = -1;
  bool decodeSpaces = false;
  bool decodeBytes = false;
  schema::StripSpace stripSpace = schema::StripSpace_none;
  std::vector<NormalizeEntry> normalize;
  bool markPieces = false;
  std::vector<float> scores;
  float unknownScore = 0;
  std::string continuing;
  uint32_t longestWord = 0;
  bool decodeWords = false;
  std::vector<std::string> tight;
  std::vector<int32_t> pair;
  std::vector<uint8_t> pairTypes;
  bool spaceWords = false;
  int32_t blank = -1;
  std::optional<ChatEntry> chat;
  std::string sourceDescription;  ///< what was read, for the log: "tokenizer.json: byte-level BPE, 2048 tokens, 1791 merges"
};

}  // namespace quantc
