// An ONNX model without its initializers' data: what the importer walks.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/weights/OnnxProto.h"
#include "compiler/weights/WeightFile.h"

namespace quantc {

struct OnnxModel {
  std::filesystem::path path;
  onnx::ModelProto proto;                          // graph().initializer() is empty
  std::unique_ptr<WeightFile> weights;             // initializers and tensors of Constant nodes
  int64_t opset = 0;                               // of the default domain
  std::map<std::string, std::string> unread = {};  // types of tensors that `weights` lacks because they are not read
  std::string scope = {};                          // before names of the graph's own tensors in `weights`, where it lay within another

  /// What the file stores for the graph, or for the one it lay within; nullptr where it stores none of that name.
  const StoredTensor* stored(const std::string& name) const;
};

/// Throws UserError for what is not an ONNX model of opset 11 to 21.
OnnxModel readOnnxModel(const std::filesystem::path& path);

/// The nodes that these tensors of a graph depend on, in the order of the file; one that it has before what it reads comes behind that.
std::vector<const onnx::NodeProto*> liveNodes(const onnx::GraphProto& graph, const std::vector<std::string>& outputs);

}  // namespace quantc
