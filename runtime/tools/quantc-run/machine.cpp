#include "machine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "engine.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#include <sys/auxv.h>
#endif

namespace quantc::run {
namespace {

constexpr int kRounds = 4;  // the best counts
constexpr size_t kLeastBuffer = size_t{64} << 20;
constexpr uint64_t kDots = uint64_t{1} << 24;  // rows of six instructions per round: some ten milliseconds

/// Does `part(thread)` on all threads at once, several rounds. Returns the seconds of the best one, 0 where threads could not be had.
template <typename Part> double time_on_threads(uint32_t threads, Part part) {
  struct Shared {
    Part& part;
    pthread_barrier_t barrier;
    double start = 0, best = 0;
  } shared{part, {}};
  struct Member {
    Shared* shared;
    uint32_t index;
    pthread_t thread;
  };
  pthread_barrier_init(&shared.barrier, nullptr, threads);
  const auto work = [](void* argument) -> void* {
    const Member& member = *static_cast<Member*>(argument);
    Shared& shared = *member.shared;
    for (int round = 0; round < kRounds; ++round) {
      if (pthread_barrier_wait(&shared.barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
        shared.start = now();
      pthread_barrier_wait(&shared.barrier);
      shared.part(member.index);
      if (pthread_barrier_wait(&shared.barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
        const double seconds = now() - shared.start;
        shared.best = shared.best == 0 ? seconds : std::min(shared.best, seconds);
      }
    }
    return nullptr;
  };
  std::vector<Member> members(threads);
  for (uint32_t i = 0; i < threads; ++i) {
    members[i] = {&shared, i, {}};
    // The session had as many threads a moment ago. Those that wait for one that cannot start would wait for ever.
    if (i > 0 && pthread_create(&members[i].thread, nullptr, work, &members[i]) != 0) {
      fputs("error: a thread for measuring the machine could not be started; profile with fewer --threads\n", stderr);
      exit(kBadInput);
    }
  }
  work(&members[0]);
  for (uint32_t i = 1; i < threads; ++i)
    pthread_join(members[i].thread, nullptr);
  pthread_barrier_destroy(&shared.barrier);
  return shared.best;
}

/// Bytes of the largest cache that the system tells of, 0 where it tells none.
size_t largest_cache() {
  size_t largest = 0;
  for (int index = 0; index < 8; ++index) {
    char path[80];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", index);
    FILE* file = fopen(path, "re");
    unsigned long kilobytes = 0;
    if (file && fscanf(file, "%luK", &kilobytes) == 1)
      largest = std::max<size_t>(largest, kilobytes << 10);
    if (file)
      fclose(file);
  }
  return largest;
}

using Words = uint64_t __attribute__((vector_size(16)));

double measure_reading(uint32_t threads) {
  const size_t part_words = std::max(kLeastBuffer, 4 * largest_cache()) / threads / sizeof(Words);
  Words* buffer = static_cast<Words*>(aligned_alloc(64, part_words * threads * sizeof(Words)));
  if (!buffer)
    return 0;
  memset(static_cast<void*>(buffer), 1, part_words * threads * sizeof(Words));  // pages that nobody wrote would all be one page of zeros
  const double seconds = time_on_threads(threads, [&](uint32_t thread) {
    const Words* words = buffer + thread * part_words;
    Words sum0 = {}, sum1 = {}, sum2 = {}, sum3 = {};
    for (size_t i = 0; i + 4 <= part_words; i += 4)
      sum0 ^= words[i], sum1 ^= words[i + 1], sum2 ^= words[i + 2], sum3 ^= words[i + 3];
    const Words sum = sum0 ^ sum1 ^ sum2 ^ sum3;
    asm volatile("" ::"r"(sum[0] ^ sum[1]));
  });
  free(buffer);
  return static_cast<double>(part_words * threads * sizeof(Words)) / seconds;
}

// One row: six independent dot products of registers, as the kernels' inner loops have them, written out so that they stay in registers. The
// compiler cannot see through `a`.
#define SIX_TIMES(statement) statement(0) statement(1) statement(2) statement(3) statement(4) statement(5)

struct DotMeasure {
  const char* instruction;
  uint32_t multiply_adds;  // per row
  void (*row)(uint64_t rows);
};

#if defined(__x86_64__)

__attribute__((target("avx2"))) void dot_avx2(uint64_t rows) {
  __m256i a = _mm256_set1_epi8(3), wide = _mm256_setzero_si256(), b[6], sums[6];
#define FILL(i) b[i] = _mm256_set1_epi8(2 * i - 5), sums[i] = wide;
#define DOT(i) sums[i] = _mm256_add_epi16(sums[i], _mm256_maddubs_epi16(a, b[i]));
#define ADD(i) wide = _mm256_add_epi32(wide, sums[i]);
  SIX_TIMES(FILL)
  for (uint64_t done = 0; done < rows; ++done) {
    asm volatile("" : "+x"(a));
    SIX_TIMES(DOT)
  }
  SIX_TIMES(ADD)
#undef FILL
#undef DOT
#undef ADD
  asm volatile("" ::"x"(wide));
}

__attribute__((target("ssse3"))) void dot_ssse3(uint64_t rows) {
  __m128i a = _mm_set1_epi8(3), wide = _mm_setzero_si128(), b[6], sums[6];
#define FILL(i) b[i] = _mm_set1_epi8(2 * i - 5), sums[i] = wide;
#define DOT(i) sums[i] = _mm_add_epi16(sums[i], _mm_maddubs_epi16(a, b[i]));
#define ADD(i) wide = _mm_add_epi32(wide, sums[i]);
  SIX_TIMES(FILL)
  for (uint64_t done = 0; done < rows; ++done) {
    asm volatile("" : "+x"(a));
    SIX_TIMES(DOT)
  }
  SIX_TIMES(ADD)
#undef FILL
#undef DOT
#undef ADD
  asm volatile("" ::"x"(wide));
}

DotMeasure dot_measure() {
  if (__builtin_cpu_supports("avx2"))
    return {"vpmaddubsw (AVX2)", 6 * 32, dot_avx2};
  if (__builtin_cpu_supports("ssse3"))
    return {"pmaddubsw (SSSE3)", 6 * 16, dot_ssse3};
  return {"", 0, nullptr};
}

#elif defined(__aarch64__)

__attribute__((target("arch=armv8.2-a+dotprod"))) void dot_sdot(uint64_t rows) {
  int8x16_t a = vdupq_n_s8(3), b[6];
  int32x4_t sums[6], all = vdupq_n_s32(0);
#define FILL(i) b[i] = vdupq_n_s8(2 * i - 5), sums[i] = all;
#define DOT(i) sums[i] = vdotq_s32(sums[i], a, b[i]);
#define ADD(i) all = vaddq_s32(all, sums[i]);
  SIX_TIMES(FILL)
  for (uint64_t done = 0; done < rows; ++done) {
    asm volatile("" : "+w"(a));
    SIX_TIMES(DOT)
  }
  SIX_TIMES(ADD)
#undef FILL
#undef DOT
#undef ADD
  asm volatile("" ::"w"(all));
}

void dot_smull(uint64_t rows) {
  int8x8_t a = vdup_n_s8(3), b[6];
  int32x4_t sums[6], all = vdupq_n_s32(0);
#define FILL(i) b[i] = vdup_n_s8(2 * i - 5), sums[i] = all;
#define DOT(i) sums[i] = vpadalq_s16(sums[i], vmull_s8(a, b[i]));
#define ADD(i) all = vaddq_s32(all, sums[i]);
  SIX_TIMES(FILL)
  for (uint64_t done = 0; done < rows; ++done) {
    asm volatile("" : "+w"(a));
    SIX_TIMES(DOT)
  }
  SIX_TIMES(ADD)
#undef FILL
#undef DOT
#undef ADD
  asm volatile("" ::"w"(all));
}

DotMeasure dot_measure() {
  constexpr unsigned long kDotProduct = 1ul << 20;  // HWCAP_ASIMDDP
  if (getauxval(AT_HWCAP) & kDotProduct)
    return {"sdot", 6 * 16, dot_sdot};
  return {"smull, sadalp", 6 * 8, dot_smull};
}

#else

DotMeasure dot_measure() { return {"", 0, nullptr}; }

#endif

}  // namespace

MachineLimits measure_machine(uint32_t threads) {
  MachineLimits limits;
  limits.bytes_per_second = measure_reading(threads);
  const DotMeasure dot = dot_measure();
  if (dot.row) {
    const double seconds = time_on_threads(threads, [&](uint32_t) { dot.row(kDots); });
    limits.multiply_adds_per_second = static_cast<double>(kDots) * dot.multiply_adds * threads / seconds;
    limits.instruction = dot.instruction;
  }
  return limits;
}

}  // namespace quantc::run
