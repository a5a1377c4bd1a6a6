// What the command is doing, on standard error: one line that changes on a terminal, plain lines elsewhere.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace quantc {

/// Thread-safe.
class Progress {
public:
  /// `quiet` prints nothing; times are kept all the same.
  explicit Progress(bool quiet);
  ~Progress();

  /// Ends the phase before and begins this one.
  void begin(const std::string& phase);
  /// `share` of the present phase is done, 0 to 1.
  void update(const std::string& what, double share);
  void finish();
  /// Prints a warning, also where it is quiet.
  void warn(const std::string& text);

  /// Seconds of every finished phase, in order.
  const std::vector<std::pair<std::string, double>>& seconds() const { return seconds_; }

private:
  using Clock = std::chrono::steady_clock;

  void endPhase();
  void clearLine();

  const bool quiet_, terminal_;
  std::mutex mutex_;
  std::string phase_;
  Clock::time_point phaseBegin_, lastLine_;
  std::vector<std::pair<std::string, double>> seconds_;
};

}  // namespace quantc
