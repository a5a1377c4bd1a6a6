// The initializers of an ONNX model as a weight file.
#pragma once

#include <filesystem>
#include <memory>

#include "compiler/weights/WeightFile.h"

namespace quantc {

/// Initializers stored in the model and in its external data files. Throws UserError for what is not ONNX, and for external data that is missing
/// or too short.
std::unique_ptr<WeightFile> openOnnxFile(const std::filesystem::path& path);

}  // namespace quantc
