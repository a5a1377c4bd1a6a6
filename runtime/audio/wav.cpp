// RIFF WAVE: chunks of a name, a size and bytes, padded to even sizes. "fmt " says what the samples are, "data" holds them.
#include <string.h>

#include "quantc/audio.h"
#include "runtime/src/error.h"

namespace quantc::rt {
namespace {

constexpr uint16_t kPcm = 1, kFloat = 3, kExtensible = 0xFFFE;
constexpr uint64_t kFormatBytes = 16, kExtensibleBytes = 40, kSubformat = 24;  // within "fmt "

uint16_t u16_at(const uint8_t* data) { return static_cast<uint16_t>(data[0] | data[1] << 8); }
uint32_t u32_at(const uint8_t* data) { return uint32_t{u16_at(data)} | uint32_t{u16_at(data + 2)} << 16; }

qc_status bad(qc_error* error, const char* what) {
  return fail(error, QC_ERROR_FORMAT, "%s; convert it to a WAV file of one channel", what);
}

qc_status read_format(const uint8_t* data, uint64_t bytes, qc_wav& wav, qc_error* error) {
  if (bytes < kFormatBytes)
    return bad(error, "has a format chunk that is too short, expected 16 bytes");
  uint16_t kind = u16_at(data);
  if (kind == kExtensible && bytes >= kExtensibleBytes)
    kind = u16_at(data + kSubformat);
  const uint32_t channels = u16_at(data + 2), bits = u16_at(data + 14);
  if (channels != 1)
    return fail(error, QC_ERROR_FORMAT, "has %u channels, expected 1; mix them to one", channels);
  if (!(kind == kPcm && bits == 16) && !(kind == kFloat && bits == 32))
    return fail(error, QC_ERROR_FORMAT, "has samples of format %u with %u bits, expected 16-bit PCM (1) or 32-bit float (3); convert it",
                kind, bits);
  wav.sample_rate = u32_at(data + 4);
  wav.is_float = kind == kFloat;
  return QC_OK;
}

}  // namespace
}  // namespace quantc::rt

using namespace quantc::rt;

qc_status qc_wav_open(const void* file, size_t bytes, qc_wav* out_wav, qc_error* error) {
  const uint8_t* data = static_cast<const uint8_t*>(file);
  if (!data || !out_wav)
    return fail(error, QC_ERROR_ARGUMENT, "file and out_wav must not be NULL; give both");
  *out_wav = {};
  if (bytes < 12 || memcmp(data, "RIFF", 4) != 0 || memcmp(data + 8, "WAVE", 4) != 0)
    return bad(error, "is not a RIFF WAVE file");
  bool has_format = false;
  for (uint64_t at = 12; bytes - at >= 8;) {
    const uint8_t* chunk = data + at;
    const uint64_t size = u32_at(chunk + 4), room = bytes - at - 8;
    if (size > room)
      return fail(error, QC_ERROR_FORMAT, "has a chunk of %llu bytes where %llu are left, expected it inside; copy the file again",
                  static_cast<unsigned long long>(size), static_cast<unsigned long long>(room));
    if (memcmp(chunk, "fmt ", 4) == 0) {
      if (const qc_status status = read_format(chunk + 8, size, *out_wav, error))
        return status;
      has_format = true;
    } else if (memcmp(chunk, "data", 4) == 0) {
      if (!has_format)
        return bad(error, "has samples before it says what they are");
      out_wav->data = chunk + 8;
      out_wav->samples = size / (out_wav->is_float ? 4 : 2);
      return QC_OK;
    }
    at += 8 + size + (size & 1 && size < room);
  }
  return bad(error, "has no samples");
}

void qc_wav_read(const qc_wav* wav, uint64_t first, uint64_t count, float* out_samples) {
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t at = first + i;
    float value = 0;
    if (at >= first && at < wav->samples && wav->is_float) {
      const uint32_t bits = u32_at(wav->data + 4 * at);
      memcpy(&value, &bits, sizeof value);
    } else if (at >= first && at < wav->samples) {
      value = static_cast<float>(static_cast<int16_t>(u16_at(wav->data + 2 * at))) / 32768.0f;
    }
    out_samples[i] = value;
  }
}
