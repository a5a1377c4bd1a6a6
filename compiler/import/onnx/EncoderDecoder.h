// Encoder-decoders as Optimum exports them: graphs of an encoder and of a decoder in one folder.
#pragma once

#include <filesystem>
#include <optional>

#include "compiler/import/Import.h"

namespace quantc {

/// Both graphs, and the folder of config.json and the tokenizer.
struct EncoderDecoderFiles {
  std::filesystem::path encoder, decoder, config;
};

/// encoder_model.onnx, and decoder_model_merged.onnx or else decoder_model.onnx, in the folder or in its `onnx`; nullopt where there is no decoder by
/// such a name. Throws UserError where one of the two is missing.
std::optional<EncoderDecoderFiles> findEncoderDecoder(const std::filesystem::path& folder);

/// Both are one graph, in which the decoder takes all its tokens at once and nothing of earlier steps, cut by cutEncoder: keys and values of earlier
/// steps are kept because the decoder is causal. So a graph of steps that go on from a past, a file or a branch that exporters trace for one token, is
/// not read. Masks are full of ones. Batch is 1. Throws UserError.
mlir::OwningOpRef<mlir::ModuleOp> importOnnxEncoderDecoder(mlir::MLIRContext& context, const EncoderDecoderFiles& files,
                                                           const ImportOptions& options);

}  // namespace quantc
