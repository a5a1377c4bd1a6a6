// A fixed set of threads that do a sequence of stages together.
//
// A stage is cut into pieces, and a thread that is free takes the next one: so nobody ever waits for a thread that the system is not running at
// the moment, only for pieces that were begun, and sharing the cores with other programs costs no more than their share.
#pragma once

#include <pthread.h>
#include <stdint.h>

#include <atomic>

#include "array.h"
#include "cores.h"
#include "error.h"
#include "mapping.h"

namespace quantc::rt {

constexpr uint32_t kMaxThreads = 256;

/// A contiguous part of the units of a call.
struct UnitRange {
  int64_t begin;
  int64_t end;
};

/// Part `piece` of `pieces`: parts are in order, cover all units once, and differ by at most one unit.
inline UnitRange unit_range(int64_t units, uint32_t piece, uint32_t pieces) {
  return {units * piece / pieces, units * (piece + 1) / pieces};
}

/// A counter that threads wait on: they spin for a moment, since most waits within a step are short, and then sleep, so that cores which others
/// need are given up.
class Gate {
public:
  uint32_t opened() const { return count_.load(std::memory_order_acquire); }
  /// Adds one and wakes all who wait.
  void open();
  /// Returns when `opened()` is no longer `seen`, after at most `spins` looks without sleep.
  void wait(uint32_t seen, uint32_t spins);

private:
  std::atomic<uint32_t> count_{0};
  std::atomic<uint32_t> sleepers_{0};
};

/// What a pool does: `stages` one after another, all pieces of one before any of the next. What a piece wrote is visible to the stages behind.
struct Job {
  void* context;
  uint32_t stages;
  /// Into how many pieces the stage is cut; 0: there is nothing to do in it.
  uint32_t (*pieces)(void* context, uint32_t stage);
  /// `thread` is 0 for the thread that called ThreadPool::run, 1 and up for the others.
  void (*run)(void* context, uint32_t stage, uint32_t piece, uint32_t pieces, uint32_t thread);
};

class ThreadPool {
public:
  ThreadPool() = default;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  /// Starts `threads - 1` threads with room for `stack_bytes` at least on their stacks, kept to the fast ones of `cores` where there are enough of
  /// those and others too. Called once; afterwards nothing is allocated.
  qc_status start(uint32_t threads, const Cores& cores, uint64_t stack_bytes, qc_error* error);
  uint32_t threads() const { return threads_; }

  /// Does the job; the calling thread takes part. One caller at a time.
  void run(const Job& job);

private:
  struct Worker {
    ThreadPool* pool;
    uint32_t index;
    pthread_t thread;
  };
  static void* worker_main(void* worker);

  /// Takes pieces until `end` is set.
  void take_part(const std::atomic<bool>& end, uint32_t thread);
  bool take_piece(uint32_t thread);
  void begin_stage(uint32_t stage, uint32_t thread);
  void announce(uint32_t pieces);

  Mapping stacks_;
  Array<Worker> workers_;
  uint32_t started_ = 0;  // of workers_
  uint32_t threads_ = 1;
  uint32_t spins_ = 0;

  // The stage that is being done. Only who took a piece of it, or begins it, may look at these.
  const Job* job_ = nullptr;
  uint32_t stage_ = 0;
  uint32_t pieces_ = 0;
  std::atomic<bool> done_{false};
  std::atomic<bool> closed_{false};

  alignas(64) Gate announced_;
  alignas(64) std::atomic<uint64_t> untaken_{0};  // pieces that nobody took yet; above bit 32 a number that differs for every stage
  alignas(64) std::atomic<uint32_t> unfinished_{0};
};

}  // namespace quantc::rt
