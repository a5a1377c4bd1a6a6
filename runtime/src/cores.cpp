#include "cores.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>

namespace quantc::rt {
namespace {

constexpr size_t kPathBytes = 512;

/// What systems tell of a core's speed, the most telling first, and the percentage of the fastest that counts as fast. Little cores have a third
/// of the capacity of big ones, but hardly less than three quarters of their frequency.
struct SpeedFile {
  const char* name;
  uint64_t percent;
};
constexpr SpeedFile kSpeedFiles[] = {{"cpu_capacity", 50}, {"cpufreq/cpuinfo_max_freq", 80}};

/// Two numbers at the beginning of a file; returns how many there are.
int read_numbers(const char* path, uint64_t& first, uint64_t& second) {
  FILE* file = fopen(path, "re");
  if (!file)
    return 0;
  unsigned long long a = 0, b = 0;
  const int count = fscanf(file, "%llu %llu", &a, &b);
  fclose(file);
  first = a, second = b;
  return count;
}

/// 0 where the file tells nothing.
uint64_t speed_of(const char* root, int core, const char* name) {
  char path[kPathBytes];
  snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu%d/%s", root, core, name);
  uint64_t speed = 0, rest = 0;
  return read_numbers(path, speed, rest) > 0 ? speed : 0;
}

/// Takes the slow cores out of `cores.fast`.
void keep_fast(Cores& cores, const char* root) {
  for (const SpeedFile& file : kSpeedFiles) {
    uint64_t fastest = 0, slowest = UINT64_MAX;
    for (int i = 0; i < CPU_SETSIZE; ++i) {
      if (!CPU_ISSET(i, &cores.fast))
        continue;
      const uint64_t speed = speed_of(root, i, file.name);
      fastest = std::max(fastest, speed), slowest = std::min(slowest, speed);
    }
    if (fastest == 0)
      continue;
    if (slowest > 0 && slowest * 100 >= fastest * file.percent)
      return;
    for (int i = 0; i < CPU_SETSIZE; ++i) {
      if (CPU_ISSET(i, &cores.fast) && speed_of(root, i, file.name) * 100 < fastest * file.percent) {
        CPU_CLR(i, &cores.fast);
        cores.some_slow = true;
      }
    }
    return;
  }
}

uint32_t whole_cores(uint64_t quota, uint64_t period) {
  return period > 0 && quota / period < UINT32_MAX ? static_cast<uint32_t>((quota + period - 1) / period) : UINT32_MAX;
}

/// The processors' time that the control group in `folder` may use, in whole processors; UINT32_MAX where there is no limit.
uint32_t quota_in(const char* folder) {
  char path[kPathBytes + 32];
  uint64_t quota = 0, period = 0, rest = 0;
  snprintf(path, sizeof path, "%s/cpu.max", folder);
  if (read_numbers(path, quota, period) == 2)  // it holds "max" where there is no limit
    return whole_cores(quota, period);
  snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
  if (read_numbers(path, quota, rest) < 1 || quota > INT64_MAX)  // -1 is none
    return UINT32_MAX;
  snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
  return read_numbers(path, period, rest) < 1 ? UINT32_MAX : whole_cores(quota, period);
}

/// The least of the limits of the process's groups and of those around them.
uint32_t quota_of_groups(const char* root) {
  char path[kPathBytes];
  snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
  uint32_t least = UINT32_MAX;
  FILE* file = fopen(path, "re");
  char line[kPathBytes];
  // "0::/path" of version 2, "4:cpu,cpuacct:/path" of version 1
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    char* controllers = strchr(line, ':');
    char* group = controllers ? strchr(controllers + 1, ':') : nullptr;
    if (!group)
      continue;
    *group++ = 0;
    const bool unified = controllers[1] == 0;
    if (!unified && strncmp(controllers + 1, "cpu,", 4) != 0 && strcmp(controllers + 1, "cpu") != 0)
      continue;
    for (;;) {
      snprintf(path, sizeof path, "%s/sys/fs/cgroup%s%s", root, unified ? "" : "/cpu", group);
      least = std::min(least, quota_in(path));
      char* last = strrchr(group, '/');
      if (!last)
        break;
      *last = 0;
    }
  }
  if (file)
    fclose(file);
  return least;
}

}  // namespace

Cores fast_cores(const cpu_set_t& allowed, const char* root) {
  Cores cores = {allowed, 1, false};
  keep_fast(cores, root);
  const int count = CPU_COUNT(&cores.fast);
  cores.count = std::clamp(static_cast<uint32_t>(count), 1u, std::max(1u, quota_of_groups(root)));
  return cores;
}

Cores usable_cores() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    CPU_ZERO(&allowed);
    return {allowed, 1, false};
  }
  return fast_cores(allowed);
}

}  // namespace quantc::rt
