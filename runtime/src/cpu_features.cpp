#include "cpu_features.h"

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#elif defined(__riscv) && __riscv_xlen == 64
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#error "the runtime knows x86_64, arm64 and riscv64"
#endif

namespace quantc::rt {
namespace {

#if defined(__x86_64__)

constexpr uint64_t kAvxState = 0x6;      // XCR0: SSE and AVX registers
constexpr uint64_t kAvx512State = 0xe6;  // and mask and upper registers

/// The register states that the operating system saves; 0 where it does not say.
uint64_t saved_states() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned kOsXsave = 1u << 27;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & kOsXsave))
    return 0;
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

struct CpuidRegisters {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

CpuidRegisters cpuid(unsigned leaf, unsigned subleaf) {
  CpuidRegisters r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

#elif defined(__riscv)

/// The vector extension in its ratified form, 1.0.
bool has_vector() {
  struct {
    int64_t key;
    uint64_t value;
  } probe = {4 /* RISCV_HWPROBE_KEY_IMA_EXT_0 */, 0};
  constexpr long kHwprobeCall = 258;
  constexpr uint64_t kHwprobeVector = 1u << 2;
  if (syscall(kHwprobeCall, &probe, 1, 0, nullptr, 0) == 0)
    return probe.value & kHwprobeVector;

  // Kernels before 6.4 have no hwprobe, and some of them report the draft 0.7 as V too. There, asking for version 1.0's tail-agnostic setting
  // marks the vector type as illegal.
  if (!(getauxval(AT_HWCAP) & (1ul << ('V' - 'A'))))
    return false;
  uint64_t vector_type;
  asm volatile(".word 0x0c0072d7\n\t"  // vsetvli t0, zero, e8, m1, ta, ma
               "csrr %0, 0xc21"        // vtype
               : "=r"(vector_type)
               :
               : "t0");
  constexpr uint64_t kIllegal = uint64_t{1} << 63;
  return !(vector_type & kIllegal);
}

#endif

}  // namespace

schema::Architecture this_architecture() {
#if defined(__x86_64__)
  return schema::Architecture_x86_64;
#elif defined(__aarch64__)
  return schema::Architecture_arm64;
#else
  return schema::Architecture_riscv64;
#endif
}

const char* architecture_name(schema::Architecture architecture) { return schema::EnumNameArchitecture(architecture); }

bool cpu_has(const char* feature) {
#if defined(__x86_64__)
#define X86_FEATURE(name, leaf, subleaf, register, bit, state) \
  if (strcmp(feature, #name) == 0)                             \
    return (cpuid(leaf, subleaf).register >> (bit) & 1) && (saved_states() & (state)) == (state);
#elif defined(__aarch64__)
#define ARM_FEATURE(name, vector, bit) \
  if (strcmp(feature, #name) == 0)     \
    return getauxval(vector) >> (bit) & 1;
#else
#define RISCV_FEATURE(name, probe) \
  if (strcmp(feature, #name) == 0) \
    return probe();
#endif
#include "cpu_features.inc"
  return false;
}

}  // namespace quantc::rt
