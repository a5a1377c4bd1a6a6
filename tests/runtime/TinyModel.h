// A model small enough to follow by hand, whose kernels are functions of the test program: its code segment jumps to them.
//
//   x[t] = table[ids[t]]                                      [tokens, width]
//   cache[past + t] = x[t]                                    [context, width]
//   y[t] = sum of cache[0 .. past + t]                        [tokens, width]
//   logits[o] = head . y[tokens - outputs + o] + bias         [outputs, vocabulary]
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "tests/runtime/ArtifactSpec.h"

namespace quantc::test {

constexpr uint32_t kWidth = 8;
constexpr uint32_t kVocabulary = 11;
constexpr uint32_t kLogitsStride = 16;
constexpr uint32_t kContext = 16;
constexpr uint32_t kMaxSequence = 5;

/// Indices of the model's buffers, calls and kernels.
enum TinyBuffer : uint32_t { kTable, kHead, kIds, kBias, kX, kCache, kY, kLogits };
enum TinyCall : uint32_t { kEmbed, kAppend, kSum, kProject };
enum TinyKernel : uint32_t { kEmbedKernel, kAppendKernel, kSumKernel, kProjectKernel, kProjectOneKernel };
enum TinySegment : uint32_t { kWeightsSegment, kCodeSegment };

ArtifactSpec tiny_model();

/// The architecture that the tests run on, and another one.
schema::Architecture this_machine();
schema::Architecture another_machine();

/// What the model's kernels noted; reset by the tests.
struct KernelLog {
  std::atomic<int> project_calls{0};
  std::atomic<int> project_one_calls{0};
  std::atomic<int> result{0};  // what kProjectKernel returns
};
KernelLog& kernel_log();

/// The model's logits of all tokens, computed plainly: [tokens][kVocabulary].
std::vector<std::vector<float>> tiny_logits(const std::vector<int32_t>& ids,
                                            const std::vector<float>& bias = std::vector<float>(kVocabulary));

}  // namespace quantc::test
