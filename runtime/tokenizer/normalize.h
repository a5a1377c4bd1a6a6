// The normalizer: text between special tokens is rewritten, step by step, before it is split. The tables say what happens, so that the device
// needs no Unicode data of its own.
#pragma once

#include "pattern.h"
#include "quantc/runtime.h"
#include "string_list.h"

namespace quantc::tokenizer {

constexpr size_t normalize_step_limit = 16;
constexpr uint32_t growth_limit = 10000;  // percent

struct normalize_step {
  const schema::NormalizeStep* table;
  string_list keys;
  string_list values;
  uint8_t begins[32];  // one bit per byte: whether a key begins with it
};

struct normalizer {
  normalize_step steps[normalize_step_limit];
  size_t count;
  class_table classes;
  size_t slack;     // bytes that steps put before a stretch
  uint32_t growth;  // percent
};

/// Reads and checks the steps; null, or what is wrong.
const char* read_normalizer(const schema::Tokenizer& tables, const class_table& classes, normalizer& out);

/// Bytes of text at most while `text_bytes` are normalized.
inline size_t normalized_bytes(const normalizer& n, size_t text_bytes) {
  return n.count == 0 ? text_bytes : (text_bytes + n.slack) * n.growth / 100;
}

struct normalize_space {
  uint8_t* text[2];
  size_t text_bytes;  // of each
  void* work;         // 8 bytes for each of text_bytes, aligned to 8; the matcher's choices use the same
  size_t work_bytes;
  uint64_t* steps;  // as the matcher's
};

/// `*out_text` is the text itself where there are no steps, else it lies in one of the space's texts. QC_ERROR_FORMAT where the steps need more
/// space than `growth` tells or a pattern is exhausted.
qc_status normalize(const normalizer& n, text_span text, const normalize_space& space, text_span* out_text);

}  // namespace quantc::tokenizer
