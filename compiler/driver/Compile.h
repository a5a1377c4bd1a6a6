// One compilation, as several commands need it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "compiler/driver/Options.h"
#include "compiler/driver/Progress.h"
#include "compiler/emit/Emit.h"

namespace quantc {

struct CompileReport {
  EmitReport emit;
  uint64_t bytesIn = 0;                       ///< of the model's files
  std::string targets, quant, head, kvCache;  ///< as the artifact has them: the IR of a later phase has decided already
};

/// Compiles to an artifact at `output`, which appears whole or not at all. Throws UserError.
CompileReport compileArtifact(const CompileOptions& options, const std::filesystem::path& output, Progress& progress);

/// The IR after `options.compileTo` (or all phases), or assembly where `options.emit` asks for it. Throws UserError.
std::string compileText(const CompileOptions& options, Progress& progress);

/// The model's name with `.qc`, in the present folder.
std::filesystem::path defaultOutput(const std::filesystem::path& model);

}  // namespace quantc
