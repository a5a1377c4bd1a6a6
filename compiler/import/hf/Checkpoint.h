// The tensors of a Hugging Face folder: model.safetensors, or the shards that model.safetensors.index.json lists.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/weights/WeightFile.h"

namespace quantc {

/// Where a tensor is: `file` counts in Checkpoint::files.
struct CheckpointTensor {
  unsigned file;
  const StoredTensor* tensor;
};

class Checkpoint {
public:
  /// Throws UserError for a folder without safetensors, a missing or corrupt shard, and an index that does not fit the shards.
  explicit Checkpoint(const std::filesystem::path& folder);

  /// `name` as an architecture's code calls it, without the prefix (`model.`, `transformer.`, `bert.`, ...) that some checkpoints have. nullptr when absent.
  const CheckpointTensor* find(const std::string& name) const;

  const std::vector<std::unique_ptr<WeightFile>>& files() const { return files_; }
  /// The file to name in an error about a tensor that is nowhere.
  std::string where() const;

private:
  void openIndex(const std::filesystem::path& index);
  void add(const std::filesystem::path& file);

  std::vector<std::unique_ptr<WeightFile>> files_;
  std::unordered_map<std::string, CheckpointTensor> tensors_;
  std::filesystem::path main_;
};

}  // namespace quantc
