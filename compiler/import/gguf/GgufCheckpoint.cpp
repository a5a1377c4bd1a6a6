#include "compiler/import/gguf/GgufCheckpoint.h"

#include "compiler/import/gguf/GgufConfig.h"
#include "compiler/import/hf/HfBuilder.h"

namespace quantc {

namespace {

constexpr std::string_view kLayer = "{}";

/// The name in the file of a tensor whose name in the architecture's code is `name`, if that is `row` with a number and a suffix. Else empty.
std::string nameInFile(const GgufTensorName& row, std::string_view name) {
  size_t layer = row.name.find(kLayer);
  std::string number;
  if (layer == std::string_view::npos) {
    if (name.substr(0, row.name.size()) != row.name)
      return {};
    name.remove_prefix(row.name.size());
  } else {
    if (name.substr(0, layer) != row.name.substr(0, layer))
      return {};
    name.remove_prefix(layer);
    number = name.substr(0, name.find_first_not_of("0123456789"));
    name.remove_prefix(number.size());
    std::string_view rest = row.name.substr(layer + kLayer.size());
    if (number.empty() || name.substr(0, rest.size()) != rest)
      return {};
    name.remove_prefix(rest.size());
  }
  if (name != ".weight" && name != ".bias")
    return {};
  std::string result(row.inFile);
  if (size_t at = result.find(kLayer); at != std::string::npos)
    result.replace(at, kLayer.size(), number);
  return result.append(name);
}

}  // namespace

GgufCheckpoint::GgufCheckpoint(std::unique_ptr<GgufFile> file, const GgufArchitecture& architecture, const ConfigJson& config)
    : architecture_(architecture) {
  files_.push_back(std::move(file));
  if (architecture.family == GgufFamily::decoder) {
    AttentionShape shape = attentionShape(config, config.count("hidden_size"));
    heads_ = shape.heads;
    kvHeads_ = shape.kvHeads;
  }
}

std::optional<CheckpointTensor> GgufCheckpoint::find(const std::string& name) const {
  for (const GgufTensorName& row : ggufTensorNames()) {
    if (row.family != architecture_.family)
      continue;
    std::string inFile = nameInFile(row, name);
    const StoredTensor* tensor = inFile.empty() ? nullptr : files_.front()->find(inFile);
    if (!tensor)
      continue;
    switch (row.arrangement) {
    case GgufArrangement::asIs: return CheckpointTensor{0, tensor};
    case GgufArrangement::transposed:
      return CheckpointTensor{0, tensor, tensor->shape.size() == 2 ? Arrangement::transposed : Arrangement::asIs};
    case GgufArrangement::queries: return CheckpointTensor{0, tensor, architecture_.queriesAndKeys, heads_};
    case GgufArrangement::keys: return CheckpointTensor{0, tensor, architecture_.queriesAndKeys, kvHeads_};
    }
  }
  return std::nullopt;
}

bool GgufCheckpoint::isConfig(const StoredTensor& tensor) const { return hasRope(architecture_) && tensor.name == kGgufRopeDivisors; }

}  // namespace quantc
