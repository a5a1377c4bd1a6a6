// SHA-256 with the instructions of x86-64 (SHA) and arm64 (SHA2): the header of a large vocabulary is hashed in milliseconds.
#include "cpu_features.h"
#include "sha256_blocks.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace quantc::rt {

#if defined(__x86_64__)

namespace {

#define QUANTC_SHA __attribute__((target("sha,sse4.1,ssse3")))

/// Four rounds, whose words are in `words`. The state lies as the instructions take it.
QUANTC_SHA inline void four_rounds(__m128i& abef, __m128i& cdgh, __m128i words, int round) {
  const __m128i sums = _mm_add_epi32(words, _mm_loadu_si128(reinterpret_cast<const __m128i*>(kRoundConstants + round)));
  cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sums);
  abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sums, 0x0e));
}

/// The four words that follow the sixteen of w0 to w3.
QUANTC_SHA inline __m128i next_words(__m128i w0, __m128i w1, __m128i w2, __m128i w3) {
  const __m128i sums = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
  return _mm_sha256msg2_epu32(sums, w3);
}

QUANTC_SHA void compress_blocks(uint32_t state[8], const uint8_t* block, size_t count) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i abef =
      _mm_set_epi32(static_cast<int>(state[0]), static_cast<int>(state[1]), static_cast<int>(state[4]), static_cast<int>(state[5]));
  __m128i cdgh =
      _mm_set_epi32(static_cast<int>(state[2]), static_cast<int>(state[3]), static_cast<int>(state[6]), static_cast<int>(state[7]));
  for (; count > 0; --count, block += kBlock) {
    const __m128i old_abef = abef, old_cdgh = cdgh;
    const auto* words = reinterpret_cast<const __m128i*>(block);
    __m128i w0 = _mm_shuffle_epi8(_mm_loadu_si128(words), big_endian), w1 = _mm_shuffle_epi8(_mm_loadu_si128(words + 1), big_endian),
            w2 = _mm_shuffle_epi8(_mm_loadu_si128(words + 2), big_endian), w3 = _mm_shuffle_epi8(_mm_loadu_si128(words + 3), big_endian);
    for (int round = 0; round < 64; round += 16) {
      if (round > 0) {
        w0 = next_words(w0, w1, w2, w3), w1 = next_words(w1, w2, w3, w0);
        w2 = next_words(w2, w3, w0, w1), w3 = next_words(w3, w0, w1, w2);
      }
      four_rounds(abef, cdgh, w0, round), four_rounds(abef, cdgh, w1, round + 4);
      four_rounds(abef, cdgh, w2, round + 8), four_rounds(abef, cdgh, w3, round + 12);
    }
    abef = _mm_add_epi32(abef, old_abef), cdgh = _mm_add_epi32(cdgh, old_cdgh);
  }
  alignas(16) uint32_t out[8];
  _mm_store_si128(reinterpret_cast<__m128i*>(out), abef);
  _mm_store_si128(reinterpret_cast<__m128i*>(out + 4), cdgh);
  constexpr int kPlaces[8] = {3, 2, 7, 6, 1, 0, 5, 4};
  for (int i = 0; i < 8; ++i)
    state[i] = out[kPlaces[i]];
}

}  // namespace

bool compress_with_instructions(uint32_t state[8], const uint8_t* blocks, size_t count) {
  if (!cpu_has("sha") || !cpu_has("sse41") || !cpu_has("ssse3"))
    return false;
  compress_blocks(state, blocks, count);
  return true;
}

#elif defined(__aarch64__)

namespace {

#define QUANTC_SHA __attribute__((target("arch=armv8-a+crypto")))

QUANTC_SHA inline void four_rounds(uint32x4_t& abcd, uint32x4_t& efgh, uint32x4_t words, int round) {
  const uint32x4_t sums = vaddq_u32(words, vld1q_u32(kRoundConstants + round)), old = abcd;
  abcd = vsha256hq_u32(abcd, efgh, sums);
  efgh = vsha256h2q_u32(efgh, old, sums);
}

/// The four words that follow the sixteen of w0 to w3.
QUANTC_SHA inline uint32x4_t next_words(uint32x4_t w0, uint32x4_t w1, uint32x4_t w2, uint32x4_t w3) {
  return vsha256su1q_u32(vsha256su0q_u32(w0, w1), w2, w3);
}

QUANTC_SHA void compress_blocks(uint32_t state[8], const uint8_t* block, size_t count) {
  uint32x4_t abcd = vld1q_u32(state), efgh = vld1q_u32(state + 4);
  for (; count > 0; --count, block += kBlock) {
    const uint32x4_t old_abcd = abcd, old_efgh = efgh;
    uint32x4_t w0 = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block))), w1 = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block + 16))),
               w2 = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block + 32))), w3 = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(block + 48)));
    for (int round = 0; round < 64; round += 16) {
      if (round > 0) {
        w0 = next_words(w0, w1, w2, w3), w1 = next_words(w1, w2, w3, w0);
        w2 = next_words(w2, w3, w0, w1), w3 = next_words(w3, w0, w1, w2);
      }
      four_rounds(abcd, efgh, w0, round), four_rounds(abcd, efgh, w1, round + 4);
      four_rounds(abcd, efgh, w2, round + 8), four_rounds(abcd, efgh, w3, round + 12);
    }
    abcd = vaddq_u32(abcd, old_abcd), efgh = vaddq_u32(efgh, old_efgh);
  }
  vst1q_u32(state, abcd);
  vst1q_u32(state + 4, efgh);
}

}  // namespace

bool compress_with_instructions(uint32_t state[8], const uint8_t* blocks, size_t count) {
  if (!cpu_has("sha2"))
    return false;
  compress_blocks(state, blocks, count);
  return true;
}

#else

bool compress_with_instructions(uint32_t[8], const uint8_t*, size_t) { return false; }

#endif

}  // namespace quantc::rt
