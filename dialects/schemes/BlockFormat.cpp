#include "dialects/schemes/BlockFormat.h"

#include <cstring>

#include "dialects/schemes/Scheme.h"

namespace quantc {
namespace {

constexpr int kBlock = 32;        // elements of the formats without a K
constexpr int kSuperBlock = 256;  // and of those with

uint16_t halfBits(const uint8_t* at) { return static_cast<uint16_t>(at[0] | at[1] << 8); }
float half(const uint8_t* at) { return floatFromHalf(halfBits(at)); }

/// Nibble i of 16 bytes: the low nibbles are elements 0 to 15, the high ones 16 to 31.
int nibble(const uint8_t* bytes, int i) { return i < 16 ? bytes[i] & 15 : bytes[i - 16] >> 4; }
/// A fifth bit on top of it, bit i of 32.
int fiveBits(const uint8_t* high, const uint8_t* low, int i) { return nibble(low, i) | (high[i / 8] >> (i % 8) & 1) << 4; }

/// binary16 scale, 32 nibbles: code = nibble - 8.
void group_q4_0(const uint8_t* block, int8_t* codes, uint16_t& scale) {
  scale = halfBits(block);
  for (int i = 0; i < kBlock; ++i)
    codes[i] = static_cast<int8_t>(nibble(block + 2, i) - 8);
}

/// binary16 scale, 32 fifth bits, 32 nibbles: code = number - 16.
void group_q5_0(const uint8_t* block, int8_t* codes, uint16_t& scale) {
  scale = halfBits(block);
  for (int i = 0; i < kBlock; ++i)
    codes[i] = static_cast<int8_t>(fiveBits(block + 2, block + 6, i) - 16);
}

/// binary16 scale, 32 signed bytes.
void group_q8_0(const uint8_t* block, int8_t* codes, uint16_t& scale) {
  scale = halfBits(block);
  std::memcpy(codes, block + 2, kBlock);
}

template <void (*group)(const uint8_t*, int8_t*, uint16_t&)> void decodeGroup(const uint8_t* block, float* out) {
  int8_t codes[kBlock];
  uint16_t scale;
  group(block, codes, scale);
  for (int i = 0; i < kBlock; ++i)
    out[i] = static_cast<float>(codes[i]) * floatFromHalf(scale);
}

void decode_q4_0(const uint8_t* block, float* out) { decodeGroup<group_q4_0>(block, out); }
void decode_q5_0(const uint8_t* block, float* out) { decodeGroup<group_q5_0>(block, out); }
void decode_q8_0(const uint8_t* block, float* out) { decodeGroup<group_q8_0>(block, out); }

/// binary16 scale, binary16 minimum, 32 nibbles.
void decode_q4_1(const uint8_t* block, float* out) {
  for (int i = 0; i < kBlock; ++i)
    out[i] = static_cast<float>(nibble(block + 4, i)) * half(block) + half(block + 2);
}

/// binary16 scale, binary16 minimum, 32 fifth bits, 32 nibbles.
void decode_q5_1(const uint8_t* block, float* out) {
  for (int i = 0; i < kBlock; ++i)
    out[i] = static_cast<float>(fiveBits(block + 4, block + 8, i)) * half(block) + half(block + 2);
}

/// Element i of 64 bytes that hold 256 numbers of two bits: each half of the block has 32 bytes, whose pairs of bits are its four runs of 32.
int twoBits(const uint8_t* bytes, int i) { return bytes[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3; }

/// 16 bytes with a scale (low nibble) and a minimum (high nibble) per 16 elements, 64 bytes of two bits, binary16 factors of scales and of minima.
void decode_q2_k(const uint8_t* block, float* out) {
  const float scaleFactor = half(block + 80), minimumFactor = half(block + 82);
  for (int i = 0; i < kSuperBlock; ++i) {
    const uint8_t pair = block[i / 16];
    const float scale = scaleFactor * static_cast<float>(pair & 15), minimum = minimumFactor * static_cast<float>(pair >> 4);
    out[i] = scale * static_cast<float>(twoBits(block + 16, i)) - minimum;
  }
}

/// 32 bytes of third bits (bit r of byte b: element b of run r of 32), 64 bytes of two bits, 16 scales of six bits in 12 bytes (the low nibbles of
/// scales 0 to 7 and 8 to 15 in 8 bytes, then bits 4 and 5 of scales s, s + 4, s + 8 and s + 12 in byte s), and a binary16 factor.
void decode_q3_k(const uint8_t* block, float* out) {
  const uint8_t *thirdBits = block, *codes = block + 32, *scales = block + 96;
  const float factor = half(block + 108);
  for (int i = 0; i < kSuperBlock; ++i) {
    const int s = i / 16, low = s < 8 ? scales[s] & 15 : scales[s - 8] >> 4, high = scales[8 + s % 4] >> (s / 4 * 2) & 3;
    const int third = thirdBits[i % 32] >> (i / 32) & 1;
    const float scale = factor * static_cast<float>((low | high << 4) - 32);
    out[i] = scale * static_cast<float>(twoBits(codes, i) + 4 * third - 4);
  }
}

struct SixBitPair {
  int scale, minimum;
};

/// Pair s of eight in 12 bytes. The first four lie in the low six bits of bytes s and s + 4; the others have their low nibbles in byte s + 4 and the
/// upper two bits in the top of bytes s - 4 and s.
SixBitPair sixBitPair(const uint8_t* bytes, int s) {
  if (s < 4)
    return {bytes[s] & 63, bytes[s + 4] & 63};
  return {(bytes[s + 4] & 15) | bytes[s - 4] >> 6 << 4, bytes[s + 4] >> 4 | bytes[s] >> 6 << 4};
}

/// Element i of 128 bytes that hold 256 nibbles: every 32 bytes are two runs of 32, low nibbles first.
int superNibble(const uint8_t* bytes, int i) { return bytes[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15; }

/// What Q4_K and Q5_K share: binary16 factors of scales and minima, then eight pairs of six bits, one per 32 elements.
float scaled(const uint8_t* block, int i, int code) {
  const SixBitPair pair = sixBitPair(block + 4, i / 32);
  const float scale = half(block) * static_cast<float>(pair.scale), minimum = half(block + 2) * static_cast<float>(pair.minimum);
  return scale * static_cast<float>(code) - minimum;
}

/// ... and 128 bytes of nibbles.
void decode_q4_k(const uint8_t* block, float* out) {
  for (int i = 0; i < kSuperBlock; ++i)
    out[i] = scaled(block, i, superNibble(block + 16, i));
}

/// ... and 32 bytes of fifth bits (bit r of byte b: element b of run r of 32), then 128 bytes of nibbles.
void decode_q5_k(const uint8_t* block, float* out) {
  for (int i = 0; i < kSuperBlock; ++i)
    out[i] = scaled(block, i, superNibble(block + 48, i) | (block[16 + i % 32] >> (i / 32) & 1) << 4);
}

/// 128 bytes of low nibbles, 64 of upper pairs of bits, 16 signed scales, one per 16 elements, and a binary16 factor. Each half of the block has 64
/// bytes of nibbles: the low ones of all are its first 64 elements.
void decode_q6_k(const uint8_t* block, float* out) {
  const uint8_t *low = block, *high = block + 128, *scales = block + 192;
  const float factor = half(block + 208);
  for (int i = 0; i < kSuperBlock; ++i) {
    const int code = (low[i / 128 * 64 + i % 64] >> (i % 128 / 64 * 4) & 15) | twoBits(high, i) << 4;
    const float scale = factor * static_cast<float>(static_cast<int8_t>(scales[i / 16]));
    out[i] = scale * static_cast<float>(code - 32);
  }
}

}  // namespace

const std::vector<BlockFormat>& allBlockFormats() {
  static const std::vector<BlockFormat> formats = {
#define BLOCK_FORMAT(name, elements, bytes, kept) {#name, elements, bytes, kept, decode_##name, nullptr, 0, 0},
#define GROUP_FORMAT(name, elements, bytes, kept, lowest, highest) \
  {#name, elements, bytes, kept, decode_##name, group_##name, lowest, highest},
#include "dialects/schemes/block_formats.inc"
#undef BLOCK_FORMAT
#undef GROUP_FORMAT
  };
  return formats;
}

const BlockFormat* findBlockFormat(const std::string& name) {
  for (const BlockFormat& format : allBlockFormats())
    if (name == format.name)
      return &format;
  return nullptr;
}

}  // namespace quantc
