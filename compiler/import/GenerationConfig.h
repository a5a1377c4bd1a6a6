// How a folder says that text is generated.
#pragma once

#include <filesystem>

#include "mlir/IR/BuiltinOps.h"

namespace quantc {

/// Reads generation_config.json or, where there is none, config.json. Where the module has `tfm.start`, what decoding is forced to begin with goes
/// behind it: forced_decoder_ids, and what Whisper's languages, task and no_timestamps_token_id mean; -1 stands for a token that the model chooses. Sets
/// `tfm.silent` and `tfm.silent_first` to suppress_tokens and begin_suppress_tokens that the vocabulary has. Throws UserError for a forced token that it has not.
void readGeneration(mlir::ModuleOp module, const std::filesystem::path& folder);

}  // namespace quantc
