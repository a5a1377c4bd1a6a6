// quantc-run: generates text with an artifact or encodes one, measures it, or tells what it is.
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"

namespace quantc::run {

int report(const Options& options, const std::string& sentence) {
  fflush(stdout);
  fprintf(stderr, "error: %s: %s\n", options.path.c_str(), sentence.c_str());
  return kBadInput;
}

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

namespace {

bool open_model(Engine& engine, qc_error& error) {
  qc_model_options options = {};
  options.variant = engine.options.variant.empty() ? nullptr : engine.options.variant.c_str();
  options.verify_segments = engine.options.verify;
  qc_model* model = nullptr;
  if (qc_model_open(engine.options.path.c_str(), &options, &model, &error) != QC_OK)
    return false;
  engine.model.reset(model);
  return qc_model_get_info(model, &engine.info) == QC_OK;
}

/// A sentence that begins with the name of the file that it is about.
int report_file(const std::string& sentence) {
  fprintf(stderr, "error: %s\n", sentence.c_str());
  return kBadInput;
}

bool create_session(Engine& engine, qc_error& error) {
  qc_session_options options = {};
  options.threads = engine.options.threads;
  qc_session* session = nullptr;
  if (qc_session_create(engine.model.get(), &options, &session, &error) != QC_OK)
    return false;
  engine.session.reset(session);
  return true;
}

/// The exit code once all output is written, or that of output which cannot be.
int flushed(int code) {
  const bool whole = fflush(stdout) == 0 && !ferror(stdout);
  if (!whole)
    fprintf(stderr, "error: standard output: cannot be written; is the disk full, or what reads it gone?\n");
  fflush(nullptr);
  return whole || code != kSuccess ? code : kBadInput;
}

/// Whether both paths are one file.
bool is_same_file(const std::string& a, const std::string& b) {
  struct stat of_a, of_b;
  return stat(a.c_str(), &of_a) == 0 && stat(b.c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

/// Ends the process with its model as it is: the system takes memory back faster, and closing would bring code into it after its peak was told.
[[noreturn]] void leave(int code) { _exit(flushed(code)); }

int run(const Options& options) {
  Engine engine{options, nullptr, {}, nullptr, nullptr};
  qc_error error = {};
  if (!open_model(engine, error))
    return report(options, error.message);
  if (options.verify)
    fprintf(stderr, "verified: all segments of %s have their hashes\n", options.path.c_str());
  if (options.info)
    print_info(engine);
  if (!options.prompt && !options.ids && options.audio.empty() && options.inputs.empty() && !options.chat && !options.bench)
    return kSuccess;

  if (!create_session(engine, error))
    return report(options, error.message);
  if (options.profile && is_same_file(*options.profile, options.path))
    return report(options, "is the artifact that runs, expected another file for --profile; give another name");
  if (options.profile) {
    engine.profile = std::make_unique<Profile>();
    const std::string wrong = engine.profile->open(engine.session.get(), *options.profile);
    if (!wrong.empty())
      return report_file(wrong);
  }
  const bool generates = engine.info.vocabulary != 0 && engine.info.max_outputs != 0;
  int code = kSuccess;
  if (options.bench)
    code = generates ? bench(engine) : bench_encoder(engine);
  if (code == kSuccess && generates && options.second)
    return report(options, "generates text, expected a model that compares two; leave --second out");
  if (code == kSuccess && generates && !options.inputs.empty())
    return report(options, "generates text, expected a model that takes its inputs at once; give --prompt or --ids instead of --input");
  if (code == kSuccess && (options.prompt || options.ids || !options.audio.empty() || !options.inputs.empty()))
    code = generates ? generate(engine) : options.audio.empty() ? encode(engine) : transcribe(engine);
  if (code == kSuccess && options.chat)
    code = generates ? chat(engine)
                     : report(options, "gives no logits, expected a model that generates text; give a --prompt to see its outputs");
  const std::string wrong = code == kSuccess && engine.profile ? engine.profile->finish(stderr) : "";
  leave(wrong.empty() ? code : report_file(wrong));
}

}  // namespace
}  // namespace quantc::run

int main(int count, char** words) {
  using namespace quantc::run;
  Options options;
  const std::string wrong = parse_options(count, words, options);
  if (!wrong.empty()) {
    fprintf(stderr, "error: %s\n", wrong.c_str());
    return kWrongUse;
  }
  if (options.help || options.version) {
    fputs(options.help ? help_text().c_str() : "quantc-run " QUANTC_VERSION "\n", stdout);
    return flushed(kSuccess);
  }
  return flushed(run(options));
}
