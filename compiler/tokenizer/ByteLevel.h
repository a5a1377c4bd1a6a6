// GPT-2's alphabet: byte-level vocabularies write every byte as one printable character.
#pragma once

#include <optional>
#include <string>

namespace quantc::tokenizer_import {

/// The character, in UTF-8, that stands for `byte`.
std::string byteLevelCharacter(unsigned byte);

/// The bytes that a token stands for; nothing if a character of it is not in the alphabet.
std::optional<std::string> byteLevelBytes(const std::string& token);

/// GPT-2's pre-tokenizer.
inline constexpr char byteLevelPattern[] = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

}  // namespace quantc::tokenizer_import
