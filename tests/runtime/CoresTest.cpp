// Which cores are chosen, on systems made of files.
#include "runtime/src/cores.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <filesystem>
#include <fstream>

#include "runtime/src/thread_pool.h"

namespace quantc::test {
namespace {

using rt::Cores;
using rt::fast_cores;

/// A folder that stands for the root of a system.
class CoresTest : public testing::Test {
protected:
  void SetUp() override {
    root = testing::TempDir() + "quantc-cores-XXXXXX";
    ASSERT_NE(mkdtemp(root.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(root); }

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root + path).parent_path());
    std::ofstream(root + path) << text;
  }
  void speeds(const char* name, const std::vector<int>& values) {
    for (size_t i = 0; i < values.size(); ++i)
      write("/sys/devices/system/cpu/cpu" + std::to_string(i) + "/" + name, std::to_string(values[i]) + "\n");
  }
  static cpu_set_t set_of(const std::vector<int>& cores) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int core : cores)
      CPU_SET(core, &set);
    return set;
  }
  void expect(const std::vector<int>& allowed, const std::vector<int>& fast, uint32_t count, bool some_slow) {
    const Cores cores = fast_cores(set_of(allowed), root.c_str());
    const cpu_set_t expected = set_of(fast);
    for (int i = 0; i < 16; ++i)
      EXPECT_EQ(CPU_ISSET(i, &cores.fast), CPU_ISSET(i, &expected)) << "core " << i;
    EXPECT_EQ(cores.count, count);
    EXPECT_EQ(cores.some_slow, some_slow);
  }

  std::string root;
};

TEST_F(CoresTest, AreAllWhereTheSystemTellsNothing) { expect({0, 1, 2}, {0, 1, 2}, 3, false); }

TEST_F(CoresTest, AreAllOfOneKind) {
  speeds("cpu_capacity", {1024, 1024, 1024, 1024});
  expect({0, 1, 2, 3}, {0, 1, 2, 3}, 4, false);
}

TEST_F(CoresTest, AreThoseOfAtLeastHalfTheCapacity) {
  speeds("cpu_capacity", {250, 250, 250, 250, 800, 800, 800, 1024});
  speeds("cpufreq/cpuinfo_max_freq", {1800, 1800, 1800, 1800, 1800, 1800, 1800, 1800});
  expect({0, 1, 2, 3, 4, 5, 6, 7}, {4, 5, 6, 7}, 4, true);
}

TEST_F(CoresTest, AreThoseOfHighFrequencyWhereNoCapacityIsKnown) {
  speeds("cpufreq/cpuinfo_max_freq", {1800000, 1800000, 2400000, 2200000});
  expect({0, 1, 2, 3}, {2, 3}, 2, true);
}

TEST_F(CoresTest, AreComparedAmongThoseAllowed) {
  speeds("cpu_capacity", {250, 250, 1024, 1024});
  expect({0, 1}, {0, 1}, 2, false);
  expect({1, 3}, {3}, 1, true);
}

TEST_F(CoresTest, AreNoMoreThanTheGroupHasTimeFor) {
  write("/proc/self/cgroup", "0::/system/app\n");
  write("/sys/fs/cgroup/system/app/cpu.max", "max 100000\n");
  expect({0, 1, 2, 3}, {0, 1, 2, 3}, 4, false);
  write("/sys/fs/cgroup/system/cpu.max", "250000 100000\n");
  expect({0, 1, 2, 3}, {0, 1, 2, 3}, 3, false);
  write("/sys/fs/cgroup/system/app/cpu.max", "50000 100000\n");
  expect({0, 1, 2, 3}, {0, 1, 2, 3}, 1, false);
}

TEST_F(CoresTest, AreNoMoreThanAGroupOfVersionOneHasTimeFor) {
  write("/proc/self/cgroup", "5:memory:/\n4:cpu,cpuacct:/box\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  expect({0, 1, 2}, {0, 1, 2}, 3, false);
  write("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "200000\n");
  write("/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  expect({0, 1, 2}, {0, 1, 2}, 2, false);
}

TEST_F(CoresTest, AreOneAtLeast) {
  write("/proc/self/cgroup", "0::/\n");
  write("/sys/fs/cgroup/cpu.max", "1 100000\n");
  expect({0, 1}, {0, 1}, 1, false);
}

/// The cores that the pool's second thread may use.
cpu_set_t set_of_worker(const Cores& cores, uint32_t threads) {
  rt::ThreadPool pool;
  EXPECT_EQ(pool.start(threads, cores, 0, nullptr), QC_OK);
  struct Seen {
    std::atomic<bool> known{false};
    cpu_set_t set;
  } seen;
  // The calling thread does its piece only when the other one has told its cores.
  const auto run = [](void* context, uint32_t, uint32_t, uint32_t, uint32_t thread) {
    Seen& seen = *static_cast<Seen*>(context);
    if (thread == 1 && !seen.known) {
      pthread_getaffinity_np(pthread_self(), sizeof seen.set, &seen.set);
      seen.known = true;
    }
    while (!seen.known)
      sched_yield();
  };
  pool.run({&seen, 1, [](void*, uint32_t) { return 2u; }, run});
  return seen.set;
}

TEST(Placement, KeepsThreadsToFastCoresWhereThereAreOthers) {
  cpu_set_t all;
  ASSERT_EQ(sched_getaffinity(0, sizeof all, &all), 0);
  if (CPU_COUNT(&all) < 2)
    GTEST_SKIP() << "needs two cores";
  Cores cores = {all, 2, true};
  for (int i = 0; CPU_COUNT(&cores.fast) == CPU_COUNT(&all); ++i)
    CPU_CLR(i, &cores.fast);
  cpu_set_t seen = set_of_worker(cores, 2);
  EXPECT_TRUE(CPU_EQUAL(&seen, &cores.fast));
  cores.count = 1;
  seen = set_of_worker(cores, 2);
  EXPECT_TRUE(CPU_EQUAL(&seen, &all)) << "more threads than fast cores";
  cores.count = 2;
  cores.some_slow = false;
  seen = set_of_worker(cores, 2);
  EXPECT_TRUE(CPU_EQUAL(&seen, &all)) << "cores of one kind";
}

TEST(Placement, ThereIsACore) { EXPECT_GE(rt::usable_cores().count, 1u); }

}  // namespace
}  // namespace quantc::test
