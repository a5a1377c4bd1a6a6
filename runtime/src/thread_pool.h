// A fixed set of threads that run one function together and meet at barriers in it.
#pragma once

#include <pthread.h>
#include <stdint.h>

#include <atomic>

#include "array.h"
#include "error.h"

namespace quantc::rt {

constexpr uint32_t kMaxThreads = 256;

/// A contiguous part of the units of a call.
struct UnitRange {
  int64_t begin;
  int64_t end;
  bool empty() const { return begin >= end; }
};

/// The part that falls to `thread` of `threads`: parts are in order, cover all units once, and differ by at most one unit.
inline UnitRange unit_range(int64_t units, uint32_t thread, uint32_t threads) { return {units * thread / threads, units * (thread + 1) / threads}; }

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

class ThreadPool {
public:
  /// What the threads run: `thread` counts from 0, which is the caller of `run`.
  using Work = void (*)(void* context, uint32_t thread);

  ThreadPool() = default;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  /// Starts `threads - 1` threads. Called once; afterwards nothing is allocated.
  qc_status start(uint32_t threads, qc_error* error);
  uint32_t threads() const { return threads_; }

  /// Runs `work(context, thread)` on all threads; returns when all are done. One caller at a time.
  void run(Work work, void* context);
  /// Called in `work` by every thread equally often: returns when all have called. What they wrote before is then visible to all.
  void barrier();

private:
  struct Worker {
    ThreadPool* pool;
    uint32_t index;
    pthread_t thread;
  };
  static void* worker_main(void* worker);

  Array<Worker> workers_;
  uint32_t started_ = 0;  // of workers_
  uint32_t threads_ = 1;
  uint32_t spins_ = 0;
  Work work_ = nullptr;  // null tells the workers to end
  void* context_ = nullptr;
  alignas(64) Gate begin_;
  alignas(64) Gate met_;
  alignas(64) std::atomic<uint32_t> arrived_{0};
};

}  // namespace quantc::rt
