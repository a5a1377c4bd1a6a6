// Where the time of steps goes: a table by kernel, and a trace of every piece for chrome://tracing or Perfetto.
#pragma once

#include <stdint.h>
#include <stdio.h>

#include <map>
#include <string>
#include <vector>

#include "quantc/runtime.h"

namespace quantc::run {

enum class Phase { encode, prefill, decode };
constexpr int kPhases = 3;

class Profile {
public:
  ~Profile();
  /// Makes room and opens the trace, whose path may be empty. Returns a sentence about what went wrong, or an empty string.
  std::string open(qc_session* session, const std::string& trace_path);

  /// qc_session_step and qc_session_encode, watched.
  qc_status step(Phase phase, const int32_t* tokens, uint32_t count, qc_rows rows, const float** out_logits, qc_error* error);
  qc_status encode(uint32_t count, qc_error* error);

  /// Measures the machine and prints what was seen. Returns a sentence about what went wrong with the trace, or an empty string.
  std::string finish(FILE* out);

private:
  /// Times are nanoseconds in which a call was being done by at least one thread.
  struct Figures {
    uint64_t calls = 0, ns = 0, bytes = 0, multiply_adds = 0;
    void add(const Figures& other);
  };
  struct PhaseFigures {
    uint64_t steps = 0, tokens = 0, wall_ns = 0;
    std::vector<uint64_t> busy_ns;                                  // per thread
    std::map<std::string, std::map<std::string, Figures>> kernels;  // by family, then by symbol
  };

  template <typename Run> qc_status watch(Phase phase, uint32_t count, const Run& run);
  void add_step(PhaseFigures& figures);
  void add_to_trace(const qc_event& event, const qc_call_info& call);
  static void print_phase(FILE* out, Phase phase, const PhaseFigures& figures, const struct MachineLimits& limits);

  qc_session* session_ = nullptr;
  std::vector<qc_event> events_;
  PhaseFigures phases_[kPhases];
  FILE* trace_ = nullptr;
  std::string trace_path_;
  bool trace_empty_ = true;
  uint64_t trace_begin_ns_ = 0;
};

}  // namespace quantc::run
