// An encoder and a decoder in one graph: token ids for both, the whole computed anew for every token.
#pragma once

#include <filesystem>

#include "compiler/import/Import.h"
#include "compiler/import/onnx/OnnxModel.h"

namespace quantc::onnx_import {

/// Whether the graph takes `decoder_input_ids` [batch, sequence] besides other token ids.
bool holdsEncoderToo(const OnnxModel& model);

/// `@encode` and `@main` of the graph, as cutEncoder makes them. Padding masks are full of ones: one sequence has no padding. Batch is 1. Throws
/// UserError.
mlir::OwningOpRef<mlir::ModuleOp> importJointGraph(mlir::MLIRContext& context, const OnnxModel& model, const ImportOptions& options);

}  // namespace quantc::onnx_import
