// Reads and runs artifacts through the runtime library; its failures become UserError.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/support/MappedFile.h"
#include "quantc/runtime.h"
#include "quantc/tokenizer.h"

namespace quantc::schema {
struct Artifact;
}

namespace quantc {

/// The header of an artifact for whatever processor, with the checks that the runtime makes, segment hashes included.
class ArtifactFile {
public:
  /// Throws UserError.
  explicit ArtifactFile(const std::filesystem::path& path);
  const schema::Artifact& header() const { return *header_; }
  uint64_t bytes() const { return file_.size(); }
  uint64_t headerBytes() const { return headerBytes_; }

private:
  MappedFile file_;
  const schema::Artifact* header_ = nullptr;
  uint64_t headerBytes_ = 0;
};

/// One sequence of an artifact that runs on this machine. One thread at a time.
class ArtifactRun {
public:
  /// `variant` empty: the best one; `threads` 0: the runtime chooses. Throws UserError.
  ArtifactRun(const std::filesystem::path& path, const std::string& variant, uint32_t threads);

  const qc_model_info& info() const { return info_; }
  const qc_model* model() const { return model_.get(); }
  const std::string& path() const { return path_; }
  const schema::Artifact& header() const;

  /// Whether every token gets a row of logits. An encoder gives other outputs.
  bool givesLogits() const { return info_.vocabulary != 0 && info_.max_outputs != 0; }
  /// Whether a sequence is encoded before the steps.
  bool encodes() const { return info_.max_source != 0; }
  /// Throws UserError for a model that does not take tokens and give logits.
  void needLogits() const;

  /// Forgets the sequence.
  void restart();

  /// Runs tokens that follow those seen, in steps as large as the model takes. Logits of the tokens from `first` on go to `logits`
  /// [count - first, vocabulary], dense. Throws UserError.
  void run(const int32_t* tokens, size_t count, size_t first, std::vector<float>& logits);
  /// The same for a model that takes embeddings [count, width] by the name of `input` in place of tokens.
  void runEmbeddings(const std::string& input, const float* embeddings, size_t width, size_t count, size_t first,
                     std::vector<float>& logits);

  /// Encodes what was set as inputs, for the steps that follow. Throws UserError.
  void encode(size_t positions);

  /// One sequence through a model without logits: inputs by name, then its outputs with a row for every token. Throws UserError.
  void setInput(const std::string& name, const void* data, size_t bytes);
  void step(size_t count);
  std::vector<float> output(const std::string& name) const;

private:
  struct CloseModel {
    void operator()(qc_model* model) const { qc_model_close(model); }
  };
  struct DestroySession {
    void operator()(qc_session* session) const { qc_session_destroy(session); }
  };

  /// `tokensAt(done, step)` gives the tokens of a step, or sets the inputs that stand for them and gives null.
  void runSteps(size_t count, size_t first, std::vector<float>& logits, const std::function<const int32_t*(size_t, size_t)>& tokensAt);

  std::string path_;
  std::unique_ptr<qc_model, CloseModel> model_;
  qc_model_info info_{};
  std::unique_ptr<qc_session, DestroySession> session_;
};

/// Ids of a text, with those that the tokenizer puts around every text. Special tokens in it are not looked for. Throws UserError where the artifact has no tokenizer.
std::vector<int32_t> tokenize(const ArtifactRun& artifact, const std::string& text);

}  // namespace quantc
