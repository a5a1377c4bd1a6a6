#include "compiler/tokenizer/ByteLevel.h"

#include <array>
#include <unordered_map>

#include "runtime/tokenizer/utf8.h"

namespace quantc::tokenizer_import {
namespace {

/// Printable bytes of Latin-1 stand for themselves, the others for U+0100 on, in order.
std::array<uint32_t, 256> makeAlphabet() {
  std::array<uint32_t, 256> alphabet = {};
  uint32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
    alphabet[byte] = printable ? byte : next++;
  }
  return alphabet;
}

const std::array<uint32_t, 256>& alphabet() {
  static const std::array<uint32_t, 256> characters = makeAlphabet();
  return characters;
}

}  // namespace

std::string byteLevelCharacter(unsigned byte) {
  const uint32_t code = alphabet()[byte];
  if (code < 0x80)
    return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
}

std::optional<std::string> byteLevelBytes(const std::string& token) {
  static const std::unordered_map<uint32_t, char> bytes = [] {
    std::unordered_map<uint32_t, char> inverse;
    for (unsigned byte = 0; byte < 256; ++byte)
      inverse[alphabet()[byte]] = static_cast<char>(byte);
    return inverse;
  }();
  std::string out;
  const auto* text = reinterpret_cast<const uint8_t*>(token.data());
  for (size_t i = 0; i < token.size();) {
    const tokenizer::character next = tokenizer::read_character(text + i, token.size() - i);
    const auto byte = bytes.find(next.code);
    if (byte == bytes.end())
      return std::nullopt;
    out += byte->second;
    i += next.bytes;
  }
  return out;
}

}  // namespace quantc::tokenizer_import
