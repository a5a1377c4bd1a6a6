// `quantc verify`.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "compiler/driver/Options.h"
#include "compiler/driver/Text.h"
#include "compiler/evaluate/Verify.h"

namespace quantc {
namespace {

std::string scientific(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3e", value);
  return text;
}

std::string shapeOf(const OutputCheck& check) {
  std::string text;
  for (int64_t size : check.shape)
    text += (text.empty() ? "[" : ", ") + std::to_string(size);
  return text + "]";
}

std::string toJson(const VerifyReport& report, double tolerance, bool pass) {
  nlohmann::ordered_json outputs = nlohmann::ordered_json::array(), generations = nlohmann::ordered_json::array();
  for (const OutputCheck& check : report.outputs)
    outputs.push_back({{"name", check.name},
                       {"shape", check.shape},
                       {"max_absolute", check.maxAbsolute},
                       {"relative_rms", check.relativeRms},
                       {"pass", check.pass}});
  for (const GenerationCheck& check : report.generations)
    generations.push_back({{"name", check.name}, {"tokens", check.tokens}, {"compared", check.compared}, {"same", check.same}});
  const nlohmann::ordered_json json = {{"pass", pass}, {"tolerance", tolerance}, {"outputs", outputs}, {"generations", generations}};
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string toText(const VerifyReport& report, double tolerance) {
  std::string text;
  if (!report.outputs.empty()) {
    TextTable table({"output", "shape", "max abs error", "relative RMS error", ""}, {false, false, true, true, false});
    for (const OutputCheck& check : report.outputs)
      table.row({check.name, shapeOf(check), scientific(check.maxAbsolute), scientific(check.relativeRms), check.pass ? "PASS" : "FAIL"});
    text += table.text() + "tolerance: " + scientific(tolerance) + " relative RMS error\n";
  }
  for (const GenerationCheck& check : report.generations) {
    text += check.name + ": " + std::to_string(check.same) + " of " + std::to_string(check.compared) + " tokens are the same";
    if (check.compared < check.tokens)
      text += "; token " + std::to_string(check.compared) + " of " + std::to_string(check.tokens) + " is a tie, where the comparison ends";
    text += "\n";
  }
  return text;
}

}  // namespace

int runVerifyCommand(const VerifyOptions& options) {
  ArtifactRun artifact(options.run.artifact, options.run.variant, options.run.threads);
  const VerifyReport report = verifyArtifact(artifact, options.data, options.tolerance);
  const bool pass = std::all_of(report.outputs.begin(), report.outputs.end(), [](const OutputCheck& check) { return check.pass; });
  std::cout << (options.json ? toJson(report, options.tolerance, pass) : toText(report, options.tolerance));
  return pass ? kSuccess : kBadInput;
}

}  // namespace quantc
