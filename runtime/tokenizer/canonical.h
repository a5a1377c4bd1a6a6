// Canonical order and composition (Unicode Standard, section 3.11), over tables of the artifact.
#pragma once

#include "span.h"

namespace quantc::tokenizer {

struct canonical_tables {
  span<uint32_t> combining;     // pairs (first | class << 24, last)
  span<uint32_t> compositions;  // (first, second, composite)
  bool hangul;
};

/// Whether the tables ascend and hold code points only.
bool check_canonical(const canonical_tables& tables);

/// Orders and composes the text; returns the bytes written to `out`, which has `capacity`, or SIZE_MAX where they are too few. `work` has 8 bytes
/// for each byte of the text.
size_t order_and_compose(const canonical_tables& tables, text_span text, uint32_t* work, uint8_t* out, size_t capacity);

/// Writes the jamo of a Hangul syllable, 6 or 9 bytes; 0 if `code` is none.
size_t decompose_hangul(uint32_t code, uint8_t out[9]);

}  // namespace quantc::tokenizer
