// From a prompt to text, ids or a hash of all logits.
#include <stdio.h>

#include <algorithm>

#include "chooser.h"
#include "engine.h"
#include "text.h"

namespace quantc::run {
namespace {

/// One SHA-256 over rows of logits.
class LogitsHash {
public:
  LogitsHash() { qc_sha256_begin(&hash_); }
  void add(const float* row, uint32_t vocabulary) { qc_sha256_add(&hash_, row, vocabulary * sizeof *row); }
  std::string digits() {
    uint8_t digest[32];
    qc_sha256_end(&hash_, digest);
    std::string digits;
    for (const uint8_t byte : digest) {
      digits += "0123456789abcdef"[byte >> 4];
      digits += "0123456789abcdef"[byte & 15];
    }
    return digits;
  }

private:
  qc_sha256 hash_;
};

class Generator {
public:
  explicit Generator(Engine& engine) : engine_(engine), options_(engine.options), chooser_(engine) {}

  int run() {
    qc_error error = {};
    has_text_ = text_.open(engine_.model.get(), error);
    if (!has_text_ && (options_.prompt || prints_text()))
      return report(options_, std::string(error.message) + (options_.ids ? "; or use --print-ids" : "; or give --ids"));
    std::vector<int32_t> prompt = options_.ids ? *options_.ids : options_.prompt ? text_.encode(*options_.prompt) : std::vector<int32_t>();
    const double begin = now();
    if (engine_.info.max_source != 0 || !options_.audio.empty()) {
      // What was given is for the encoder; the decoder begins anew, with tokens of its own of which it may choose some.
      const std::string wrong = options_.audio.empty() ? encode_tokens(engine_, prompt) : encode_audio(engine_);
      if (!wrong.empty())
        return report(options_, wrong);
      prompt = start_tokens(engine_);
      fprintf(stderr, "%-9s %24.1f ms\n", "encoded", (now() - begin) * 1e3);
    }
    if (prompt.empty())
      return report(options_, "the prompt has no tokens, expected at least one; give some text");
    if (prompt.size() > engine_.info.context)
      return report(options_, "the prompt has " + std::to_string(prompt.size()) + " tokens, expected at most the context's " +
                                  std::to_string(engine_.info.context) + "; shorten it or compile with a larger --context");

    const double start = now();
    if (!begin_with(prompt, error))
      return report(options_, error.message);
    const double prefilled = now();
    if (!decode(error))
      return report(options_, error.message);
    const double decoded = now();

    print_results();
    print_rate("prompt", prompt.size(), prefilled - start);
    print_rate("generated", generated_.size(), decoded - prefilled);
    print_memory(stderr, engine_);
    if (not_finite_from_)
      return report(options_, "its logits are infinite or not a number from position " + std::to_string(not_finite_from_ - 1) +
                                  " on at the latest, expected finite ones; compare with --quant=f32, and check the model's weights");
    return kSuccess;
  }

private:
  bool prints_text() const { return !options_.print_ids && !options_.logits_hash; }

  bool step(Phase phase, const int32_t* tokens, uint32_t count, qc_rows rows, qc_error& error) {
    const float* logits = nullptr;
    if (engine_.step(phase, true, tokens, count, rows, &logits, &error) != QC_OK)
      return false;
    if (!not_finite_from_ && !qc_session_is_finite(engine_.session.get()))
      not_finite_from_ = qc_session_position(engine_.session.get());
    const uint32_t row_count = rows == QC_ROWS_NONE ? 0 : rows == QC_ROWS_LAST ? 1 : count;
    for (uint32_t i = 0; i < row_count && options_.logits_hash; ++i)
      hash_.add(logits + size_t{i} * engine_.info.logits_stride, engine_.info.vocabulary);
    if (row_count > 0)
      last_row_ = logits + size_t{row_count - 1} * engine_.info.logits_stride;
    return true;
  }

  /// The prompt, in which every -1 becomes the likeliest token behind those before it.
  bool begin_with(std::vector<int32_t>& prompt, qc_error& error) {
    for (size_t begin = 0; begin < prompt.size();) {
      const auto open = std::find(prompt.begin() + static_cast<ptrdiff_t>(begin), prompt.end(), -1);
      const std::vector<int32_t> known(prompt.begin() + static_cast<ptrdiff_t>(begin), open);
      if (!prefill(known, error))
        return false;
      begin += known.size();
      if (open != prompt.end())
        *open = static_cast<int32_t>(std::max_element(last_row_, last_row_ + engine_.info.vocabulary) - last_row_);
    }
    return true;
  }

  bool prefill(const std::vector<int32_t>& prompt, qc_error& error) {
    uint32_t chunk = options_.chunk ? std::min(options_.chunk, engine_.info.max_sequence) : engine_.info.max_sequence;
    if (options_.logits_hash)
      chunk = std::min(chunk, engine_.info.max_outputs);
    for (size_t done = 0; done < prompt.size(); done += chunk) {
      const uint32_t count = static_cast<uint32_t>(std::min<size_t>(chunk, prompt.size() - done));
      const bool last = done + count == prompt.size();
      if (!step(Phase::prefill, prompt.data() + done, count,
                options_.logits_hash ? QC_ROWS_ALL
                : last               ? QC_ROWS_LAST
                                     : QC_ROWS_NONE,
                error))
        return false;
    }
    if (prints_text() && engine_.info.max_source == 0) {
      for (const int32_t id : prompt)
        text_.decode(id);
    }
    return true;
  }

  bool decode(qc_error& error) {
    while (generated_.size() < options_.max_tokens) {
      const int32_t id = chooser_.next(last_row_, generated_.empty());
      generated_.push_back(id);
      if (prints_text())
        print(text_.decode(id));
      const bool ended = has_text_ && text_.is_end(id);
      if (ended || generated_.size() == options_.max_tokens || qc_session_position(engine_.session.get()) == engine_.info.context)
        break;
      if (!step(Phase::decode, &id, 1, QC_ROWS_LAST, error))
        return false;
    }
    return true;
  }

  void print_results() {
    if (prints_text())
      print(text_.decode_rest() + "\n");
    if (options_.print_ids) {
      std::string line;
      for (const int32_t id : generated_)
        line += (line.empty() ? "" : ",") + std::to_string(id);
      print(line + "\n");
    }
    if (options_.logits_hash)
      print(hash_.digits() + "\n");
  }

  static void print(const std::string& text) {
    fwrite(text.data(), 1, text.size(), stdout);
    fflush(stdout);
  }

  static void print_rate(const char* what, size_t tokens, double seconds) {
    fprintf(stderr, "%-9s %5zu tokens  %9.1f ms  %9.1f tokens/s\n", what, tokens, seconds * 1e3,
            seconds > 0 ? static_cast<double>(tokens) / seconds : 0);
  }

  Engine& engine_;
  const Options& options_;
  Text text_;
  bool has_text_ = false;
  Chooser chooser_;
  LogitsHash hash_;
  uint32_t not_finite_from_ = 0;  // position behind a step whose logits are not finite; 0 while all are
  const float* last_row_ = nullptr;
  std::vector<int32_t> generated_;
};

}  // namespace

int generate(Engine& engine) { return Generator(engine).run(); }

}  // namespace quantc::run
