// The floating-point mode that kernels compute in.
#pragma once

#include <stdint.h>

namespace quantc::rt {

/// While it lives, its thread rounds to nearest even, keeps subnormal numbers and traps nothing; then it has the mode and flags from before. Results would
/// differ from machine to machine with whatever mode a caller has set.
class FloatMode {
public:
  FloatMode() : before_(read()) { write(kDefault); }
  ~FloatMode() { write(before_); }
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;

private:
#if defined(__x86_64__)
  using Register = uint32_t;  // MXCSR
  static constexpr Register kDefault = 0x1f80;
  static Register read() { return __builtin_ia32_stmxcsr(); }
  static void write(Register value) { __builtin_ia32_ldmxcsr(value); }
#elif defined(__aarch64__)
  using Register = uint64_t;  // FPCR
  static constexpr Register kDefault = 0;
  static Register read() {
    Register value;
    asm volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void write(Register value) { asm volatile("msr fpcr, %0" : : "r"(value) : "memory"); }
#else
  using Register = uint64_t;  // fcsr
  static constexpr Register kDefault = 0;
  static Register read() {
    Register value;
    asm volatile("frcsr %0" : "=r"(value));
    return value;
  }
  static void write(Register value) { asm volatile("fscsr %0" : : "r"(value) : "memory"); }
#endif

  Register before_;
};

}  // namespace quantc::rt
