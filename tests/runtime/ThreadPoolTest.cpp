#include "runtime/src/thread_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cfenv>
#include <memory>
#include <vector>

namespace quantc::test {
namespace {

using rt::Job;
using rt::ThreadPool;
using rt::unit_range;
using rt::UnitRange;

std::unique_ptr<ThreadPool> start_pool(uint32_t threads) {
  auto pool = std::make_unique<ThreadPool>();
  qc_error error = {};
  EXPECT_EQ(pool->start(threads, rt::usable_cores(), 0, &error), QC_OK) << error.message;
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

TEST(ThreadPool, ThreadsRoundToNearestWhateverTheirMakerDoes) {
  ASSERT_EQ(fesetround(FE_DOWNWARD), 0);
  auto pool = start_pool(3);
  struct Modes {
    std::atomic<int> pieces{0}, others{0};
  } modes;
  Job job = {};
  job.context = &modes;
  job.stages = 1;
  job.pieces = [](void*, uint32_t) { return 64u; };
  job.run = [](void* context, uint32_t, uint32_t, uint32_t, uint32_t thread) {
    Modes& modes = *static_cast<Modes*>(context);
    ++modes.pieces;
    volatile float third = 1;
    third = third / 3;
    if (thread > 0 && third != 0x1.555556p-2f)  // 0x1.555554p-2 when rounded down
      ++modes.others;
    usleep(200);
  };
  pool->run(job);
  EXPECT_EQ(fegetround(), FE_DOWNWARD);
  fesetround(FE_TONEAREST);
  EXPECT_EQ(modes.pieces, 64);
  EXPECT_EQ(modes.others, 0);
}

/// Stages that note what ran: pieces of stage i are `i % 7`, so some have none and some only one.
struct Notes {
  static constexpr uint32_t kStages = 40;
  std::atomic<int> runs[kStages][7] = {};
  std::atomic<uint32_t> finished{0};  // pieces of all stages
  std::atomic<int> early{0};          // pieces that ran before all of the stages before them
  std::atomic<int> strangers{0};      // pieces whose thread has a number that is not its own
  int pause_us = 0;
  uint32_t threads = 1;
  pthread_t caller = pthread_self();

  static uint32_t pieces(void*, uint32_t stage) { return stage % 7; }
  static uint32_t pieces_before(uint32_t stage) { return stage == 0 ? 0 : pieces_before(stage - 1) + pieces(nullptr, stage - 1); }

  static void run(void* context, uint32_t stage, uint32_t piece, uint32_t pieces, uint32_t thread) {
    Notes& notes = *static_cast<Notes*>(context);
    notes.strangers += thread >= notes.threads || (thread == 0) != (pthread_self() == notes.caller);
    notes.early += notes.finished < pieces_before(stage) || pieces != stage % 7;
    ++notes.runs[stage][piece];
    if (notes.pause_us > 0 && piece == 0)
      usleep(static_cast<useconds_t>(notes.pause_us));  // the others run out of pieces and sleep
    ++notes.finished;
  }
};

class ThreadPoolTest : public testing::TestWithParam<uint32_t> {
protected:
  static void expect_all_once(ThreadPool& pool, int pause_us) {
    Notes notes;
    notes.pause_us = pause_us;
    notes.threads = pool.threads();
    pool.run({&notes, Notes::kStages, Notes::pieces, Notes::run});
    EXPECT_EQ(notes.finished, Notes::pieces_before(Notes::kStages));
    EXPECT_EQ(notes.early, 0);
    EXPECT_EQ(notes.strangers, 0);
    for (uint32_t stage = 0; stage < Notes::kStages; ++stage)
      for (uint32_t piece = 0; piece < 7; ++piece)
        EXPECT_EQ(notes.runs[stage][piece], piece < stage % 7 ? 1 : 0) << "stage " << stage << " piece " << piece;
  }
};

TEST_P(ThreadPoolTest, RunsEveryPieceOnceAndStagesInOrder) {
  const auto pool = start_pool(GetParam());
  for (int i = 0; i < 500; ++i)
    expect_all_once(*pool, 0);
}

TEST_P(ThreadPoolTest, WakesAfterSleep) {
  const auto pool = start_pool(GetParam());
  for (int i = 0; i < 3; ++i) {
    usleep(20000);  // far longer than threads spin
    expect_all_once(*pool, 1000);
  }
}

// Plain memory that stages hand to each other: the thread sanitizer watches this one.
TEST_P(ThreadPoolTest, StagesSeeWhatThoseBeforeWrote) {
  constexpr uint32_t kPieces = 5, kStages = 300;
  static int values[kStages + 1][kPieces];
  for (int& value : values[0])
    value = 1;
  const auto pool = start_pool(GetParam());
  Job job = {nullptr, kStages, [](void*, uint32_t) { return kPieces; },
             [](void*, uint32_t stage, uint32_t piece, uint32_t, uint32_t) {
               values[stage + 1][piece] = (values[stage][piece] + values[stage][(piece + 1) % kPieces]) % 1000;
             }};
  pool->run(job);
  int expected = 1;
  for (uint32_t stage = 0; stage < kStages; ++stage)
    expected = 2 * expected % 1000;
  for (const int value : values[kStages])
    EXPECT_EQ(value, expected);
}

TEST_P(ThreadPoolTest, TakesAJobWithoutStages) {
  const auto pool = start_pool(GetParam());
  pool->run({nullptr, 0, Notes::pieces, Notes::run});
}

TEST_P(ThreadPoolTest, EndsWithoutARun) { start_pool(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, testing::Values(1, 2, 3, 8));

}  // namespace
}  // namespace quantc::test
