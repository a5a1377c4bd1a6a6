// What this machine can do at best, measured here and now: what profiles compare with.
#pragma once

#include <stdint.h>

namespace quantc::run {

struct MachineLimits {
  double bytes_per_second = 0;          // reading memory, far more than the caches hold; 0: could not be measured
  double multiply_adds_per_second = 0;  // of int8, in registers; 0: there is no measure for this processor
  const char* instruction = "";         // that the latter was measured with
};

/// Takes about a third of a second on `threads` threads.
MachineLimits measure_machine(uint32_t threads);

}  // namespace quantc::run
