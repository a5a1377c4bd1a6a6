// From a model on disk to a module of the tfm dialect.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace quantc {

constexpr int64_t kDefaultContext = 4096;

struct ImportOptions {
  /// Positions at most; 0 takes what the model was made for, but at most kDefaultContext.
  int64_t context = 0;
  /// Positions of a sequence that an encoder takes before the steps of a decoder; 0 takes what the model was made for, but at most kDefaultContext.
  int64_t source = 0;
  /// Sizes of an ONNX graph's dimensions by their names, `INPUT:AXIS` for those without one.
  std::map<std::string, int64_t> dims;
};

/// `model` is a folder with config.json or one .onnx file, a .gguf or .onnx file, or .mlir text that quantc printed. The caller loads the project's dialects
/// into `context` before. The module is verified. Throws UserError.
mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext& context, const std::filesystem::path& model, const ImportOptions& options);

}  // namespace quantc
