// ONNX models as primitive operations of the tfm dialect; the raise passes make transformer building blocks of them.
#pragma once

#include <filesystem>

#include "compiler/import/Import.h"

namespace quantc {

/// Reads `file` (opset 11 to 21) into `func.func @main`. Batch is 1; sequence and past become the dialect's symbols; attention_mask is taken to be
/// all ones and position_ids to count from `past`, so neither is an argument. Throws UserError; operators that are not supported are listed in one.
mlir::OwningOpRef<mlir::ModuleOp> importOnnx(mlir::MLIRContext& context, const std::filesystem::path& file, const ImportOptions& options);

}  // namespace quantc
