// The architectures whose checkpoints are imported directly: one row of Architectures.inc and one file each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/import/Import.h"
#include "compiler/import/Sound.h"
#include "compiler/import/hf/HfBuilder.h"

namespace quantc {

/// What importing gives besides the operations.
struct ImportedModel {
  /// Positions that the model was made for.
  int64_t maximumContext;
  /// Positions that its encoder was made for, where it has one besides its decoder.
  int64_t maximumSource = 0;
  /// Tokens that decoding begins with.
  std::vector<int32_t> start = {};
  SoundInput sound = {};
};

struct Architecture {
  const char* modelType;
  ImportedModel (*import)(HfBuilder& builder);
  const char* summary;
};

/// In the order of the table.
const std::vector<Architecture>& architectures();
/// nullptr when unknown.
const Architecture* findArchitecture(const std::string& modelType);

/// The module of a model: its operations, its name, context and files. Throws UserError.
mlir::OwningOpRef<mlir::ModuleOp> importArchitecture(mlir::MLIRContext& context, const Architecture& architecture, const std::string& name,
                                                     const ConfigJson& config, const Checkpoint& checkpoint, const ImportOptions& options);

#define ARCHITECTURE(modelType, function, summary) ImportedModel function(HfBuilder& builder);
#include "compiler/import/arch/Architectures.inc"
#undef ARCHITECTURE

}  // namespace quantc
