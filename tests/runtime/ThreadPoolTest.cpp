#include "runtime/src/thread_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <vector>

namespace quantc::test {
namespace {

using rt::ThreadPool;
using rt::unit_range;
using rt::UnitRange;

std::unique_ptr<ThreadPool> start_pool(uint32_t threads) {
  auto pool = std::make_unique<ThreadPool>();
  qc_error error = {};
  EXPECT_EQ(pool->start(threads, &error), QC_OK) << error.message;
  return pool;
}

TEST(UnitRange, CoversAllUnitsOnceInOrder) {
  for (const int64_t units : {0, 1, 2, 3, 7, 64, 1000}) {
    for (uint32_t threads = 1; threads <= 9; ++threads) {
      int64_t next = 0;
      for (uint32_t thread = 0; thread < threads; ++thread) {
        const UnitRange range = unit_range(units, thread, threads);
        EXPECT_EQ(range.begin, next);
        EXPECT_GE(range.end - range.begin, units / threads);
        EXPECT_LE(range.end - range.begin, units / threads + 1);
        next = range.end;
      }
      EXPECT_EQ(next, units);
    }
  }
}

class ThreadPoolTest : public testing::TestWithParam<uint32_t> {};

TEST_P(ThreadPoolTest, EveryThreadRunsOnceInEveryRun) {
  const auto pool = start_pool(GetParam());
  std::vector<int> runs(GetParam());
  for (int i = 1; i <= 2000; ++i) {
    pool->run([](void* context, uint32_t thread) { ++(*static_cast<std::vector<int>*>(context))[thread]; }, &runs);
    for (const int count : runs)
      ASSERT_EQ(count, i);
  }
}

struct Relay {
  ThreadPool& pool;
  std::vector<int> values;
  std::atomic<int> mismatches{0};
};

// Every thread writes its number of the round and, behind the barrier, must see those of all others.
TEST_P(ThreadPoolTest, BarrierPublishesWhatWasWritten) {
  const auto pool = start_pool(GetParam());
  Relay relay{*pool, std::vector<int>(GetParam())};
  pool->run(
      [](void* context, uint32_t thread) {
        Relay& r = *static_cast<Relay*>(context);
        for (int round = 1; round <= 1000; ++round) {
          r.values[thread] = round;
          r.pool.barrier();
          for (const int value : r.values)
            r.mismatches += value != round;
          r.pool.barrier();
        }
      },
      &relay);
  EXPECT_EQ(relay.mismatches, 0);
}

TEST_P(ThreadPoolTest, WakesAfterSleep) {
  const auto pool = start_pool(GetParam());
  std::atomic<uint32_t> runs{0};
  for (uint32_t i = 1; i <= 3; ++i) {
    usleep(20000);  // far longer than threads spin
    pool->run(
        [](void* context, uint32_t thread) {
          if (thread == 0)
            usleep(5000);  // the others sleep in the barrier
          ++*static_cast<std::atomic<uint32_t>*>(context);
        },
        &runs);
    EXPECT_EQ(runs, i * GetParam());
  }
}

TEST_P(ThreadPoolTest, EndsWithoutARun) { start_pool(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, testing::Values(1, 2, 3, 8));

}  // namespace
}  // namespace quantc::test
