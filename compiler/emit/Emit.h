// From a lowered module to a file: generates kernels, packs weights, writes the artifact.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "mlir/IR/BuiltinOps.h"

namespace quantc {

struct EmitOptions {
  int jobs = 1;             ///< threads; the bytes do not depend on it
  std::string kernelCache;  ///< folder of generated objects, may be empty
  std::string variant;      ///< the only code variant to make, for tests; empty: all of every architecture
  std::string source;       ///< base name of the model, for provenance
  std::string options;      ///< the options that decide the bytes, for provenance
  /// Called now and then with the share done (0 to 1) of what is going on.
  std::function<void(const std::string& what, double share)> progress;
};

struct EmittedTensor {
  std::string name, scheme, role;
  std::vector<int64_t> shape;
  uint64_t bytes, parameters;
};

struct EmitReport {
  uint64_t fileBytes = 0, weightBytes = 0, codeBytes = 0, headerBytes = 0, arenaBytes = 0, residentBound = 0;
  double generateSeconds = 0, weightSeconds = 0;
  int kernels = 0, kernelsFromCache = 0;
  std::string slowestKernel;
  double slowestKernelSeconds = 0;
  std::vector<EmittedTensor> tensors;  ///< of the first program
};

/// Writes the artifact beside `output` and renames it when it is whole. The same module and options give the same bytes. Throws UserError.
EmitReport emitArtifact(mlir::ModuleOp module, const std::filesystem::path& output, const EmitOptions& options);

/// Assembly text of every kernel of every variant of the module's programs.
std::string emitAssembly(mlir::ModuleOp module);

}  // namespace quantc
