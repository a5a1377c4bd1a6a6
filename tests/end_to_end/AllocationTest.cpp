// A program of its own, since it takes the place of malloc: from the end of qc_session_create on, nothing is allocated, by no thread, and the system
// is not asked for memory.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <atomic>

#include "quantc/runtime.h"
#include "tests/end_to_end/Programs.h"

using namespace quantc::test;

namespace {
std::atomic<bool> watching{false};
std::atomic<int> allocations{0};
void note() { allocations += watching; }
}  // namespace

// All of the family, for this program and its libraries, on top of what glibc calls the same.
#if !defined(__SANITIZE_ADDRESS__)
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* memory, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void* memory);
void* malloc(size_t bytes) { return note(), __libc_malloc(bytes); }
void* calloc(size_t count, size_t bytes) { return note(), __libc_calloc(count, bytes); }
void* realloc(void* memory, size_t bytes) { return note(), __libc_realloc(memory, bytes); }
void* memalign(size_t alignment, size_t bytes) { return note(), __libc_memalign(alignment, bytes); }
void* aligned_alloc(size_t alignment, size_t bytes) { return note(), __libc_memalign(alignment, bytes); }
int posix_memalign(void** memory, size_t alignment, size_t bytes) {
  note();
  *memory = __libc_memalign(alignment, bytes);
  return *memory ? 0 : ENOMEM;
}
void free(void* memory) { note(), __libc_free(memory); }
}
#endif

namespace {

enum Outcome { kClean = 0, kAllocates = 10, kAsksTheSystem = 11, kNoFilter = 12, kFails = 13 };

/// From now on the calls that get memory from the system, or give it back, end the process, in all of its threads.
bool forbidMemoryCalls() {
  struct sigaction action = {};
  action.sa_handler = [](int) { _exit(kAsksTheSystem); };
  sigaction(SIGSYS, &action, nullptr);
  const unsigned calls[] = {SYS_mmap, SYS_munmap, SYS_mremap, SYS_brk, SYS_madvise};
  std::vector<sock_filter> filter = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const unsigned call : calls) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
  }
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

bool runSteps(qc_session* session, qc_event* events) {
  int32_t prompt[70];
  for (int i = 0; i < 70; ++i)
    prompt[i] = (i * 37 + 11) % 500;
  for (int round = 0; round < 3; ++round) {
    qc_session_record(session, round == 2 ? events : nullptr);
    const float* logits = nullptr;
    for (int at = 0; at < 70; at += 35)
      if (qc_session_step(session, prompt + at, 35, round == 1 ? QC_ROWS_ALL : QC_ROWS_NONE, nullptr, nullptr) != QC_OK)
        return false;
    for (int i = 0; i < 20; ++i) {
      if (qc_session_step(session, prompt + i, 1, QC_ROWS_LAST, &logits, nullptr) != QC_OK)
        return false;
      if (i == 10)
        usleep(20000);  // threads go to sleep and are woken
    }
    const void* data = nullptr;
    size_t bytes = 0;
    qc_session_get_output(session, "logits", &data, &bytes, nullptr);
    qc_session_set_input(session, "input_ids", prompt, 4, nullptr);
    qc_session_truncate(session, 0);
  }
  return true;
}

/// What happens in a process of its own between qc_session_create and the end of several steps. `offence` is done there too.
int outcomeOf(const std::string& artifact, uint32_t threads, void (*offence)()) {
  const pid_t child = fork();
  if (child == 0) {
    qc_model* model = nullptr;
    qc_session* session = nullptr;
    const qc_session_options options = {threads, 0};
    if (qc_model_open(artifact.c_str(), nullptr, &model, nullptr) != QC_OK ||
        qc_session_create(model, &options, &session, nullptr) != QC_OK)
      _exit(kFails);
    std::vector<qc_event> events(qc_session_events_per_step(session));
    if (!forbidMemoryCalls())
      _exit(kNoFilter);
    watching = true;
    const bool ran = runSteps(session, events.data());
    offence();
    watching = false;
    _exit(!ran ? kFails : allocations ? kAllocates : kClean);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class Allocation : public testing::Test {
protected:
  static void SetUpTestSuite() {
    folder = new TemporaryFolder;
    compile(talelm(), "int4", "host", folder->path() / "model.qc");
  }
  static void TearDownTestSuite() { delete folder; }
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__)
    GTEST_SKIP() << "sanitizers allocate for themselves";
#endif
    if (outcomeOf(artifact(), 1, [] {}) == kNoFilter)
      GTEST_SKIP() << "the system lets no process filter its own calls (seccomp)";
  }
  static std::string artifact() { return (folder->path() / "model.qc").string(); }
  static inline TemporaryFolder* folder = nullptr;
};

TEST_F(Allocation, NoneAfterTheSessionIsMade) {
  for (const uint32_t threads : {1, 2, 3, 6})
    EXPECT_EQ(outcomeOf(artifact(), threads, [] {}), kClean) << threads << " threads";
}

TEST_F(Allocation, WouldBeSeen) {
  EXPECT_EQ(outcomeOf(artifact(), 2, [] { free(malloc(100)); }), kAllocates);
  EXPECT_EQ(outcomeOf(artifact(), 2, [] { delete new std::string(100, 'x'); }), kAllocates);
  EXPECT_EQ(outcomeOf(artifact(), 2, [] { mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }), kAsksTheSystem);
}

}  // namespace
