// The block formats of GGUF files: how a few consecutive weights of a row are stored together with their scales.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quantc {

struct BlockFormat {
  const char* name;
  int elements;  ///< consecutive elements of a row per block; rows are whole blocks
  int bytes;     ///< per block
  /// The scheme of ours that `--quant=keep` stores such weights in; exact where groupsOf says so.
  const char* kept;
  /// Decodes one block to `elements` float32, every operation rounded to binary32.
  void (*decode)(const uint8_t* block, float* out);
  /// Where a block is a group of 32 integers with one binary16 scale, as in our schemes: gives both, unchanged. nullptr for other formats.
  void (*group)(const uint8_t* block, int8_t* codes, uint16_t& scale);
  /// What those integers can be in a file as quantizers write it; 0 and 0 where `group` is nullptr.
  int lowestCode, highestCode;
};

/// In the order of block_formats.inc.
const std::vector<BlockFormat>& allBlockFormats();
/// nullptr when unknown.
const BlockFormat* findBlockFormat(const std::string& name);

}  // namespace quantc
