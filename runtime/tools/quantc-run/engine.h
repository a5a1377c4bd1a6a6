// An open model with a session, and how failures of this program look.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "options.h"
#include "profile.h"
#include "quantc/runtime.h"

namespace quantc::run {

constexpr int kSuccess = 0;
constexpr int kBadInput = 1;
constexpr int kWrongUse = 2;

struct CloseModel {
  void operator()(qc_model* model) const { qc_model_close(model); }
};
struct DestroySession {
  void operator()(qc_session* session) const { qc_session_destroy(session); }
};

struct Engine {
  const Options& options;
  std::unique_ptr<qc_model, CloseModel> model;
  qc_model_info info;
  std::unique_ptr<qc_session, DestroySession> session;  // null until it is needed
  std::unique_ptr<Profile> profile;                     // null where none was asked for

  /// qc_session_step, watched where `profiled`.
  qc_status step(Phase phase, bool profiled, const int32_t* tokens, uint32_t count, qc_rows rows, const float** out_logits,
                 qc_error* error) {
    return profile && profiled ? profile->step(phase, tokens, count, rows, out_logits, error)
                               : qc_session_step(session.get(), tokens, count, rows, out_logits, error);
  }
  /// qc_session_encode, watched where a profile was asked for.
  qc_status encode(uint32_t count, qc_error* error) {
    return profile ? profile->encode(count, error) : qc_session_encode(session.get(), count, error);
  }
};

/// Prints `error: <file>: <sentence>` and returns the exit code for it.
int report(const Options& options, const std::string& sentence);

/// All bytes of a file. Returns a sentence that begins with its path about what is wrong, or an empty string.
std::string read_file(const std::string& path, std::vector<uint8_t>& bytes);

/// Encodes tokens, or the sound of --audio, for the steps that follow. Returns a sentence about what is wrong, or an empty string.
std::string encode_tokens(Engine& engine, const std::vector<int32_t>& tokens);
std::string encode_audio(Engine& engine);
/// Sets the input of the sound of --audio, and how many positions it makes.
std::string set_audio(Engine& engine, uint32_t& positions);
/// Tokens that decoding begins with.
std::vector<int32_t> start_tokens(const Engine& engine);

/// What each does with the open model; returns the exit code.
int generate(Engine& engine);
int chat(Engine& engine);
int bench(Engine& engine);
/// The same for a model that gives no logits for every token.
int encode(Engine& engine);
int bench_encoder(Engine& engine);
/// For one that labels the positions of a sound.
int transcribe(Engine& engine);
int print_info(const Engine& engine);

/// Prints how much memory was resident at the peak, and the bound.
void print_memory(FILE* out, const Engine& engine);

/// Seconds on a clock that only goes forward.
double now();

}  // namespace quantc::run
