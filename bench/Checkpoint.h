// The two forms in which make-model writes a checkpoint. Both stream: memory does not grow with the model. Throw std::runtime_error.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "bench/support/Shapes.h"

namespace quantc::bench {

/// A Hugging Face folder: config.json and float16 tensors in `shards` safetensors files.
void writeFolder(const LlamaShape& shape, const std::filesystem::path& folder, size_t shards);

/// A GGUF file (version 3, architecture llama) of the same weights: matrices in F16, norms in F32, and a tokenizer of meaningless pieces.
void writeGguf(const LlamaShape& shape, const std::filesystem::path& file);

/// Throws when something written to `path` did not arrive.
void checkWritten(const std::ofstream& stream, const std::string& path);

}  // namespace quantc::bench
