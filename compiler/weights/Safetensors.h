// The safetensors format: a length, a JSON header, and the tensors' bytes (https://huggingface.co/docs/safetensors).
#pragma once

#include <filesystem>
#include <memory>

#include "compiler/weights/WeightFile.h"

namespace quantc {

/// Throws UserError that names the tensor at fault.
std::unique_ptr<WeightFile> openSafetensors(const std::filesystem::path& path);

}  // namespace quantc
