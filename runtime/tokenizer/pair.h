// How a tokenizer puts two texts together: table Tokenizer's `pair` has ids, and these where the texts' own ids go, each once.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace quantc::tokenizer {

constexpr int32_t first_of_pair = -1;
constexpr int32_t second_of_pair = -2;
constexpr size_t pair_limit = 64;  // entries

}  // namespace quantc::tokenizer
