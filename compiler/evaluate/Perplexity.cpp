#include "compiler/evaluate/Perplexity.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "artifact_generated.h"
#include "compiler/support/Error.h"

namespace quantc {
namespace {

/// Logarithms of the probabilities that a row of logits gives.
class LogSoftmax {
public:
  LogSoftmax(const float* logits, size_t vocabulary) : logits_(logits) {
    top_ = static_cast<size_t>(std::max_element(logits, logits + vocabulary) - logits);
    double sum = 0;
    for (size_t i = 0; i < vocabulary; ++i)
      sum += std::exp(static_cast<double>(logits[i]) - logits[top_]);
    shift_ = logits[top_] + std::log(sum);
  }
  double operator[](size_t id) const { return logits_[id] - shift_; }
  /// The likeliest token, the lowest id among equals.
  size_t top() const { return top_; }

private:
  const float* logits_;
  size_t top_;
  double shift_;
};

double divergence(const LogSoftmax& from, const LogSoftmax& to, size_t vocabulary) {
  double sum = 0;
  for (size_t i = 0; i < vocabulary; ++i)
    sum += std::exp(from[i]) * (from[i] - to[i]);
  return sum;
}

/// Linear between the two nearest ranks. `values` is not empty.
double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double rank = share * static_cast<double>(values.size() - 1);
  const size_t below = static_cast<size_t>(rank);
  const double weight = rank - static_cast<double>(below);
  return below + 1 < values.size() ? (1 - weight) * values[below] + weight * values[below + 1] : values.back();
}

std::optional<int32_t> tokenBeforeTexts(const ArtifactRun& artifact) {
  const auto* tokenizer = schema::GetArtifact(qc_model_header(artifact.model(), nullptr))->tokenizer();
  if (!tokenizer || !tokenizer->prefix() || tokenizer->prefix()->size() == 0)
    return std::nullopt;
  return tokenizer->prefix()->Get(0);
}

}  // namespace

void checkWindows(const ArtifactRun& artifact, size_t tokens, const std::string& text, const ComparisonOptions& options) {
  if (options.window > artifact.info().context)
    throw UserError(artifact.path(), "has a context of " + std::to_string(artifact.info().context) +
                                         " positions, expected at least the window's " + std::to_string(options.window) +
                                         "; give a smaller --window");
  if (tokens < static_cast<size_t>(options.window))
    throw UserError(text, "has " + std::to_string(tokens) + " tokens, expected at least one window of " + std::to_string(options.window) +
                              "; give a longer text or a smaller --window");
}

Comparison compareOnText(ArtifactRun& artifact, ArtifactRun& reference, const std::vector<int32_t>& tokens,
                         const ComparisonOptions& options) {
  const size_t window = static_cast<size_t>(options.window), first = window / 2, vocabulary = artifact.info().vocabulary;
  if (reference.info().vocabulary != vocabulary)
    throw UserError(artifact.path(), "has a vocabulary of " + std::to_string(vocabulary) + " tokens, the reference of " +
                                         std::to_string(reference.info().vocabulary) + "; give the model that the artifact was made of");
  const size_t scoredPerWindow = window - 1 - first;
  size_t windows = tokens.size() / window;
  size_t left = options.maxTokens ? static_cast<size_t>(options.maxTokens) : windows * scoredPerWindow;
  windows = std::min(windows, (left + scoredPerWindow - 1) / scoredPerWindow);

  const std::optional<int32_t> before = tokenBeforeTexts(artifact);
  double loss = 0, referenceLoss = 0, klSum = 0;
  int64_t same = 0;
  std::vector<double> divergences;
  std::vector<float> logits, referenceLogits;
  for (size_t w = 0; w < windows; ++w) {
    std::vector<int32_t> ids(tokens.begin() + static_cast<int64_t>(w * window), tokens.begin() + static_cast<int64_t>((w + 1) * window));
    if (before)
      ids[0] = *before;
    const size_t scored = std::min(left, scoredPerWindow);
    left -= scored;
    for (auto [run, out] : {std::pair{&artifact, &logits}, {&reference, &referenceLogits}}) {
      run->restart();
      run->run(ids.data(), first + scored, first, *out);
    }
    for (size_t i = 0; i < scored; ++i) {
      const LogSoftmax ours(&logits[i * vocabulary], vocabulary), theirs(&referenceLogits[i * vocabulary], vocabulary);
      const size_t next = static_cast<size_t>(ids[first + i + 1]);
      loss -= ours[next];
      referenceLoss -= theirs[next];
      divergences.push_back(divergence(theirs, ours, vocabulary));
      klSum += divergences.back();
      same += ours.top() == theirs.top();
    }
    if (options.progress)
      options.progress(static_cast<double>(w + 1) / static_cast<double>(windows));
  }
  Comparison result;
  const double count = static_cast<double>(divergences.size());
  result.tokens = static_cast<int64_t>(divergences.size());
  result.perplexity = std::exp(loss / count);
  result.referencePerplexity = std::exp(referenceLoss / count);
  result.meanKl = klSum / count;
  result.p99Kl = percentile(divergences, 0.99);
  result.sameTop = static_cast<double>(same) / count;
  return result;
}

}  // namespace quantc
