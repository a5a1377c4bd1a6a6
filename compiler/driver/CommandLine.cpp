// The command line, with CLI11. The first word picks the command; without one of their names it is `quantc MODEL`, so a model with such a name is
// written ./eval.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <thread>

#include "compiler/driver/Options.h"
#include "compiler/pipeline/Pipeline.h"
#include "dialects/schemes/Scheme.h"

namespace quantc {
namespace {

constexpr int64_t kMaxContext = int64_t{1} << 30;
constexpr int64_t kMaxStep = 4096;
constexpr int kMaxJobs = 256;

constexpr const char* kExitCodes = "\nExit codes: 0 success, 1 the input or the result is not good, 2 wrong use.\n";

int cores() { return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxJobs); }

/// A validator that takes what `known` accepts.
CLI::Validator oneOf(std::function<bool(const std::string&)> known, const std::string& what, const std::string& names) {
  return CLI::Validator([=](std::string& value) { return known(value) ? "" : "'" + value + "' is not a known " + what + ", expected one of " + names; },
                        "", "");
}

CLI::Validator schemeName() {
  return oneOf([](const std::string& name) { return findScheme(name) != nullptr; }, "scheme", knownSchemes());
}

CLI::Validator phaseOption() {
  return oneOf([](const std::string& name) { Phase phase; return parsePhase(name, phase); }, "phase", knownPhases());
}

CLI::Validator range(double least, double most) {
  const auto text = [](double value) { std::ostringstream stream; stream << std::setprecision(12) << value; return stream.str(); };
  const std::string expected = "expected a number from " + text(least) + " to " + text(most);
  return CLI::Validator(
      [=](std::string& value) {
        double number = 0;
        return CLI::detail::lexical_cast(value, number) && number >= least && number <= most ? "" : "'" + value + "', " + expected;
      },
      "", "");
}

/// A command, its parser and what it does.
class Command {
public:
  Command(const std::string& summary, const std::string& name, const std::string& examples) : app_(summary, name) {
    app_.set_help_flag("-h,--help", "Print this");
    app_.footer("\nExamples:\n" + examples + kExitCodes);
    app_.get_formatter()->column_width(34);
  }

  CLI::App* operator->() { return &app_; }

  template <typename T> CLI::Option* required(const std::string& name, T& target, const std::string& help, const std::string& value) {
    return app_.add_option(name, target, help)->type_name(value)->required();
  }
  template <typename T> CLI::Option* optional(const std::string& name, T& target, const std::string& help, const std::string& value) {
    return app_.add_option(name, target, help)->type_name(value)->capture_default_str();
  }

  /// Parses `words` (program and command left out). False when the program is to end with `exitCode`.
  bool parse(std::vector<std::string> words, int& exitCode) {
    try {
      std::reverse(words.begin(), words.end());
      app_.parse(words);
      return true;
    } catch (const CLI::CallForHelp&) {
      std::cout << app_.help();
      exitCode = kSuccess;
    } catch (const CLI::CallForVersion& version) {
      std::cout << version.what() << "\n";
      exitCode = kSuccess;
    } catch (const CLI::ParseError& error) {
      exitCode = wrongUse(error.what());
    }
    return false;
  }

  /// Says what is wrong with the command line; returns the exit code for it.
  int wrongUse(const std::string& what) const {
    std::cerr << "error: " << what << "; see " << app_.get_name() << " --help\n";
    return kWrongUse;
  }

private:
  CLI::App app_;
};

void addRunOptions(Command& command, RunOptions& options) {
  command.required("OUT.qc", options.artifact, "Artifact that quantc wrote", "FILE");
  command.optional("--threads", options.threads, "Threads to compute with; 0: one for each fast core. The result does not depend on it", "N")->check(range(0, kMaxJobs));
  command.optional("--variant", options.variant, "Code variant to run instead of the best one for this processor; `quantc inspect` lists them", "NAME");
}

void addKernelCache(Command& command, std::string& folder) {
  folder = defaultKernelCache();
  command.optional("--kernel-cache", folder, "Folder of kernels generated before, to be used again; 'off' for none", "DIR");
}

int compile(const std::vector<std::string>& words) {
  CompileOptions options;
  options.jobs = cores();
  Command command("quantc compiles transformers for small machines: MODEL becomes one file that quantc-run executes.\n\n"
                  "Other commands: quantc eval, quantc verify, quantc inspect; each has --help.",
                  "quantc",
                  "  quantc examples/models/talelm --target=x86_64,arm64 --quant=int8 -o talelm.qc\n"
                  "  quantc model.onnx --context=2048\n"
                  "  quantc examples/models/talelm --compile-to=fuse | less\n"
                  "  quantc eval talelm.qc --reference examples/models/talelm --text validation.txt\n"
                  "  quantc inspect talelm.qc\n");
  command.required("MODEL", options.model, "Folder with config.json, an .onnx file, or .mlir that --compile-to printed", "PATH");
  command.optional("--target", options.targets, "Processors to compile for, separated by commas: " + knownArchitectures(), "LIST")->delimiter(',');
  command.optional("-o,--output", options.output, "File to write; the artifact's name is the model's with .qc, in the present folder, and text goes to standard output", "FILE");
  command.optional("--quant", options.quant, "How linear layers are stored: " + knownSchemes() + ". With int4 the embedding and the head are int8", "NAME")->check(schemeName());
  command.optional("--context", options.context, "Positions at most (prompt and generated tokens together), decides the KV cache's size; 0: what the model states", "N")->check(range(0, kMaxContext));
  command.optional("--max-sequence", options.maxSequence, "Tokens per step at most: longer prompts are cut; decides the size of activations", "N")->check(range(1, kMaxStep));
  command.optional("--jobs", options.jobs, "Threads to compile with; the file does not depend on it", "N")->check(range(1, kMaxJobs));
  command.optional("--emit", options.emit, "What to write: the artifact, mlir (the lowered IR), or asm (the kernels)", "KIND")
      ->check(oneOf([](const std::string& name) { return name == "artifact" || name == "mlir" || name == "asm"; }, "kind of output", "artifact, mlir, asm"));
  command.optional("--compile-to", options.compileTo, "Print the IR after this phase: " + knownPhases() + ". MODEL can be such a file", "PHASE")->check(phaseOption());
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
  Command command("Runs an artifact on stored inputs and compares with stored outputs: tensors in.* and out.* of FILE, and greedy generation "
                  "(generate.prompt, generate.greedy, generate.margin) where they are there. Exit code 1 when an output is off.",
                  "quantc verify", "  quantc verify model.qc --data expected.safetensors --tolerance 1e-4\n");
  addRunOptions(command, options.run);
  command.required("--data", options.data, "Inputs and expected outputs", "FILE.safetensors");
  command.optional("--tolerance", options.tolerance, "Relative RMS error at which an output fails", "R")->check(range(0, 1e9));
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
  command.optional("--max-tokens", options.maxTokens, "Tokens to score at most; 0: all", "N")->check(range(0, 1e15));
  command.optional("--window", options.window, "The text is cut into windows of N tokens; the second half of each is scored", "N")->check(range(4, kMaxContext));
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
