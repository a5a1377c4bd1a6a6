// One function becomes two where cross attention reads: what runs once for a sequence, and what runs at every step.
#pragma once

#include <filesystem>

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace quantc::onnx_import {

/// `main` computes a decoder over `sequence` from its first argument, and from its last, which is taken away, an encoder over `source`. What the decoder
/// reads of the latter, keys and values of cross attention, becomes `@encode` behind it, over `sequence`; `main` keeps the rest, which reads them over
/// `source`. Operations that nobody needs are dropped. Throws UserError about `file` where the decoder reads something else.
void cutEncoder(mlir::func::FuncOp main, const std::filesystem::path& file);

}  // namespace quantc::onnx_import
