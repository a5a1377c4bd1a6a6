// An artifact against stored answers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "compiler/evaluate/Artifact.h"

namespace quantc {

struct OutputCheck {
  std::string name;
  std::vector<int64_t> shape;
  double maxAbsolute = 0;
  double relativeRms = 0;  ///< rms(difference) / rms(expected)
  bool pass = false;
};

/// Greedy generation is compared up to its first step whose two likeliest tokens are too close to tell apart.
struct GenerationCheck {
  std::string name;
  int64_t tokens = 0;    ///< stored
  int64_t compared = 0;  ///< up to a tie
  int64_t same = 0;      ///< before the first difference
};

struct VerifyReport {
  std::vector<OutputCheck> outputs;
  std::vector<GenerationCheck> generations;
};

/// Steps whose margin (best minus second-best logit) is below are ties.
constexpr double kTieMargin = 1e-3;

/// `data` is a safetensors file. For a model that gives logits it has cases: `in.input_ids` [sequences, tokens] and `out.logits` [sequences, tokens, vocabulary], or `N.input_ids` and
/// `N.logits`; and generations: `generate.prompt`, `generate.greedy` (prompt included) and `generate.margin`, or `N.input_ids`, `N.greedy` and
/// `N.margin`. Every sequence is run by itself, without padding. A decoder with an encoder has its own tokens as `in.decoder_input_ids` and the encoder's
/// inputs by their names. For any other model it has the inputs as `in.NAME` and outputs as `out.NAME`, by the
/// names that the artifact has, each with a leading dimension of sequences, which are run one by one. Throws UserError for data that the artifact
/// cannot be run on.
VerifyReport verifyArtifact(ArtifactRun& artifact, const std::filesystem::path& data, double tolerance);

}  // namespace quantc
