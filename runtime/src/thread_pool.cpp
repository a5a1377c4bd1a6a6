#include "thread_pool.h"

#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "float_mode.h"

namespace quantc::rt {
namespace {

constexpr uint32_t kSpins = 2000;  // some ten microseconds: longer than a thread mostly waits within a step
constexpr uint64_t kLeastStack = uint64_t{8} << 20;
constexpr uint64_t kStackUnit = 65536;  // a multiple of every page size
static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t), "a futex is a plain word");

void futex(std::atomic<uint32_t>* word, int operation, uint32_t value) { syscall(SYS_futex, word, operation, value, nullptr, nullptr, 0); }

inline void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#else
  asm volatile(".word 0x0100000f");  // pause (Zihintpause), a no-op elsewhere
#endif
}

}  // namespace

void Gate::open() {
  count_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0)
    futex(&count_, FUTEX_WAKE_PRIVATE, INT_MAX);
}

void Gate::wait(uint32_t seen, uint32_t spins) {
  for (uint32_t i = 0; i < spins; ++i) {
    if (opened() != seen)
      return;
    pause_briefly();
  }
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  while (count_.load(std::memory_order_seq_cst) == seen)
    futex(&count_, FUTEX_WAIT_PRIVATE, seen);
  sleepers_.fetch_sub(1, std::memory_order_seq_cst);
}

qc_status ThreadPool::start(uint32_t threads, const Cores& cores, uint64_t stack_bytes, qc_error* error) {
  threads_ = threads;
  spins_ = threads <= cores.count ? kSpins : 0;
  if (!workers_.allocate(threads - 1))
    return fail(error, QC_ERROR_MEMORY, "%u threads could not be held in memory; ask for fewer", threads);
  const uint64_t stack = (std::max(stack_bytes, kLeastStack) + kStackUnit - 1) / kStackUnit * kStackUnit;
  if (const qc_status status = threads > 1 ? stacks_.map_stacks(threads - 1, stack, kStackUnit, error) : QC_OK)
    return status;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  int failure = 0;
  for (; started_ < threads - 1; ++started_) {
    Worker& worker = workers_[started_];
    worker.pool = this;
    worker.index = started_ + 1;
    pthread_attr_setstack(&attributes, stacks_.data() + started_ * (stack + kStackUnit) + kStackUnit, stack);
    failure = pthread_create(&worker.thread, &attributes, worker_main, &worker);
    if (failure != 0)
      break;
    // All of them to all of the fast cores: a thread need not stay on one that others use. A refusal only costs time.
    if (cores.some_slow && threads <= cores.count)
      pthread_setaffinity_np(worker.thread, sizeof cores.fast, &cores.fast);
  }
  pthread_attr_destroy(&attributes);
  if (failure != 0)
    return fail(error, QC_ERROR_THREAD, "thread %u of %u could not be started: %s; ask for fewer threads", started_ + 2, threads,
                strerror(failure));
  return QC_OK;
}

ThreadPool::~ThreadPool() {
  closed_.store(true, std::memory_order_release);
  announced_.open();
  for (uint32_t i = 0; i < started_; ++i)
    pthread_join(workers_[i].thread, nullptr);
}

void* ThreadPool::worker_main(void* argument) {
  const Worker& worker = *static_cast<Worker*>(argument);
  const FloatMode mode;  // a thread begins with the mode of the one that made it
  worker.pool->take_part(worker.pool->closed_, worker.index);
  return nullptr;
}

void ThreadPool::run(const Job& job) {
  job_ = &job;
  done_.store(false, std::memory_order_relaxed);
  begin_stage(0, 0);
  take_part(done_, 0);
}

void ThreadPool::take_part(const std::atomic<bool>& end, uint32_t thread) {
  for (;;) {
    const uint32_t seen = announced_.opened();
    if (end.load(std::memory_order_acquire))
      return;
    if (!take_piece(thread))
      announced_.wait(seen, spins_);
  }
}

bool ThreadPool::take_piece(uint32_t thread) {
  uint64_t untaken = untaken_.load(std::memory_order_acquire);
  do {
    if (static_cast<uint32_t>(untaken) == 0)
      return false;
  } while (!untaken_.compare_exchange_weak(untaken, untaken - 1, std::memory_order_acq_rel));

  const uint32_t stage = stage_;
  job_->run(job_->context, stage, pieces_ - static_cast<uint32_t>(untaken), pieces_, thread);
  if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    begin_stage(stage + 1, thread);
  return true;
}

/// Called by one thread while no piece is left: does what is not worth sharing, and announces the next stage that is.
void ThreadPool::begin_stage(uint32_t stage, uint32_t thread) {
  for (; stage < job_->stages; ++stage) {
    const uint32_t pieces = job_->pieces(job_->context, stage);
    if (pieces > 1 && threads_ > 1) {
      stage_ = stage;
      announce(pieces);
      return;
    }
    for (uint32_t piece = 0; piece < pieces; ++piece)
      job_->run(job_->context, stage, piece, pieces, thread);
  }
  done_.store(true, std::memory_order_release);
  announced_.open();
}

void ThreadPool::announce(uint32_t pieces) {
  pieces_ = pieces;
  unfinished_.store(pieces, std::memory_order_relaxed);
  const uint64_t number = (untaken_.load(std::memory_order_relaxed) >> 32) + 1;
  untaken_.store(number << 32 | pieces, std::memory_order_release);
  announced_.open();
}

}  // namespace quantc::rt
