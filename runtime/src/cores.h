// Which cores are worth computing on.
#pragma once

#include <sched.h>
#include <stdint.h>

namespace quantc::rt {

struct Cores {
  cpu_set_t fast;  // those to compute on
  uint32_t count;  // how many threads are worth having on them: as many as they are, fewer where a control group has less time; at least 1
  bool some_slow;  // this process may run on slower ones too, and the system would put threads there
};

/// Of the cores in `allowed`, those that are about as fast as the fastest: of at least half its capacity (cpu_capacity), or of at least four
/// fifths of its highest frequency where the system tells no capacities (cpufreq/cpuinfo_max_freq). All where it tells neither. `root` stands
/// before every path, for tests.
Cores fast_cores(const cpu_set_t& allowed, const char* root = "");

/// Those of this process.
Cores usable_cores();

}  // namespace quantc::rt
