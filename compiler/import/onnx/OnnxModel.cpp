#include "compiler/import/onnx/OnnxModel.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "compiler/support/Error.h"
#include "compiler/support/MappedFile.h"
#include "compiler/weights/OnnxFile.h"
#include "compiler/weights/ProtoWire.h"

namespace quantc {

namespace {

constexpr int64_t kNewestIr = 13;
constexpr int64_t kOldestOpset = 7, kNewestOpset = 25;
constexpr uint64_t kLargestHeader = uint64_t(1) << 30;
constexpr uint32_t kGraphField = 7, kInitializerField = 5;

void appendVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

/// The serialized model with `graph.initializer` left out, so that weights are never parsed.
std::string withoutInitializers(const MappedFile& file) {
  std::string model;
  WireReader reader({reinterpret_cast<const char*>(file.data()), file.size()});
  for (WireField field; reader.next(field);) {
    if (field.number != kGraphField || field.type != WireType::bytes) {
      model.append(field.whole);
      continue;
    }
    std::string graph;
    WireReader inner(field.payload);
    for (WireField part; inner.next(part);)
      if (part.number != kInitializerField)
        graph.append(part.whole);
    appendVarint(model, kGraphField << 3 | static_cast<uint32_t>(WireType::bytes));
    appendVarint(model, graph.size());
    model.append(graph);
  }
  return model;
}

int64_t opsetOf(const OnnxModel& model) {
  for (const onnx::OperatorSetIdProto& set : model.proto.opset_import())
    if (set.domain().empty() || set.domain() == "ai.onnx")
      return set.version();
  throw UserError(model.path.string(), "states no opset; export it again");
}

}  // namespace

const StoredTensor* OnnxModel::stored(const std::string& name) const {
  const StoredTensor* own = scope.empty() ? nullptr : weights->find(scope + name);
  return own ? own : weights->find(name);
}

OnnxModel readOnnxModel(const std::filesystem::path& path) {
  OnnxModel model{path, {}, nullptr, 0};
  model.weights = openOnnxFile(path, &model.unread);
  std::string header = withoutInitializers(MappedFile(path));
  if (header.size() > kLargestHeader)
    throw UserError(path.string(), "has a graph of " + std::to_string(header.size()) + " bytes, at most " + std::to_string(kLargestHeader) +
                                       " are read; export the weights as initializers");
  if (!model.proto.ParseFromArray(header.data(), static_cast<int>(header.size())) || model.proto.graph().output_size() == 0)
    throw UserError(path.string(), "is not an ONNX model; export it again");
  if (model.proto.ir_version() > kNewestIr)
    throw UserError(path.string(), "has IR version " + std::to_string(model.proto.ir_version()) + ", supported are those up to " +
                                       std::to_string(kNewestIr) + "; export it again with one of these");
  model.opset = opsetOf(model);
  if (model.opset < kOldestOpset || model.opset > kNewestOpset)
    throw UserError(path.string(), "has opset " + std::to_string(model.opset) + ", supported are " + std::to_string(kOldestOpset) + " to " +
                                       std::to_string(kNewestOpset) + "; export it again with one of these");
  return model;
}

/// What a node reads, with what the branches within it read of tensors around them.
static void addInputs(const onnx::NodeProto& node, std::vector<std::string>& names) {
  names.insert(names.end(), node.input().begin(), node.input().end());
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (!attribute.has_g())
      continue;
    for (const onnx::NodeProto& inner : attribute.g().node())
      addInputs(inner, names);
    for (const onnx::ValueInfoProto& output : attribute.g().output())
      names.push_back(output.name());
  }
}

/// Each node behind those whose results it reads, for the rest in the order of the file. Nodes of a cycle stay: whoever imports them says so.
static std::vector<const onnx::NodeProto*> sorted(const std::vector<const onnx::NodeProto*>& nodes) {
  std::unordered_map<std::string, const onnx::NodeProto*> producers;
  for (const onnx::NodeProto* node : nodes)
    for (const std::string& output : node->output())
      if (!output.empty())  // one that nobody wants, as inputs without a name are
        producers.emplace(output, node);
  std::vector<const onnx::NodeProto*> result, pending;
  std::unordered_set<const onnx::NodeProto*> entered, done;
  for (const onnx::NodeProto* first : nodes) {
    pending.push_back(first);
    while (!pending.empty()) {
      const onnx::NodeProto* node = pending.back();
      if (!entered.insert(node).second) {  // its producers are done
        pending.pop_back();
        if (done.insert(node).second)
          result.push_back(node);
        continue;
      }
      std::vector<std::string> inputs;
      addInputs(*node, inputs);
      for (const std::string& input : inputs)
        if (auto found = producers.find(input); found != producers.end() && !entered.count(found->second))
          pending.push_back(found->second);
    }
  }
  return result;
}

std::vector<const onnx::NodeProto*> liveNodes(const onnx::GraphProto& graph, const std::vector<std::string>& outputs) {
  std::unordered_map<std::string, std::vector<const onnx::NodeProto*>> producers;
  for (const onnx::NodeProto& node : graph.node())
    for (const std::string& output : node.output())
      if (!output.empty())
        producers[output].push_back(&node);
  std::unordered_set<std::string> wanted(outputs.begin(), outputs.end());
  std::vector<std::string> pending(outputs);
  std::unordered_set<const onnx::NodeProto*> live;
  while (!pending.empty()) {
    auto found = producers.find(pending.back());
    pending.pop_back();
    for (const onnx::NodeProto* node : found == producers.end() ? std::vector<const onnx::NodeProto*>() : found->second) {
      if (!live.insert(node).second)
        continue;
      std::vector<std::string> inputs;
      addInputs(*node, inputs);
      for (const std::string& input : inputs)
        if (wanted.insert(input).second)
          pending.push_back(input);
    }
  }
  std::vector<const onnx::NodeProto*> nodes;
  for (const onnx::NodeProto& node : graph.node())
    if (live.count(&node))
      nodes.push_back(&node);
  return sorted(nodes);
}

}  // namespace quantc
