// The next token: the sampler's, of those that the model generates.
#pragma once

#include <limits>

#include "artifact_generated.h"
#include "engine.h"
#include "quantc/sampler.h"

namespace quantc::run {

class Chooser {
public:
  explicit Chooser(const Engine& engine)
      : artifact_(*schema::GetArtifact(qc_model_header(engine.model.get(), nullptr))),
        scratch_(qc_sampler_scratch_bytes(engine.info.vocabulary) / sizeof(uint64_t) + 1) {
    qc_sampler_begin(&sampler_, &engine.options.sampling);
  }

  /// `first`: right behind a prompt.
  int32_t next(const float* logits, bool first) {
    const auto *silent = artifact_.silent(), *silent_first = first ? artifact_.silent_first() : nullptr;
    if (silent || silent_first) {
      choices_.assign(logits, logits + artifact_.vocabulary());
      for (const auto* tokens : {silent, silent_first}) {
        for (uint32_t i = 0; tokens && i < tokens->size(); ++i)
          choices_[static_cast<uint32_t>(tokens->Get(i))] = std::numeric_limits<float>::quiet_NaN();  // which no sampler takes
      }
      logits = choices_.data();
    }
    return qc_sampler_next(&sampler_, logits, artifact_.vocabulary(), scratch_.data());
  }

private:
  const schema::Artifact& artifact_;
  qc_sampler sampler_;
  std::vector<uint64_t> scratch_;
  std::vector<float> choices_;
};

}  // namespace quantc::run
