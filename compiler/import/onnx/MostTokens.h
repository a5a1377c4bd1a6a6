// Graphs that compute with the smaller one of the number of tokens and a constant, as DeBERTa's distances: compiled for as many tokens as the constant at most, the
// smaller one is that number.
#pragma once

#include "llvm/ADT/StringRef.h"

namespace quantc::onnx_import {

/// Attributes of the module while it is imported: tokens at most, earlier ones too, and what a node asked that to be.
constexpr llvm::StringLiteral kMostTokens = "onnx.most_tokens", kWantedTokens = "onnx.wanted_tokens";

}  // namespace quantc::onnx_import
