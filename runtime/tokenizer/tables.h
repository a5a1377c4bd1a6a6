// A tokenizer's tables as they lie in the artifact, checked: what the files of this folder share.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "normalize.h"
#include "pattern.h"
#include "quantc/tokenizer.h"
#include "string_list.h"

namespace quantc::tokenizer {

struct id_sink {
  int32_t* ids;
  size_t capacity;
  size_t count = 0;  // may exceed the capacity

  void add(int32_t id) {
    if (count < capacity)
      ids[count] = id;
    ++count;
  }
};

/// The caller's scratch, divided.
struct workspace {
  uint8_t* text[2];     // text that is normalized, or has its spaces put in or replaced
  size_t text_bytes;    // of each
  void* symbols;        // the symbols of one piece; the matcher's choices and the normalizer use the same bytes
  size_t symbol_count;  // more than any piece of the text has
};

struct kind_row;

}  // namespace quantc::tokenizer

struct qc_tokenizer {
  const quantc::tokenizer::kind_row* kind;
  const quantc::schema::Tokenizer* tables;
  uint32_t vocabulary;
  quantc::tokenizer::string_list pieces;
  quantc::tokenizer::span<uint32_t> merge_starts;
  quantc::tokenizer::span<uint32_t> merges;
  quantc::tokenizer::span<int32_t> byte_tokens;
  quantc::tokenizer::span<float> scores;
  quantc::tokenizer::class_table classes;
  quantc::tokenizer::normalizer normalizer;
  size_t longest_piece;        // bytes of text that one token can give
  uint32_t symbols_per_space;  // symbols that a replaced space can become
  bool special_begins[256];    // bytes that a special token's text begins with
  uint8_t* special_bits;       // one bit per id; owned
};

namespace quantc::tokenizer {

/// A kind of tokenizer: one file that implements it and one row of kinds.inc.
struct kind_row {
  schema::TokenizerKind kind;
  /// What this kind needs of the tables beyond what all do: null, or what is wrong.
  const char* (*check)(const qc_tokenizer& tokenizer);
  /// Adds the ids of one piece of text, cut and prepared.
  void (*encode)(const qc_tokenizer& tokenizer, text_span text, const workspace& space, id_sink& sink);
  size_t symbol_bytes;  // of the workspace per symbol
};
const kind_row* find_kind(schema::TokenizerKind kind);

constexpr uint8_t space_marker[3] = {0xE2, 0x96, 0x81};  // U+2581

/// Of all kinds, so that the matcher has a choice per symbol.
constexpr size_t least_symbol_bytes = sizeof(choice);

bool starts_with(text_span text, text_span start);
inline text_span piece(const qc_tokenizer& tokenizer, uint32_t id) { return tokenizer.pieces.at(id); }
/// The id of a piece by its bytes, -1 if there is none.
int32_t find_piece(const qc_tokenizer& tokenizer, text_span text);
inline bool is_special(const qc_tokenizer& tokenizer, uint32_t id) { return tokenizer.special_bits[id / 8] >> (id % 8) & 1; }

/// Adds the tokens of single bytes to `sink`; false, and nothing, where the vocabulary does not fall back to them.
template <typename Sink> bool add_bytes(const qc_tokenizer& tokenizer, text_span bytes, Sink& sink) {
  if (!tokenizer.tables->byte_fallback())
    return false;
  for (uint8_t byte : bytes)
    if (tokenizer.byte_tokens[byte] < 0)
      return false;
  for (uint8_t byte : bytes)
    sink.add(tokenizer.byte_tokens[byte]);
  return true;
}

/// Adds the ids of a text, and nothing around it, to `sink`. `scratch` has qc_tokenizer_scratch_bytes(text.size) bytes.
qc_status encode_text(const qc_tokenizer& tokenizer, text_span text, bool parse_special, void* scratch, id_sink& sink);

/// Null, or what is wrong with the list for pairs of texts.
const char* check_pair(const qc_tokenizer& tokenizer);

/// Reads and checks every table of the artifact into `tokenizer`, whose lists are then safe to use; null, or what is wrong.
const char* read_tables(const schema::Tokenizer& tables, qc_tokenizer& tokenizer);

}  // namespace quantc::tokenizer
