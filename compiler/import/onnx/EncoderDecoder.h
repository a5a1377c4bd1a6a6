// Encoder-decoders as Optimum exports them: an encoder, and a decoder of which one branch goes on from keys and values of earlier steps.
#pragma once

#include <filesystem>

#include "compiler/import/Import.h"

namespace quantc {

/// Whether a folder holds encoder_model.onnx and decoder_model_merged.onnx.
bool holdsEncoderDecoder(const std::filesystem::path& folder);

/// `@encode`: the encoder, and keys and values of the decoder's cross attention, which the branch without a past computes. `@main`: a step by the
/// branch with a past. Batch is 1. Throws UserError.
mlir::OwningOpRef<mlir::ModuleOp> importOnnxEncoderDecoder(mlir::MLIRContext& context, const std::filesystem::path& folder,
                                                           const ImportOptions& options);

}  // namespace quantc
