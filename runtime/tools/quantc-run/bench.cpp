// How fast the model reads a prompt and generates.
#include <stdio.h>

#include <algorithm>
#include <vector>

#include "engine.h"

namespace quantc::run {
namespace {

class Bench {
public:
  explicit Bench(Engine& engine) : engine_(engine), sizes_(*engine.options.bench) {}

  int run() {
    const uint64_t wanted = uint64_t{sizes_.prompt} + sizes_.generated;
    if (wanted > engine_.info.context)
      return report(engine_.options, "measuring takes " + std::to_string(wanted) + " positions, expected at most the context's " +
                                         std::to_string(engine_.info.context) + "; give a smaller --bench=P,N");
    qc_error error = {};
    double prefill_seconds = 0, decode_seconds = 0;
    // The first round brings weights and code into memory.
    for (int round = 0; round < 2; ++round) {
      last_round_ = round == 1;
      qc_session_truncate(engine_.session.get(), 0);
      if (!prefill(prefill_seconds, error) || !decode(decode_seconds, error))
        return report(engine_.options, error.message);
    }
    print_rate("prefill", sizes_.prompt, prefill_seconds);
    print_rate("decode", sizes_.generated, decode_seconds);
    print_memory(stdout, engine_);
    return kSuccess;
  }

private:
  int32_t token_at(uint32_t position) const { return static_cast<int32_t>(uint64_t{position} * 7919 % engine_.info.vocabulary); }

  bool prefill(double& seconds, qc_error& error) {
    const uint32_t limit = engine_.info.max_sequence;
    const uint32_t chunk = engine_.options.chunk ? std::min(engine_.options.chunk, limit) : limit;
    std::vector<int32_t> tokens(sizes_.prompt);
    for (uint32_t i = 0; i < sizes_.prompt; ++i)
      tokens[i] = token_at(i);
    const double start = now();
    for (uint32_t done = 0; done < sizes_.prompt; done += chunk) {
      const uint32_t count = std::min(chunk, sizes_.prompt - done);
      const qc_rows rows = done + count == sizes_.prompt ? QC_ROWS_LAST : QC_ROWS_NONE;
      if (engine_.step(Phase::prefill, last_round_, tokens.data() + done, count, rows, nullptr, &error) != QC_OK)
        return false;
    }
    seconds = now() - start;
    return true;
  }

  bool decode(double& seconds, qc_error& error) {
    const double start = now();
    for (uint32_t i = 0; i < sizes_.generated; ++i) {
      const int32_t token = token_at(sizes_.prompt + i);
      if (engine_.step(Phase::decode, last_round_, &token, 1, QC_ROWS_LAST, nullptr, &error) != QC_OK)
        return false;
    }
    seconds = now() - start;
    return true;
  }

  static void print_rate(const char* what, uint32_t tokens, double seconds) {
    printf("%-7s %5u tokens  %9.1f ms  %9.1f tokens/s\n", what, tokens, seconds * 1e3, tokens / seconds);
  }

  Engine& engine_;
  const BenchSizes sizes_;
  bool last_round_ = false;
};

}  // namespace

int bench(Engine& engine) { return Bench(engine).run(); }

}  // namespace quantc::run
