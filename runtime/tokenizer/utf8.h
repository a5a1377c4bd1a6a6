// UTF-8 as the tokenizer reads it: hostile text is text too, a byte that belongs to no character counts as a character of its own.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace quantc::tokenizer {

constexpr uint32_t replacement_character = 0xFFFD;
constexpr uint32_t behind_unicode = 0x110000;

struct character {
  uint32_t code;   // replacement_character where the bytes are none
  uint32_t bytes;  // 1 to 4
};

/// The length that a first byte announces; 0 if it cannot begin a character.
inline uint32_t announced_bytes(uint8_t first) {
  if (first < 0x80)
    return 1;
  if (first >= 0xC2 && first <= 0xDF)
    return 2;
  if (first >= 0xE0 && first <= 0xEF)
    return 3;
  if (first >= 0xF0 && first <= 0xF4)
    return 4;
  return 0;
}

/// Whether `second` may follow `first`: excludes overlong forms, surrogates and what lies above U+10FFFF.
inline bool may_follow(uint8_t first, uint8_t second) {
  if (first == 0xE0)
    return second >= 0xA0 && second <= 0xBF;
  if (first == 0xED)
    return second >= 0x80 && second <= 0x9F;
  if (first == 0xF0)
    return second >= 0x90 && second <= 0xBF;
  if (first == 0xF4)
    return second >= 0x80 && second <= 0x8F;
  return (second & 0xC0) == 0x80;
}

/// The character at `text`, which has at least one byte.
inline character read_character(const uint8_t* text, size_t bytes) {
  const uint8_t first = text[0];
  const uint32_t length = announced_bytes(first);
  if (length == 1)
    return {first, 1};
  if (length == 0 || length > bytes || !may_follow(first, text[1]))
    return {replacement_character, 1};
  uint32_t code = first & (0xFFu >> (length + 1));
  for (uint32_t i = 1; i < length; ++i) {
    if ((text[i] & 0xC0) != 0x80)
      return {replacement_character, 1};
    code = code << 6 | (text[i] & 0x3F);
  }
  return {code, length};
}

/// Of a code point in UTF-8.
inline uint32_t character_bytes(uint32_t code) { return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4; }

/// Writes a code point in UTF-8 and returns the number of its bytes.
inline uint32_t write_character(uint32_t code, uint8_t* out) {
  const uint32_t bytes = character_bytes(code);
  if (bytes == 1) {
    out[0] = static_cast<uint8_t>(code);
    return 1;
  }
  out[0] = static_cast<uint8_t>((0xFF00u >> bytes & 0xFF) | code >> (6 * (bytes - 1)));
  for (uint32_t i = 1; i < bytes; ++i)
    out[i] = static_cast<uint8_t>(0x80 | (code >> (6 * (bytes - 1 - i)) & 0x3F));
  return bytes;
}

/// Where the character that ends at `position` begins; `position` is greater than `begin`.
inline uint32_t character_before(const uint8_t* text, uint32_t begin, uint32_t position) {
  for (uint32_t length = 2; length <= 4 && length <= position - begin; ++length) {
    const uint32_t start = position - length;
    if (read_character(text + start, length).bytes == length)
      return start;
  }
  return position - 1;
}

}  // namespace quantc::tokenizer
