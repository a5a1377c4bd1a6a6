// The initializers of an ONNX model as a weight file.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "compiler/weights/WeightFile.h"

namespace quantc {

/// Initializers stored in the model and in its external data files. Throws UserError for what is not ONNX, and for external data that is missing
/// or too short. Tensors of types that are not read are left out; `unread` gets the types of their elements by their names.
std::unique_ptr<WeightFile> openOnnxFile(const std::filesystem::path& path, std::map<std::string, std::string>* unread = nullptr);

/// What stands before the names of tensors within a branch: the graph of an attribute of a node whose first output is `output`.
std::string subgraphScope(const std::string& output, const std::string& attribute);

}  // namespace quantc
