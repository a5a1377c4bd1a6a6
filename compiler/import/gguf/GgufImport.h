// A GGUF file as a module of the tfm dialect.
#pragma once

#include "compiler/import/Import.h"

namespace quantc {

/// The architectures of GgufArchitectures.inc. Weights in blocks stay as they are in the file, behind `#tfm.stored`. Throws UserError.
mlir::OwningOpRef<mlir::ModuleOp> importGguf(mlir::MLIRContext& context, const std::filesystem::path& file, const ImportOptions& options);

}  // namespace quantc
