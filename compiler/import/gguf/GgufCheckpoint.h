// The tensors of a GGUF file by the names that the architectures' code uses.
#pragma once

#include "compiler/import/gguf/GgufArchitectures.h"
#include "compiler/import/hf/ConfigJson.h"
#include "compiler/weights/GgufFile.h"

namespace quantc {

class GgufCheckpoint final : public Checkpoint {
public:
  /// `config` is the file's own, from ggufConfig.
  GgufCheckpoint(std::unique_ptr<GgufFile> file, const GgufArchitecture& architecture, const ConfigJson& config);

  std::optional<CheckpointTensor> find(const std::string& name) const override;
  bool isConfig(const StoredTensor& tensor) const override;
  const std::vector<std::unique_ptr<WeightFile>>& files() const override { return files_; }
  std::string where() const override { return files_.front()->path().string(); }

private:
  std::vector<std::unique_ptr<WeightFile>> files_;
  const GgufArchitecture& architecture_;
  int64_t heads_ = 0, kvHeads_ = 0;
};

}  // namespace quantc
