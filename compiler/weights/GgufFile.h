// GGUF, the file of llama.cpp's models: typed metadata, tokenizer included, and tensors, many of them in blocks of quantized numbers
// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
#pragma once

#include <filesystem>
#include <memory>

#include "compiler/weights/GgufMetadata.h"
#include "compiler/weights/WeightFile.h"

namespace quantc {

/// Versions 2 and 3, little-endian. Tensors have the shape that row-major order reads: GGUF's first dimension is the last here.
class GgufFile : public WeightFile {
public:
  /// Its text and lists live as long as this file.
  virtual const GgufMetadata& metadata() const = 0;
};

/// Maps the file and checks all of its header: every length and offset lies within the file, no name is there twice, no tensors overlap. A file
/// without tensors (a vocabulary) is well-formed. Memory is a small multiple of the header. Throws UserError.
std::unique_ptr<GgufFile> openGguf(const std::filesystem::path& path);

}  // namespace quantc
