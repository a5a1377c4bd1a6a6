// What the commands can be told.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quantc {

constexpr int kSuccess = 0;
constexpr int kBadInput = 1;
constexpr int kWrongUse = 2;

struct CompileOptions {
  std::string model;
  std::string output;  ///< empty: defaultOutput for an artifact, standard output for text
  std::vector<std::string> targets = {"host"};
  std::string quant;              ///< empty: keep for a model that is quantized already, int4 for others
  std::string head;               ///< scheme of embedding and head; empty: follows from `quant`
  std::string kvCache;            ///< format of KV caches; empty: follows from `quant`
  int64_t context = 0;            ///< positions at most; 0: what the model states
  int64_t source = 0;             ///< positions that an encoder takes before a decoder's steps; 0: what the model states
  std::vector<std::string> dims;  ///< NAME=SIZE of an ONNX graph's dimensions
  int64_t maxSequence = 64;       ///< tokens per step at most
  int jobs = 1;
  std::string emit = "artifact";  ///< artifact, mlir, asm
  std::string compileTo;          ///< a phase whose IR is printed; empty: all of them
  std::string kernelCache;        ///< empty: none
  bool json = false, quiet = false;
};

struct InspectOptions {
  std::string artifact;
  bool json = false, calls = false;
};

/// How an artifact is run.
struct RunOptions {
  std::string artifact;
  std::string variant;   ///< empty: the best one for the processor
  uint32_t threads = 0;  ///< 0: the runtime chooses
};

struct VerifyOptions {
  RunOptions run;
  std::string data;
  double tolerance = 1e-3;
  bool json = false;
};

struct EvalOptions {
  RunOptions run;
  std::string reference, text;
  int64_t maxTokens = 0;  ///< tokens scored at most; 0: all
  int64_t window = 256;
  std::string kernelCache;
  bool json = false, quiet = false;
};

int runCompileCommand(const CompileOptions& options);
int runInspectCommand(const InspectOptions& options);
int runVerifyCommand(const VerifyOptions& options);
int runEvalCommand(const EvalOptions& options);

/// Parses the command line, runs the command that it asks for, and returns the exit code. Wrong use is reported here; what the commands throw is not.
int runCommandLine(int count, const char* const* words);

/// `${XDG_CACHE_HOME:-~/.cache}/quantc/kernels`; empty where there is no home folder.
std::string defaultKernelCache();

}  // namespace quantc
