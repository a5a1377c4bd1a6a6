// How far an artifact is from its reference on a text.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compiler/evaluate/Artifact.h"

namespace quantc {

struct Comparison {
  double perplexity = 0, referencePerplexity = 0;
  double meanKl = 0, p99Kl = 0;  ///< KL(reference || artifact) per scored token, in nats
  double sameTop = 0;            ///< share of scored tokens where the likeliest token is the same
  int64_t tokens = 0;            ///< scored
};

struct ComparisonOptions {
  int64_t window = 256;
  int64_t maxTokens = 0;  ///< scored at most; 0: all
  std::function<void(double share)> progress;
};

/// Throws UserError where the artifact's context is shorter than a window, or the text, of that many tokens, shorter than one. `text` names it.
void checkWindows(const ArtifactRun& artifact, size_t tokens, const std::string& text, const ComparisonOptions& options);

/// Scores as llama-perplexity does: consecutive windows of the text, each from an empty cache, the positions from window / 2 to window - 2 of each,
/// which predict the token behind them. Where the tokenizer puts a token (BOS) before every text it takes the place of each window's first.
/// Sums are in double and in order, so the result does not depend on the number of threads. checkWindows must have passed. Throws UserError.
Comparison compareOnText(ArtifactRun& artifact, ArtifactRun& reference, const std::vector<int32_t>& tokens,
                         const ComparisonOptions& options);

}  // namespace quantc
