// The commands and their options. The first word picks the command; without one of their names it is `quantc MODEL`, so a model with such a name is
// written ./eval.
#include <algorithm>
#include <cstdlib>
#include <thread>

#include "compiler/driver/Command.h"
#include "compiler/driver/Options.h"
#include "compiler/pipeline/Pipeline.h"
#include "dialects/schemes/CacheFormat.h"
#include "dialects/schemes/Scheme.h"

namespace quantc {
namespace {

constexpr int64_t kMaxContext = int64_t{1} << 30;
constexpr int64_t kMaxStep = 4096;
constexpr int kMaxJobs = 256;

int cores() { return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxJobs); }

CLI::Validator schemeName() {
  return oneOf([](const std::string& name) { return name == kKeepScheme || findScheme(name) != nullptr; }, "scheme",
               knownSchemes() + ", " + kKeepScheme);
}

CLI::Validator cacheFormat() {
  return oneOf([](const std::string& name) { return findCacheFormat(name) != nullptr; }, "KV cache format", knownCacheFormats());
}

CLI::Validator phaseOption() {
  return oneOf(
      [](const std::string& name) {
        Phase phase;
        return parsePhase(name, phase);
      },
      "phase", knownPhases());
}

void addRunOptions(Command& command, RunOptions& options) {
  command.required("OUT.qc", options.artifact, "Artifact that quantc wrote", "FILE");
  command
      .optional("--threads", options.threads, "Threads to compute with; 0: one for each fast core. The result does not depend on it", "N")
      ->check(numberFrom(0, kMaxJobs));
  command.optional("--variant", options.variant,
                   "Code variant to run instead of the best one for this processor; `quantc inspect` lists them", "NAME");
}

void addKernelCache(Command& command, std::string& folder) {
  folder = defaultKernelCache();
  command.optional("--kernel-cache", folder, "Folder of kernels generated before, to be used again; 'off' for none", "DIR");
}

int compile(const std::vector<std::string>& words) {
  CompileOptions options;
  options.jobs = cores();
  Command command("Compiles a transformer for small machines: MODEL becomes one file that quantc-run executes.\n"
                  "Other commands, each with --help: quantc eval, quantc verify, quantc inspect.",
                  "quantc",
                  "  quantc examples/models/talelm --target=x86_64,arm64 --quant=int8 -o talelm.qc\n"
                  "  quantc model.onnx --context=2048\n"
                  "  quantc model-Q4_0.gguf\n"
                  "  quantc examples/models/talelm --compile-to=fuse | less\n"
                  "  quantc eval talelm.qc --reference examples/models/talelm --text validation.txt\n"
                  "  quantc inspect talelm.qc\n");
  command.required("MODEL", options.model, "Folder with config.json, a .gguf or .onnx file, or .mlir that --compile-to printed", "PATH");
  command.optional("--target", options.targets, "Processors to compile for, separated by commas: " + knownArchitectures(), "LIST")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.optional("-o,--output", options.output,
                   "File to write; the artifact's name is the model's with .qc, in the present folder, and text goes to standard output",
                   "FILE");
  command
      .optional(
          "--quant", options.quant,
          "How linear layers are stored: " + knownSchemes() +
              ". Or keep: every matrix as its file has it, as near as these can (default: int4; keep for a GGUF file that is quantized)",
          "NAME")
      ->check(schemeName());
  command
      .optional("--head", options.head,
                "How the embedding and the head are stored, like --quant; they need more bits than linear layers (default: int6 with "
                "--quant=int4, else as --quant says)",
                "NAME")
      ->check(schemeName());
  command
      .optional("--kv-cache", options.kvCache,
                "How keys and values of earlier positions are held, and of an encoded sequence: " + knownCacheFormats() +
                    " (default: f32 with --quant=f32, else f16)",
                "NAME")
      ->check(cacheFormat());
  command
      .optional("--context", options.context,
                "Positions at most (prompt and generated tokens together), decides the KV cache's size; 0: what the model states", "N")
      ->check(numberFrom(0, kMaxContext));
  command
      .optional("--max-source", options.source,
                "Of a model with encoder and decoder: positions of the encoded sequence at most; 0: what the model states", "N")
      ->check(numberFrom(0, kMaxContext));
  command
      .optional(
          "--dim", options.dims,
          "Size of a dimension of an ONNX graph that is neither batch nor a number of tokens, by its name in the graph, or INPUT:AXIS "
          "where it has none; several separated by commas",
          "NAME=SIZE")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      .optional("--max-sequence", options.maxSequence, "Tokens per step at most: longer prompts are cut; decides the size of activations",
                "N")
      ->check(numberFrom(1, kMaxStep));
  command.optional("--jobs", options.jobs, "Threads to compile with; the file does not depend on it", "N")->check(numberFrom(1, kMaxJobs));
  command.optional("--emit", options.emit, "What to write: the artifact, mlir (the lowered IR), or asm (the kernels)", "KIND")
      ->check(oneOf([](const std::string& name) { return name == "artifact" || name == "mlir" || name == "asm"; }, "kind of output",
                    "artifact, mlir, asm"));
  command
      .optional("--compile-to", options.compileTo, "Print the IR after this phase: " + knownPhases() + ". MODEL can be such a file",
                "PHASE")
      ->check(phaseOption());
  addKernelCache(command, options.kernelCache);
  command->add_flag("--json", options.json, "Print the summary as JSON");
  command->add_flag("--quiet", options.quiet, "Print no progress and no summary for people");
  command->set_version_flag("--version", "quantc " QUANTC_VERSION, "Print the version");
  int exitCode = kSuccess;
  if (!command.parse(words, exitCode))
    return exitCode;
  if (options.emit == "asm" && !options.compileTo.empty())
    return command.wrongUse("--emit=asm: given along with --compile-to, expected one of them; kernels are generated after all phases");
  return runCompileCommand(options);
}

int inspect(const std::vector<std::string>& words) {
  InspectOptions options;
  Command command("Tells what an artifact holds, for any processor: tensors, kernels, code variants, buffers, memory, where it came from.",
                  "quantc inspect", "  quantc inspect talelm.qc\n  quantc inspect talelm.qc --json | jq .tensors\n");
  command.required("OUT.qc", options.artifact, "Artifact that quantc wrote", "FILE");
  command->add_flag("--json", options.json, "Print JSON");
  command->add_flag("--calls", options.calls, "List the calls of every program and the buffers that they use");
  int exitCode = kSuccess;
  return command.parse(words, exitCode) ? runInspectCommand(options) : exitCode;
}

int verify(const std::vector<std::string>& words) {
  VerifyOptions options;
  Command command(
      "Runs an artifact on stored inputs and compares with stored outputs: tensors in.* and out.* of FILE, and greedy generation "
      "(generate.prompt, generate.greedy, generate.margin) where they are there. Exit code 1 when an output is off.",
      "quantc verify", "  quantc verify model.qc --data expected.safetensors --tolerance 1e-4\n");
  addRunOptions(command, options.run);
  command.required("--data", options.data, "Inputs and expected outputs", "FILE.safetensors");
  command.optional("--tolerance", options.tolerance, "Relative RMS error at which an output fails", "R")->check(numberFrom(0, 1e9));
  command->add_flag("--json", options.json, "Print JSON");
  int exitCode = kSuccess;
  return command.parse(words, exitCode) ? runVerifyCommand(options) : exitCode;
}

int eval(const std::vector<std::string>& words) {
  EvalOptions options;
  Command command("Measures what compression cost: an artifact against the float32 model on a text. Perplexity of both, KL divergence "
                  "(reference || artifact, in nats), how often the likeliest token is the same.",
                  "quantc eval", "  quantc eval talelm.qc --reference examples/models/talelm --text validation.txt --max-tokens 10000\n");
  addRunOptions(command, options.run);
  command.required("--reference", options.reference, "The model that the artifact was made of", "MODEL");
  command.required("--text", options.text, "Text to score", "FILE");
  command.optional("--max-tokens", options.maxTokens, "Tokens to score at most; 0: all", "N")->check(numberFrom(0, 1e15));
  command.optional("--window", options.window, "The text is cut into windows of N tokens; the second half of each is scored", "N")
      ->check(numberFrom(4, kMaxContext));
  addKernelCache(command, options.kernelCache);
  command->add_flag("--json", options.json, "Print JSON");
  command->add_flag("--quiet", options.quiet, "Print no progress");
  int exitCode = kSuccess;
  return command.parse(words, exitCode) ? runEvalCommand(options) : exitCode;
}

}  // namespace

std::string defaultKernelCache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && *cache)
    return std::string(cache) + "/quantc/kernels";
  const char* home = std::getenv("HOME");
  return home && *home ? std::string(home) + "/.cache/quantc/kernels" : "";
}

int runCommandLine(int count, const char* const* words) {
  std::vector<std::string> rest(words + (count > 0), words + count);
  const std::string first = rest.empty() ? "" : rest.front();
  for (auto [name, command] : {std::pair{"eval", eval}, {"verify", verify}, {"inspect", inspect}}) {
    if (first == name) {
      rest.erase(rest.begin());
      return command(rest);
    }
  }
  return compile(rest);
}

}  // namespace quantc
