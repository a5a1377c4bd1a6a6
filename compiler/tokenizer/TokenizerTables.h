// A tokenizer as the artifact holds it: a plain mirror of table Tokenizer of runtime/schema/artifact.fbs, which says what each field means.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

/// One merge in the order of the vocabulary file: its index is its rank.
struct MergeEntry {
  uint32_t left = 0;
  uint32_t right = 0;
  uint32_t result = 0;
};

struct TokenizerTables {
  schema::TokenizerKind kind = schema::TokenizerKind_none;
  std::vector<std::string> pieces;  ///< by id, as bytes; empty where an id has no token
  std::vector<uint32_t> lookupIds;  ///< ids that text is looked up in, in any order
  std::vector<MergeEntry> merges;   ///< by rank
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
  std::string sourceDescription;  ///< what was read, for the log: "tokenizer.json: byte-level BPE, 2048 tokens, 1791 merges"
};

}  // namespace quantc
