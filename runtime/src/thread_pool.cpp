#include "thread_pool.h"

#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cpu_features.h"

namespace quantc::rt {
namespace {

constexpr uint32_t kSpins = 2000;                   // some ten microseconds: longer than most calls of a step differ among threads
constexpr size_t kStackBytes = size_t{8} << 20;     // kernels keep rows of scores on the stack
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

qc_status ThreadPool::start(uint32_t threads, qc_error* error) {
  threads_ = threads;
  spins_ = threads <= usable_cores() ? kSpins : 0;
  if (!workers_.allocate(threads - 1))
    return fail(error, QC_ERROR_MEMORY, "%u threads could not be held in memory; ask for fewer", threads);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  int failure = 0;
  for (; started_ < threads - 1; ++started_) {
    Worker& worker = workers_[started_];
    worker.pool = this;
    worker.index = started_ + 1;
    failure = pthread_create(&worker.thread, &attributes, worker_main, &worker);
    if (failure != 0)
      break;
  }
  pthread_attr_destroy(&attributes);
  if (failure != 0)
    return fail(error, QC_ERROR_THREAD, "thread %u of %u could not be started: %s; ask for fewer threads", started_ + 2, threads, strerror(failure));
  return QC_OK;
}

ThreadPool::~ThreadPool() {
  work_ = nullptr;
  begin_.open();
  for (uint32_t i = 0; i < started_; ++i)
    pthread_join(workers_[i].thread, nullptr);
}

void* ThreadPool::worker_main(void* argument) {
  const Worker& worker = *static_cast<Worker*>(argument);
  ThreadPool& pool = *worker.pool;
  for (uint32_t seen = 0;; ++seen) {
    pool.begin_.wait(seen, pool.spins_);
    if (!pool.work_)
      return nullptr;
    pool.work_(pool.context_, worker.index);
    pool.barrier();
  }
}

void ThreadPool::run(Work work, void* context) {
  work_ = work;
  context_ = context;
  if (threads_ > 1)
    begin_.open();
  work(context, 0);
  barrier();
}

void ThreadPool::barrier() {
  if (threads_ == 1)
    return;
  const uint32_t seen = met_.opened();
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
    arrived_.store(0, std::memory_order_relaxed);
    met_.open();
  } else {
    met_.wait(seen, spins_);
  }
}

}  // namespace quantc::rt
