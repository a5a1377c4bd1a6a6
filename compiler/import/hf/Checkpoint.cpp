#include "compiler/import/hf/Checkpoint.h"

#include <algorithm>
#include <map>

#include "compiler/support/Error.h"
#include "compiler/support/Json.h"
#include "compiler/weights/Safetensors.h"

namespace quantc {

namespace fs = std::filesystem;

namespace {

constexpr JsonLimits kIndexLimits{64 << 20, 8};
constexpr size_t kMostShards = 10'000;
constexpr const char* kFetchAgain = "; fetch the checkpoint again";
constexpr const char* kPrefixes[] = {"", "model.", "transformer.", "bert.", "distilbert.", "text_model.", "vit."};

std::vector<fs::path> filesWithExtension(const fs::path& folder, const std::string& extension) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == extension)
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

FolderCheckpoint::FolderCheckpoint(const fs::path& folder) {
  fs::path whole = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
  if (fs::exists(whole)) {
    main_ = whole;
    add(whole);
  } else if (fs::exists(index)) {
    main_ = index;
    openIndex(index);
  } else {
    std::vector<fs::path> candidates = filesWithExtension(folder, ".safetensors");
    if (candidates.size() > 1)
      throw UserError(folder.string(), "has " + std::to_string(candidates.size()) +
                                           " .safetensors files and no model.safetensors.index.json that lists them; fetch that file too");
    if (candidates.empty())
      throw UserError(folder.string(),
                      std::string("has no model.safetensors") + (filesWithExtension(folder, ".bin").empty()
                                                                     ? "; fetch the checkpoint's weights"
                                                                     : ", only PyTorch .bin files; convert them to safetensors"));
    main_ = candidates.front();
    add(main_);
  }
}

void FolderCheckpoint::openIndex(const fs::path& index) {
  nlohmann::json content = readJsonFile(index, kIndexLimits);
  auto map = content.is_object() ? content.find("weight_map") : content.end();
  if (!content.is_object() || map == content.end() || !map->is_object())
    throw UserError(index.string(), std::string("has no object 'weight_map'") + kFetchAgain);
  std::map<std::string, std::vector<std::string>> tensorsOfShard;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string())
      throw UserError(index.string() + ":" + tensor, std::string("its file is ") + jsonKind(shard) + ", expected a string" + kFetchAgain);
    tensorsOfShard[shard.get<std::string>()].push_back(tensor);
  }
  if (tensorsOfShard.size() > kMostShards)
    throw UserError(index.string(), "names " + std::to_string(tensorsOfShard.size()) + " files, at most " + std::to_string(kMostShards) +
                                        " are allowed" + kFetchAgain);
  for (const auto& [shard, tensors] : tensorsOfShard) {
    if (fs::path(shard).filename() != shard || shard == "." || shard == "..")
      throw UserError(index.string(), "names the file '" + shard + "', expected a file of the same folder" + kFetchAgain);
    if (!fs::exists(index.parent_path() / shard))
      throw UserError(index.string(), "names the file '" + shard + "', which is not in the folder" + kFetchAgain);
    add(index.parent_path() / shard);
    for (const std::string& tensor : tensors)
      if (!files_.back()->find(tensor))
        throw UserError(index.string() + ":" + tensor, "is not in '" + shard + "', where the index says it is" + kFetchAgain);
  }
}

void FolderCheckpoint::add(const fs::path& file) {
  files_.push_back(openSafetensors(file));
  unsigned index = static_cast<unsigned>(files_.size() - 1);
  for (const StoredTensor& tensor : files_.back()->tensors())
    if (!tensors_.emplace(tensor.name, CheckpointTensor{index, &tensor}).second)
      throw UserError(file.string() + ":" + tensor.name, std::string("is in another file of the checkpoint too") + kFetchAgain);
}

std::optional<CheckpointTensor> FolderCheckpoint::find(const std::string& name) const {
  for (const char* prefix : kPrefixes)
    if (auto found = tensors_.find(prefix + name); found != tensors_.end())
      return found->second;
  return std::nullopt;
}

}  // namespace quantc
