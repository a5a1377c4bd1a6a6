// From a model on disk to a module of the tfm dialect.
#pragma once

#include <filesystem>

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace quantc {

struct ImportOptions {
  /// Positions at most; 0 takes what the model states, at most kDefaultContext.
  int64_t context = 0;
};
constexpr int64_t kDefaultContext = 4096;

/// `model` is a folder with config.json, an .onnx file, or .mlir text that quantc printed. Registers nothing: the dialects of the project must
/// be loaded in `context`. Throws UserError.
mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext& context, const std::filesystem::path& model, const ImportOptions& options);

}  // namespace quantc
