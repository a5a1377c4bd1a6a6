// A Hugging Face folder as a module of the tfm dialect.
#pragma once

#include "compiler/import/Import.h"

namespace quantc {

/// `folder` holds config.json, the weights as safetensors, and may hold the tokenizer. Throws UserError.
mlir::OwningOpRef<mlir::ModuleOp> importHuggingFace(mlir::MLIRContext& context, const std::filesystem::path& folder,
                                                    const ImportOptions& options);

}  // namespace quantc
