// The tensors of a model by name; those of a Hugging Face folder: model.safetensors, or the shards that model.safetensors.index.json lists.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/weights/WeightFile.h"

namespace quantc {

/// How a tensor lies in the file, where that is not how its architecture's code has it.
enum class Arrangement : uint8_t {
  asIs,
  transposed,   ///< [columns, rows]
  row,          ///< a matrix of one row without that dimension
  rotaryPairs,  ///< rows of every head in the order of pairs: row 2 i + j of the file is row i + j * headDim / 2 of the head
};

/// Where a tensor is: `file` counts in Checkpoint::files.
struct CheckpointTensor {
  unsigned file;
  const StoredTensor* tensor;
  Arrangement arrangement = Arrangement::asIs;
  int64_t heads = 0;  ///< of rotaryPairs
};

/// The tensors of a model by the names that its architecture's code gives them.
class Checkpoint {
public:
  virtual ~Checkpoint() = default;
  /// nullopt when absent.
  virtual std::optional<CheckpointTensor> find(const std::string& name) const = 0;
  /// Whether a tensor is no weight but part of what the config says.
  virtual bool isConfig(const StoredTensor& tensor) const { return false; }
  virtual const std::vector<std::unique_ptr<WeightFile>>& files() const = 0;
  /// The file to name in an error about a tensor that is nowhere.
  virtual std::string where() const = 0;
};

class FolderCheckpoint final : public Checkpoint {
public:
  /// Throws UserError for a folder without safetensors, a missing or corrupt shard, and an index that does not fit the shards.
  explicit FolderCheckpoint(const std::filesystem::path& folder);

  /// `name` is without the prefix (`model.`, `transformer.`, `bert.`, ...) that some checkpoints have.
  std::optional<CheckpointTensor> find(const std::string& name) const override;
  const std::vector<std::unique_ptr<WeightFile>>& files() const override { return files_; }
  std::string where() const override { return main_.string(); }

private:
  void openIndex(const std::filesystem::path& index);
  void add(const std::filesystem::path& file);

  std::vector<std::unique_ptr<WeightFile>> files_;
  std::unordered_map<std::string, CheckpointTensor> tensors_;
  std::filesystem::path main_;
};

}  // namespace quantc
