// SHA-256 as FIPS 180-4 defines it.
#include <string.h>

#include "quantc/runtime.h"
#include "sha256_blocks.h"

using quantc::rt::kBlock;
using quantc::rt::kRoundConstants;

namespace {

constexpr size_t kLengthAt = 56;  // the last 8 bytes of the last block hold the message's length in bits

constexpr size_t kWorthAsking = 4096;  // bytes; a virtual machine takes microseconds to tell what its processor can do

uint32_t rotate_right(uint32_t value, int by) { return (value >> by) | (value << (32 - by)); }

uint32_t load_big_endian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

void compress(uint32_t state[8], const uint8_t* block) {
  uint32_t w[64];
  for (int i = 0; i < 16; ++i)
    w[i] = load_big_endian(block + 4 * i);
  for (int i = 16; i < 64; ++i) {
    const uint32_t s0 = rotate_right(w[i - 15], 7) ^ rotate_right(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const uint32_t s1 = rotate_right(w[i - 2], 17) ^ rotate_right(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4], f = state[5], g = state[6], h = state[7];
  for (int i = 0; i < 64; ++i) {
    const uint32_t s1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
    const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + kRoundConstants[i] + w[i];
    const uint32_t s0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
    const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

}  // namespace

void qc_sha256_begin(qc_sha256* hash) {
  *hash = {{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}, 0, {}};
}

void qc_sha256_add(qc_sha256* hash, const void* data, size_t bytes) {
  const uint8_t* next = static_cast<const uint8_t*>(data);
  size_t held = hash->bytes % kBlock;
  hash->bytes += bytes;
  if (held > 0) {
    const size_t taken = bytes < kBlock - held ? bytes : kBlock - held;
    memcpy(hash->block + held, next, taken);
    next += taken, bytes -= taken, held += taken;
    if (held < kBlock)
      return;
    compress(hash->state, hash->block);
  }
  if (bytes >= kWorthAsking && quantc::rt::compress_with_instructions(hash->state, next, bytes / kBlock))
    next += bytes / kBlock * kBlock, bytes %= kBlock;
  for (; bytes >= kBlock; next += kBlock, bytes -= kBlock)
    compress(hash->state, next);
  if (bytes > 0)
    memcpy(hash->block, next, bytes);
}

void qc_sha256_end(qc_sha256* hash, uint8_t out_digest[32]) {
  const uint64_t bits = hash->bytes * 8;
  const uint8_t padding[kBlock] = {0x80};
  const size_t held = hash->bytes % kBlock;
  qc_sha256_add(hash, padding, (held < kLengthAt ? kLengthAt : kLengthAt + kBlock) - held);
  uint8_t length[8];
  for (int i = 0; i < 8; ++i)
    length[i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
  qc_sha256_add(hash, length, sizeof length);
  for (int i = 0; i < 32; ++i)
    out_digest[i] = static_cast<uint8_t>(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}
