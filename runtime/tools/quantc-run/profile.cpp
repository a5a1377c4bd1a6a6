#include "profile.h"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <utility>

#include "engine.h"
#include "machine.h"

namespace quantc::run {
namespace {

constexpr const char *kPhaseNames[kPhases] = {"encode", "prefill", "decode"}, *kCounted[kPhases] = {"positions", "tokens", "tokens"};

/// The text between quotes of JSON.
std::string escaped(const char* text) {
  std::string result;
  for (; *text; ++text) {
    const unsigned char c = static_cast<unsigned char>(*text);
    char code[8] = {*text, 0};
    if (c == '"' || c == '\\' || c < 0x20)
      snprintf(code, sizeof code, "\\u%04x", c);
    result += code;
  }
  return result;
}

std::string percent(double part, double whole) {
  char text[24] = "-";
  if (whole > 0)
    snprintf(text, sizeof text, "%.1f%%", 100 * part / whole);
  return text;
}

}  // namespace

void Profile::Figures::add(const Figures& other) {
  calls += other.calls, ns += other.ns, bytes += other.bytes, multiply_adds += other.multiply_adds;
}

Profile::~Profile() {
  if (trace_)
    fclose(trace_);
}

std::string Profile::open(qc_session* session, const std::string& trace_path) {
  session_ = session;
  events_.resize(qc_session_events_per_step(session));
  for (PhaseFigures& phase : phases_)
    phase.busy_ns.resize(qc_session_threads(session));
  trace_path_ = trace_path;
  if (trace_path.empty())
    return "";
  trace_ = fopen(trace_path.c_str(), "we");
  if (!trace_)
    return trace_path + ": cannot be written: " + strerror(errno) + "; give another --profile=FILE";
  fputs("{\"traceEvents\":[\n", trace_);
  return "";
}

template <typename Run> qc_status Profile::watch(Phase phase, uint32_t count, const Run& run) {
  qc_session_record(session_, events_.data());
  const double begin = now();
  const qc_status status = run();
  const double end = now();
  if (status == QC_OK) {
    PhaseFigures& figures = phases_[static_cast<int>(phase)];
    ++figures.steps;
    figures.tokens += count;
    figures.wall_ns += static_cast<uint64_t>((end - begin) * 1e9);
    add_step(figures);
  }
  qc_session_record(session_, nullptr);
  return status;
}

qc_status Profile::step(Phase phase, const int32_t* tokens, uint32_t count, qc_rows rows, const float** out_logits, qc_error* error) {
  return watch(phase, count, [&] { return qc_session_step(session_, tokens, count, rows, out_logits, error); });
}

qc_status Profile::encode(uint32_t count, qc_error* error) {
  return watch(Phase::encode, count, [&] { return qc_session_encode(session_, count, error); });
}

void Profile::add_step(PhaseFigures& figures) {
  const auto end = events_.begin() + static_cast<ptrdiff_t>(qc_session_event_count(session_));
  std::sort(events_.begin(), end,
            [](const qc_event& a, const qc_event& b) { return std::pair(a.call, a.begin_ns) < std::pair(b.call, b.begin_ns); });
  for (auto event = events_.begin(); event != end;) {
    // The calls of a stage run at the same time: each gets the part of the stage's time that it had of the threads'.
    qc_call_info call = {};
    qc_session_get_call(session_, event->call, &call);
    const uint32_t stage = call.stage;
    uint64_t stage_begin = event->begin_ns, stage_end = 0, stage_busy = 0;
    std::vector<std::pair<qc_call_info, uint64_t>> calls;  // and how long threads were busy with it
    for (uint32_t last = UINT32_MAX; event != end; ++event) {
      if (event->call != last) {
        qc_session_get_call(session_, event->call, &call);
        if (call.stage != stage)
          break;
        calls.emplace_back(call, 0);
        last = event->call;
      }
      const uint64_t busy = event->end_ns - event->begin_ns;
      stage_begin = std::min(stage_begin, event->begin_ns);
      stage_end = std::max(stage_end, event->end_ns);
      stage_busy += busy;
      calls.back().second += busy;
      figures.busy_ns[event->thread] += busy;
      if (trace_)
        add_to_trace(*event, call);
    }
    for (const auto& [info, busy] : calls) {
      const double share = static_cast<double>(busy) / static_cast<double>(std::max<uint64_t>(stage_busy, 1));
      const auto ns = static_cast<uint64_t>(share * static_cast<double>(stage_end - stage_begin));
      figures.kernels[info.family][info.kernel].add({1, ns, info.bytes, info.multiply_adds});
    }
  }
}

void Profile::add_to_trace(const qc_event& event, const qc_call_info& call) {
  if (trace_empty_)
    trace_begin_ns_ = event.begin_ns;
  fprintf(trace_,
          "%s{\"name\":\"%s\",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":%u,\"ts\":%.3f,\"dur\":%.3f,"
          "\"args\":{\"kernel\":\"%s\",\"call\":%u,\"first_unit\":%u,\"units\":%u}}",
          trace_empty_ ? "" : ",\n", escaped(call.name).c_str(), escaped(call.family).c_str(), event.thread,
          static_cast<double>(static_cast<int64_t>(event.begin_ns - trace_begin_ns_)) * 1e-3,
          static_cast<double>(event.end_ns - event.begin_ns) * 1e-3, escaped(call.kernel).c_str(), event.call, event.first_unit,
          event.units);
  trace_empty_ = false;
}

std::string Profile::finish(FILE* out) {
  const MachineLimits limits = measure_machine(qc_session_threads(session_));
  fprintf(out, "\nthis machine with %u threads: reads memory at %.1f GB/s", qc_session_threads(session_), limits.bytes_per_second * 1e-9);
  if (limits.multiply_adds_per_second > 0)
    fprintf(out, ", does %.0f G int8 multiply-adds/s in registers with %s", limits.multiply_adds_per_second * 1e-9, limits.instruction);
  fputs("\n", out);
  for (int i = 0; i < kPhases; ++i) {
    if (phases_[i].steps > 0)
      print_phase(out, static_cast<Phase>(i), phases_[i], limits);
  }
  if (!trace_)
    return "";
  fputs("\n]}\n", trace_);
  const bool written = !ferror(trace_);
  const bool closed = fclose(std::exchange(trace_, nullptr)) == 0;
  return written && closed ? "" : trace_path_ + ": could not be written to its end: " + strerror(errno) + "; free some space";
}

void Profile::print_phase(FILE* out, Phase phase, const PhaseFigures& figures, const MachineLimits& limits) {
  const char *name = kPhaseNames[static_cast<int>(phase)], *counted = kCounted[static_cast<int>(phase)];
  fprintf(out, "\n%s: %llu steps, %llu %s, %.3f ms\n", name, static_cast<unsigned long long>(figures.steps),
          static_cast<unsigned long long>(figures.tokens), counted, static_cast<double>(figures.wall_ns) * 1e-6);
  fprintf(out, "%8s %10s %7s %8s %9s %8s %7s  %s\n", "calls", "ms", "share", "GB/s", "of memory", "Gmadd/s", "of int8", "kernel");
  const auto row = [&](const std::string& label, const Figures& kernel) {
    const double seconds = static_cast<double>(kernel.ns) * 1e-9;
    const double bytes = static_cast<double>(kernel.bytes) / seconds, multiply_adds = static_cast<double>(kernel.multiply_adds) / seconds;
    fprintf(out, "%8llu %10.3f %7s %8.2f %9s %8.2f %7s  %s\n", static_cast<unsigned long long>(kernel.calls), seconds * 1e3,
            percent(static_cast<double>(kernel.ns), static_cast<double>(figures.wall_ns)).c_str(), bytes * 1e-9,
            percent(bytes, limits.bytes_per_second).c_str(), multiply_adds * 1e-9,
            percent(multiply_adds, limits.multiply_adds_per_second).c_str(), label.c_str());
  };
  std::vector<std::pair<std::string, Figures>> families;
  uint64_t in_calls = 0;
  for (const auto& [family, kernels] : figures.kernels) {
    Figures sum;
    for (const auto& [symbol, kernel] : kernels)
      sum.add(kernel);
    in_calls += sum.ns;
    families.emplace_back(family, sum);
  }
  const auto slower = [](const auto& a, const auto& b) { return a.second.ns > b.second.ns; };
  std::stable_sort(families.begin(), families.end(), slower);
  for (const auto& [family, sum] : families) {
    row(family, sum);
    const auto& of_family = figures.kernels.at(family);
    std::vector<std::pair<std::string, Figures>> kernels(of_family.begin(), of_family.end());
    std::stable_sort(kernels.begin(), kernels.end(), slower);
    for (const auto& [symbol, kernel] : kernels)
      row("  " + symbol, kernel);
  }
  const uint64_t between = figures.wall_ns - std::min(figures.wall_ns, in_calls);
  fprintf(out, "%8s %10.3f %7s  between calls\n", "", static_cast<double>(between) * 1e-6,
          percent(static_cast<double>(between), static_cast<double>(figures.wall_ns)).c_str());
  for (size_t i = 0; i < figures.busy_ns.size(); ++i) {
    const double idle = static_cast<double>(figures.wall_ns) - static_cast<double>(figures.busy_ns[i]);
    fprintf(out, "%8s %10.3f %7s  idle in thread %zu\n", "", idle * 1e-6, percent(idle, static_cast<double>(figures.wall_ns)).c_str(), i);
  }
}

}  // namespace quantc::run
