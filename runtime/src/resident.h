// What a process that runs an artifact keeps resident at most: the compiler writes it into the header, the runtime adds what threads need.
#pragma once

#include <stdint.h>

#include "format.h"

namespace quantc {

struct ResidentParts {
  uint64_t weights, code, header, arena;  // bytes
  uint64_t calls, views;                  // of the program, with its encoder's
  uint64_t context, vocabulary;           // the longer of the context and an encoder's
};

/// The runtime's tables per call and per view (plan.h).
constexpr uint64_t kPlannedCallBytes = 128;
constexpr uint64_t kPlannedViewBytes = 64;
/// What the sampler needs per token of the vocabulary.
constexpr uint64_t kSamplerBytes = 16;
/// The program itself: quantc-run and the C and C++ libraries, as far as they are touched, and its small buffers.
constexpr uint64_t kProgramBytes = uint64_t{4} << 20;
/// The system maps some pages around those of the file that are touched, at both ends of the header, the weights and the code.
constexpr uint64_t kEdgeBytes = uint64_t{512} << 10;

/// What a thread keeps on its stack. Kernels may hold 64 bytes per position of the context there (rows of scores), and little else.
constexpr uint64_t stack_bound(uint64_t context) { return (uint64_t{64} << 10) + 64 * context; }

/// With one thread; each further one adds stack_bound.
constexpr uint64_t resident_bound(const ResidentParts& parts) {
  return sizeof(ArtifactPrefix) + parts.header + parts.weights + parts.code + parts.arena + parts.calls * kPlannedCallBytes +
         parts.views * kPlannedViewBytes + parts.vocabulary * kSamplerBytes + stack_bound(parts.context) + kProgramBytes + kEdgeBytes;
}

}  // namespace quantc
