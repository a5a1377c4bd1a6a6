// The bytes of an artifact around its FlatBuffer header: the compiler writes them, the runtime reads them.
//
//   ArtifactPrefix | FlatBuffer header | zeros | segment | zeros | segment ...
//
// All numbers are little-endian.
#pragma once

#include <stdint.h>

namespace quantc {

constexpr uint8_t kArtifactMagic[8] = {'Q', 'U', 'A', 'N', 'T', 'C', 0, 1};
constexpr uint32_t kArtifactVersion = 1;

/// Segments begin at multiples of this in the file: the largest page size of the boards that map them in place.
constexpr uint64_t kSegmentAlignment = 16384;
/// Buffers begin at multiples of this in the weights segment and in the arena: a cache line.
constexpr uint64_t kBufferAlignment = 64;

/// Limits that the runtime's fixed-size tables set and the loader enforces.
constexpr uint32_t kMaxArguments = 16;
constexpr uint32_t kMaxDimensions = 6;
constexpr uint32_t kMaxContext = 1u << 30;

struct ArtifactPrefix {
  uint8_t magic[8];           // kArtifactMagic
  uint32_t version;           // kArtifactVersion
  uint32_t reserved;          // zero
  uint64_t header_bytes;      // of the FlatBuffer, which follows at once
  uint64_t file_bytes;        // of the whole file
  uint8_t header_sha256[32];  // of the FlatBuffer
};
static_assert(sizeof(ArtifactPrefix) == 64, "the FlatBuffer behind the prefix is aligned to 64 bytes");

}  // namespace quantc
