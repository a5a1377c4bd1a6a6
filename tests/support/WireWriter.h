// Protobuf's wire format, field by field, for files that no library would write; and SentencePiece models made of it.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace quantc::test {

inline std::string wireVarint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7)
    bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
inline std::string wireNumber(uint32_t field, uint64_t value) { return wireVarint(uint64_t{field} << 3) + wireVarint(value); }
inline std::string wireBytes(uint32_t field, const std::string& value) {
  return wireVarint(uint64_t{field} << 3 | 2) + wireVarint(value.size()) + value;
}
inline std::string wireFloat(uint32_t field, float value) {
  std::string word(sizeof value, '\0');
  std::memcpy(word.data(), &value, sizeof value);
  return wireVarint(uint64_t{field} << 3 | 5) + word;
}

/// A piece of a SentencePiece model; type 1 is a normal one.
inline std::string sentencePiece(const std::string& text, float score, uint32_t type = 1) {
  return wireBytes(1, wireBytes(1, text) + wireFloat(2, score) + wireNumber(3, type));
}

/// The pieces of a small model: what is unknown (0), BOS, EOS, "▁", "a", "b", the user's "<sep>" and "ab".
inline std::string smallPieces() {
  return sentencePiece("<unk>", 0, 2) + sentencePiece("<s>", 0, 3) + sentencePiece("</s>", 0, 3) + sentencePiece("\xE2\x96\x81", -1) +
         sentencePiece("a", -2) + sentencePiece("b", -3) + sentencePiece("<sep>", 0, 4) + sentencePiece("ab", -0.5f);
}

}  // namespace quantc::test
