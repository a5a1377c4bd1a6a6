// Plain loops over small buffers of aligned elements, without branches, so that the compiler vectorizes them on every host.
#include "compiler/weights/FloatConversion.h"

#include <algorithm>
#include <cstring>

#include "dialects/schemes/BlockFormat.h"

namespace quantc {

namespace {

constexpr int64_t kChunk = 1024;

float floatFromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

struct Half {
  uint16_t bits;
};
struct BFloat {
  uint16_t bits;
};
struct Boolean {
  uint8_t byte;
};

/// Exact for every finite half. Subnormals (exponent 0) are their mantissa times 2^-24; nothing here depends on how the CPU treats subnormal floats.
float toFloat(Half half) {
  uint32_t sign = static_cast<uint32_t>(half.bits & 0x8000u) << 16, magnitude = half.bits & 0x7fffu;
  float subnormal = static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f;
  uint32_t subnormalBits;
  std::memcpy(&subnormalBits, &subnormal, sizeof(subnormalBits));
  uint32_t normalBits = (magnitude << 13) + ((127u - 15u) << 23);
  return floatFromBits(sign | (magnitude < 0x0400u ? subnormalBits : normalBits));
}
float toFloat(BFloat value) { return floatFromBits(static_cast<uint32_t>(value.bits) << 16); }
float toFloat(Boolean value) { return value.byte != 0 ? 1.0f : 0.0f; }
template <typename T> float toFloat(T value) { return static_cast<float>(value); }

/// The exponent bits, as many as fit; kAllOnes<T> for infinities and what is not a number. Integers have none.
uint32_t exponentOf(Half half) { return half.bits & 0x7c00u; }
uint32_t exponentOf(BFloat value) { return value.bits & 0x7f80u; }
uint32_t exponentOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits & 0x7f800000u;
}
uint32_t exponentOf(double value) { return exponentOf(static_cast<float>(value)); }
template <typename T> uint32_t exponentOf(T) { return 0; }

template <typename T> constexpr uint32_t kAllOnes = 0x7f800000u;
template <> constexpr uint32_t kAllOnes<Half> = 0x7c00u;
template <> constexpr uint32_t kAllOnes<BFloat> = 0x7f80u;

template <typename T> bool convert(const uint8_t* data, int64_t count, float* out, int64_t stride) {
  T chunk[kChunk];
  uint32_t largestExponent = 0;
  for (int64_t done = 0; done < count; done += kChunk) {
    int64_t n = std::min(kChunk, count - done);
    std::memcpy(chunk, data + done * static_cast<int64_t>(sizeof(T)), static_cast<size_t>(n) * sizeof(T));
    for (int64_t i = 0; i < n; ++i)
      largestExponent = std::max(largestExponent, exponentOf(chunk[i]));
    float* to = out + done * stride;
    if (stride == 1)
      for (int64_t i = 0; i < n; ++i)
        to[i] = toFloat(chunk[i]);
    else
      for (int64_t i = 0; i < n; ++i)
        to[i * stride] = toFloat(chunk[i]);
  }
  return largestExponent < kAllOnes<T>;
}

template <typename T> int64_t numberAt(const uint8_t* data, int64_t index) {
  T number;
  std::memcpy(&number, data + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return static_cast<int64_t>(number);
}

/// Number `index` of those of 2 or 4 bits, the first in the low bits of a byte.
int partOfByte(const uint8_t* data, int64_t index, int bits, bool isSigned) {
  const int perByte = 8 / bits, mask = (1 << bits) - 1;
  const int number = data[index / perByte] >> (index % perByte * bits) & mask;
  return isSigned && number > mask / 2 ? number - mask - 1 : number;
}

bool convertParts(const uint8_t* data, int64_t begin, int64_t count, int bits, bool isSigned, float* out, int64_t stride) {
  for (int64_t i = 0; i < count; ++i)
    out[i * stride] = static_cast<float>(partOfByte(data, begin + i, bits, isSigned));
  return true;
}

}  // namespace

int64_t integerAt(StoredType type, const uint8_t* data, int64_t index) {
  switch (type) {
  case StoredType::i2: return partOfByte(data, index, 2, true);
  case StoredType::u2: return partOfByte(data, index, 2, false);
  case StoredType::i4: return partOfByte(data, index, 4, true);
  case StoredType::u4: return partOfByte(data, index, 4, false);
  case StoredType::i8: return numberAt<int8_t>(data, index);
  case StoredType::i16: return numberAt<int16_t>(data, index);
  case StoredType::u16: return numberAt<uint16_t>(data, index);
  case StoredType::i32: return numberAt<int32_t>(data, index);
  case StoredType::i64: return numberAt<int64_t>(data, index);
  default: return numberAt<uint8_t>(data, index);
  }
}

bool convertToFloat(StoredType type, const uint8_t* data, int64_t begin, int64_t count, float* out, int64_t stride) {
  if (bitsOf(type) >= 8)
    data += begin * static_cast<int64_t>(bytesOf(type));
  switch (type) {
  case StoredType::i2: return convertParts(data, begin, count, 2, true, out, stride);
  case StoredType::u2: return convertParts(data, begin, count, 2, false, out, stride);
  case StoredType::i4: return convertParts(data, begin, count, 4, true, out, stride);
  case StoredType::u4: return convertParts(data, begin, count, 4, false, out, stride);
  case StoredType::f32: return convert<float>(data, count, out, stride);
  case StoredType::f16: return convert<Half>(data, count, out, stride);
  case StoredType::bf16: return convert<BFloat>(data, count, out, stride);
  case StoredType::f64: return convert<double>(data, count, out, stride);
  case StoredType::i8: return convert<int8_t>(data, count, out, stride);
  case StoredType::u8: return convert<uint8_t>(data, count, out, stride);
  case StoredType::i16: return convert<int16_t>(data, count, out, stride);
  case StoredType::u16: return convert<uint16_t>(data, count, out, stride);
  case StoredType::i32: return convert<int32_t>(data, count, out, stride);
  case StoredType::i64: return convert<int64_t>(data, count, out, stride);
  case StoredType::boolean: return convert<Boolean>(data, count, out, stride);
  }
  return false;
}

bool decodeBlocks(const BlockFormat& format, const uint8_t* data, int64_t begin, int64_t count, float* out, int64_t stride) {
  float decoded[256];
  uint32_t largestExponent = 0;
  for (int64_t done = 0; done < count;) {
    int64_t within = (begin + done) % format.elements, n = std::min(format.elements - within, count - done);
    format.decode(data + (begin + done) / format.elements * format.bytes, decoded);
    for (int64_t i = 0; i < n; ++i) {
      largestExponent = std::max(largestExponent, exponentOf(decoded[within + i]));
      out[(done + i) * stride] = decoded[within + i];
    }
    done += n;
  }
  return largestExponent < kAllOnes<float>;
}

}  // namespace quantc
