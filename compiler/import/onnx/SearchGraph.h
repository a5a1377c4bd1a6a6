// Graphs that generate whole texts: one operator that searches, with the model as a graph within it.
#pragma once

#include <optional>
#include <string>

#include "compiler/import/onnx/OnnxModel.h"

namespace quantc::onnx_import {

/// Puts the decoder of com.microsoft.BeamSearch, GreedySearch or Sampling in the place of the graph around it, whose tensors it still sees: whoever
/// runs the artifact chooses the tokens. Logits beyond the operator's `vocab_size` are cut off. Gives a warning that says so; nullopt where there is no
/// such operator. Throws UserError for one that has an encoder too.
std::optional<std::string> takeDecoder(OnnxModel& model);

}  // namespace quantc::onnx_import
