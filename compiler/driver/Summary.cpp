#include "compiler/driver/Summary.h"

#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include "compiler/driver/Text.h"

namespace quantc {
namespace {

uint64_t peakMemoryOfThisProcess() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

double bitsPer(uint64_t bytes, uint64_t parameters) {
  return parameters ? 8.0 * static_cast<double>(bytes) / static_cast<double>(parameters) : 0;
}

double ratio(const Summary& summary) {
  return summary.bytesOut ? static_cast<double>(summary.bytesIn) / static_cast<double>(summary.bytesOut) : 0;
}

double total(const std::vector<std::pair<std::string, double>>& seconds) {
  double sum = 0;
  for (const auto& phase : seconds)
    sum += phase.second;
  return sum;
}

/// As a shell takes it.
std::string quoted(const std::string& word) {
  if (!word.empty() &&
      word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%") == std::string::npos)
    return word;
  std::string text = "'";
  for (char c : word)
    text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

}  // namespace

Summary summarize(const CompileOptions& options, const std::filesystem::path& output, const CompileReport& report,
                  const std::vector<std::pair<std::string, double>>& seconds) {
  const EmitReport& emit = report.emit;
  Summary summary;
  summary.model = options.model;
  summary.output = output.string();
  summary.quant = report.quant;
  summary.head = report.head;
  summary.kvCache = report.kvCache;
  summary.targets = report.targets;
  summary.bytesIn = report.bytesIn;
  summary.bytesOut = emit.fileBytes;
  summary.weightBytes = emit.weightBytes;
  summary.codeBytes = emit.codeBytes;
  uint64_t linearBytes = 0, linearParameters = 0;
  for (const EmittedTensor& tensor : emit.tensors) {
    summary.parameters += tensor.parameters;
    if (tensor.role == "linear") {
      linearBytes += tensor.bytes;
      linearParameters += tensor.parameters;
    }
  }
  summary.linearBits = bitsPer(linearBytes, linearParameters);
  summary.fileBits = bitsPer(emit.fileBytes, summary.parameters);
  summary.arenaBytes = emit.arenaBytes;
  summary.residentBound = emit.residentBound;
  summary.kernels = emit.kernels;
  summary.kernelsFromCache = emit.kernelsFromCache;
  summary.slowestKernel = emit.slowestKernel;
  summary.slowestKernelSeconds = emit.slowestKernelSeconds;
  for (const auto& phase : seconds) {
    if (phase.first != "emit") {
      summary.seconds.push_back(phase);
      continue;
    }
    summary.seconds.emplace_back("generate", emit.generateSeconds);
    summary.seconds.emplace_back("pack", emit.weightSeconds);
    summary.seconds.emplace_back("write", std::max(0.0, phase.second - emit.generateSeconds - emit.weightSeconds));
  }
  summary.peakMemory = peakMemoryOfThisProcess();
  return summary;
}

std::string toJson(const Summary& summary) {
  nlohmann::ordered_json seconds;
  for (const auto& [phase, value] : summary.seconds)
    seconds[phase] = value;
  const nlohmann::ordered_json json = {
      {"model", summary.model},
      {"output", summary.output},
      {"targets", summary.targets},
      {"quant", summary.quant},
      {"head", summary.head},
      {"kv_cache", summary.kvCache},
      {"bytes_in", summary.bytesIn},
      {"bytes_out", summary.bytesOut},
      {"ratio", ratio(summary)},
      {"weight_bytes", summary.weightBytes},
      {"code_bytes", summary.codeBytes},
      {"parameters", summary.parameters},
      {"bits_per_weight", {{"linear", summary.linearBits}, {"file", summary.fileBits}}},
      {"arena_bytes", summary.arenaBytes},
      {"resident_bound", summary.residentBound},
      {"kernels", summary.kernels},
      {"kernels_from_cache", summary.kernelsFromCache},
      {"slowest_kernel", {{"name", summary.slowestKernel}, {"seconds", summary.slowestKernelSeconds}}},
      {"seconds", seconds},
      {"peak_memory", summary.peakMemory},
  };
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string toText(const Summary& summary) {
  TextTable table({"", ""});
  table.row({"model", summary.model + ", " + bytesText(summary.bytesIn)});
  table.row({"artifact", summary.output + ", " + bytesText(summary.bytesOut) + ", " + fixed(ratio(summary), 2) +
                             " times smaller (weights " + bytesText(summary.weightBytes) + ", code " + bytesText(summary.codeBytes) + ")"});
  table.row({"parameters", std::to_string(summary.parameters)});
  table.row(
      {"bits per weight", fixed(summary.linearBits, 2) + " in linear layers, " + fixed(summary.fileBits, 2) + " over the whole file"});
  if (summary.head != summary.quant)
    table.row({"embedding and head", summary.head + ", linear layers " + summary.quant +
                                         ": next-token probabilities suffer most from rounding there; --head=NAME chooses another"});
  table.row({"arena", bytesText(summary.arenaBytes) + " of activations and KV cache (" + summary.kvCache + ")"});
  table.row({"resident bound", bytesText(summary.residentBound) + " when it runs with one thread"});
  std::string kernels = std::to_string(summary.kernels) + ", " + std::to_string(summary.kernelsFromCache) + " of them generated before";
  if (!summary.slowestKernel.empty())
    kernels += "; the slowest took " + fixed(summary.slowestKernelSeconds, 2) + " s: " + summary.slowestKernel;
  table.row({"kernels", kernels});
  std::string phases;
  for (const auto& [phase, value] : summary.seconds)
    phases += (phases.empty() ? "" : ", ") + phase + " " + fixed(value, 2) + " s";
  table.row({"time", fixed(total(summary.seconds), 2) + " s: " + phases});
  table.row({"compiler's memory", bytesText(summary.peakMemory) + " at its peak"});
  table.row({"run it", "quantc-run " + quoted(summary.output) + " --prompt TEXT"});
  return table.text();
}

}  // namespace quantc
