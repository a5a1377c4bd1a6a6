#include "compiler/import/gguf/GgufCheckpoint.h"

#include "compiler/import/gguf/GgufConfig.h"
#include "compiler/import/hf/HfBuilder.h"

namespace quantc {

namespace {

constexpr std::string_view kNumber = "{}";

/// Takes `start` off the front of `text`; false where it does not begin with it.
bool consume(std::string_view& text, std::string_view start) {
  bool begins = text.substr(0, start.size()) == start;
  text.remove_prefix(begins ? start.size() : 0);
  return begins;
}

/// The name in the file of a tensor whose name in the architecture's code is `name`, if that is `row` with its numbers and a suffix. Else empty.
std::string nameInFile(const GgufTensorName& row, std::string_view name) {
  std::string result(row.inFile);
  std::string_view pattern = row.name;
  for (size_t at = pattern.find(kNumber), written = 0; at != std::string_view::npos; at = pattern.find(kNumber)) {
    if (!consume(name, pattern.substr(0, at)))
      return {};
    std::string_view number = name.substr(0, name.find_first_not_of("0123456789"));
    written = result.find(kNumber, written);
    if (number.empty() || written == std::string::npos)
      return {};
    result.replace(written, kNumber.size(), number);
    name.remove_prefix(number.size());
    pattern.remove_prefix(at + kNumber.size());
  }
  if (!consume(name, pattern) || (name != ".weight" && name != ".bias"))
    return {};
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
    case GgufArrangement::row: return CheckpointTensor{0, tensor, tensor->shape.size() == 1 ? Arrangement::row : Arrangement::asIs};
    case GgufArrangement::queries: return CheckpointTensor{0, tensor, architecture_.queriesAndKeys, heads_};
    case GgufArrangement::keys: return CheckpointTensor{0, tensor, architecture_.queriesAndKeys, kvHeads_};
    }
  }
  return std::nullopt;
}

bool GgufCheckpoint::isConfig(const StoredTensor& tensor) const { return hasRope(architecture_) && tensor.name == kGgufRopeDivisors; }

}  // namespace quantc
