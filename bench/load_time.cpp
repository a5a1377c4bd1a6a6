// How long it takes from the start of a process until an artifact's first kernel is called. The program runs itself as a child, which notes the time
// at each stage; its file is in the page cache, since the children before have read it.
// usage: load-time FILE.qc [ROUNDS] [THREADS]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "quantc/runtime.h"

namespace {

constexpr const char* kStages[] = {"main is reached", "the model is open", "the session is made", "the first kernel is called"};
constexpr int kStageCount = 4;

uint64_t now_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1000000000 + static_cast<uint64_t>(time.tv_nsec);
}

int fail(const char* path, const char* message) {
  fprintf(stderr, "error: %s: %s\n", path, message);
  return 1;
}

/// Prints nanoseconds since `begin` at each stage, and the page faults until the session was made.
int measure_once(const char* path, uint64_t begin, uint32_t threads) {
  uint64_t stages[kStageCount] = {now_ns()};
  qc_error error = {};
  qc_model* model = nullptr;
  qc_session* session = nullptr;
  if (qc_model_open(path, nullptr, &model, &error) != QC_OK)
    return fail(path, error.message);
  stages[1] = now_ns();
  qc_session_options options = {};
  options.threads = threads;
  if (qc_session_create(model, &options, &session, &error) != QC_OK)
    return fail(path, error.message);
  stages[2] = now_ns();
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  std::vector<qc_event> events(qc_session_events_per_step(session));
  qc_session_record(session, events.data());
  const int32_t token = 1;
  if (qc_session_step(session, &token, 1, QC_ROWS_LAST, nullptr, &error) != QC_OK)
    return fail(path, error.message);
  stages[3] = UINT64_MAX;
  for (size_t i = 0; i < qc_session_event_count(session); ++i)
    stages[3] = std::min(stages[3], events[i].begin_ns);
  for (const uint64_t stage : stages)
    printf("%llu ", static_cast<unsigned long long>(stage - begin));
  printf("%ld %ld\n", usage.ru_minflt, usage.ru_majflt);
  qc_session_destroy(session);
  qc_model_close(model);
  return 0;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

/// Numbers that a child printed; none where it failed.
std::vector<double> run_child(const char* self, const char* path, const char* threads) {
  int ends[2];
  if (pipe(ends) != 0)
    return {};
  const std::string begin = std::to_string(now_ns());
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    execl(self, self, "--child", path, begin.c_str(), threads, static_cast<char*>(nullptr));
    _exit(127);
  }
  close(ends[1]);
  FILE* stream = fdopen(ends[0], "r");
  std::vector<double> numbers;
  for (double number; fscanf(stream, "%lf", &number) == 1;)
    numbers.push_back(number);
  fclose(stream);
  int status = 0;
  waitpid(child, &status, 0);
  return status == 0 && numbers.size() == kStageCount + 2 ? numbers : std::vector<double>();
}

}  // namespace

int main(int count, char** words) {
  if (count == 5 && strcmp(words[1], "--child") == 0)
    return measure_once(words[2], strtoull(words[3], nullptr, 10), static_cast<uint32_t>(strtoul(words[4], nullptr, 10)));
  const int rounds = count > 2 ? atoi(words[2]) : 11;
  if (count < 2 || count > 4 || rounds < 1) {
    fputs("usage: load-time FILE.qc [ROUNDS] [THREADS]\n", stderr);
    return 2;
  }
  std::vector<std::vector<double>> seen(kStageCount + 2);
  for (int round = 0; round <= rounds; ++round) {
    const std::vector<double> numbers = run_child("/proc/self/exe", words[1], count > 3 ? words[3] : "0");
    if (numbers.empty())
      return 1;
    for (size_t i = 0; i < numbers.size() && round > 0; ++i)  // the first one brings the file into memory
      seen[i].push_back(numbers[i]);
  }
  for (int i = 0; i < kStageCount; ++i)
    printf("%8.3f ms  until %s (%.3f to %.3f)\n", median(seen[i]) * 1e-6, kStages[i],
           *std::min_element(seen[i].begin(), seen[i].end()) * 1e-6, *std::max_element(seen[i].begin(), seen[i].end()) * 1e-6);
  printf("%8.0f     page faults until then, %.0f of them from the disk\n", median(seen[kStageCount]), median(seen[kStageCount + 1]));
  return 0;
}
