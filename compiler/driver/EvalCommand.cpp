// `quantc eval`.
#include <iostream>
#include <nlohmann/json.hpp>

#include "compiler/driver/Compile.h"
#include "compiler/driver/Files.h"
#include "compiler/driver/Text.h"
#include "compiler/evaluate/Perplexity.h"
#include "compiler/support/Error.h"

namespace quantc {
namespace {

/// The float32 artifact of the model for this machine: the same pipeline and the same runtime as for any other.
void compileReference(const EvalOptions& options, const std::filesystem::path& output, Progress& progress) {
  CompileOptions compile;
  compile.model = options.reference;
  compile.quant = "f32";
  compile.context = options.window;
  compile.kernelCache = options.kernelCache;
  compileArtifact(compile, output, progress);
}

std::string toJson(const Comparison& result) {
  const nlohmann::ordered_json json = {{"perplexity", result.perplexity}, {"reference_perplexity", result.referencePerplexity},
                                       {"mean_kl", result.meanKl},        {"p99_kl", result.p99Kl},
                                       {"same_top", result.sameTop},      {"tokens", result.tokens}};
  return json.dump(2) + "\n";
}

std::string toText(const Comparison& result) {
  TextTable table({"", ""});
  table.row({"scored tokens", std::to_string(result.tokens)});
  table.row({"perplexity", fixed(result.perplexity, 4)});
  table.row({"reference's perplexity", fixed(result.referencePerplexity, 4)});
  table.row({"mean KL divergence", fixed(result.meanKl, 6) + " nats"});
  table.row({"99 % KL divergence", fixed(result.p99Kl, 6) + " nats"});
  table.row({"same top token", fixed(100 * result.sameTop, 2) + " %"});
  return table.text();
}

}  // namespace

int runEvalCommand(const EvalOptions& options) {
  Progress progress(options.quiet);
  ArtifactRun artifact(options.run.artifact, options.run.variant, options.run.threads);
  artifact.needLogits();
  const std::vector<int32_t> tokens = tokenize(artifact, readText(options.text));
  ComparisonOptions comparison;
  comparison.window = options.window;
  comparison.maxTokens = options.maxTokens;
  comparison.progress = [&](double share) { progress.update("windows", share); };
  checkWindows(artifact, tokens.size(), options.text, comparison);

  const TemporaryFolder folder;
  compileReference(options, folder.path() / "reference.qc", progress);
  ArtifactRun reference(folder.path() / "reference.qc", "", options.run.threads);

  progress.begin("score");
  const Comparison result = compareOnText(artifact, reference, tokens, comparison);
  progress.finish();
  std::cout << (options.json ? toJson(result) : toText(result));
  return kSuccess;
}

}  // namespace quantc
