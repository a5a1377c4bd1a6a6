#include "compiler/driver/Progress.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace quantc {
namespace {

constexpr auto kTerminalInterval = std::chrono::milliseconds(100);
constexpr auto kLineInterval = std::chrono::seconds(10);

/// Whether the terminal can clear a line.
bool knowsEscapes() {
  const char* terminal = std::getenv("TERM");
  return terminal && *terminal && std::strcmp(terminal, "dumb") != 0;
}

double secondsBetween(std::chrono::steady_clock::time_point begin, std::chrono::steady_clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

}  // namespace

Progress::Progress(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1 && knowsEscapes()) {}

Progress::~Progress() { finish(); }

void Progress::begin(const std::string& phase) {
  std::lock_guard<std::mutex> lock(mutex_);
  endPhase();
  phase_ = phase;
  phaseBegin_ = lastLine_ = Clock::now();
  if (terminal_ && !quiet_)
    std::fprintf(stderr, "\r\x1b[K%s", phase.c_str());
}

void Progress::update(const std::string& what, double share) {
  std::lock_guard<std::mutex> lock(mutex_);
  const Clock::time_point now = Clock::now();
  const bool due = now - lastLine_ >= (terminal_ ? Clock::duration(kTerminalInterval) : Clock::duration(kLineInterval));
  if (quiet_ || !due)
    return;
  lastLine_ = now;
  const int percent = static_cast<int>(100 * std::clamp(share, 0.0, 1.0));
  std::fprintf(stderr, terminal_ ? "\r\x1b[K%s: %.60s %3d %%" : "%s: %.60s %3d %%\n", phase_.c_str(), what.c_str(), percent);
}

void Progress::warn(const std::string& text) {
  std::lock_guard<std::mutex> lock(mutex_);
  clearLine();
  std::fprintf(stderr, "warning: %s\n", text.c_str());
}

void Progress::finish() {
  std::lock_guard<std::mutex> lock(mutex_);
  endPhase();
}

void Progress::endPhase() {
  if (phase_.empty())
    return;
  const double seconds = secondsBetween(phaseBegin_, Clock::now());
  seconds_.emplace_back(phase_, seconds);
  clearLine();
  if (!quiet_ && !terminal_)
    std::fprintf(stderr, "%-9s %7.2f s\n", phase_.c_str(), seconds);
  phase_.clear();
}

void Progress::clearLine() {
  if (terminal_ && !quiet_)
    std::fprintf(stderr, "\r\x1b[K");
}

}  // namespace quantc
