#include "compiler/import/onnx/FolderConfig.h"

#include "compiler/support/Error.h"
#include "compiler/support/Json.h"

namespace quantc::onnx_import {

std::optional<int64_t> configuredNumber(const std::filesystem::path& folder, const char* key, std::initializer_list<const char*> files) {
  for (const char* file : files) {
    if (!std::filesystem::exists(folder / file))
      continue;
    nlohmann::json json = readJsonFile(folder / file);
    auto found = json.is_object() ? json.find(key) : json.end();
    if (json.is_object() && found != json.end() && found->is_number_integer() && found->get<int64_t>() >= 0 &&
        found->get<int64_t>() <= INT32_MAX)
      return found->get<int64_t>();
  }
  return std::nullopt;
}

int64_t configuredPositions(const std::filesystem::path& folder, int64_t usual) {
  for (const char* key : {"max_position_embeddings", "n_positions", "max_target_positions"})
    if (auto positions = configuredNumber(folder, key, {"config.json"}); positions && *positions > 0)
      return *positions;
  return usual;
}

std::filesystem::path configFolder(const std::filesystem::path& graphs) {
  const std::filesystem::path around = graphs.parent_path();
  return graphs.filename() == kHubFolder && !std::filesystem::exists(graphs / "config.json") &&
                 std::filesystem::exists(around / "config.json")
             ? around
             : graphs;
}

int32_t startToken(const std::filesystem::path& folder, int64_t vocabulary, int32_t usual) {
  int64_t start = configuredNumber(folder, "decoder_start_token_id", {"generation_config.json", "config.json"}).value_or(usual);
  if (start >= vocabulary)
    throw UserError(folder.string(), "decoding begins with token " + std::to_string(start) + ", which is none of the vocabulary's " +
                                         std::to_string(vocabulary) + "; correct decoder_start_token_id");
  return static_cast<int32_t>(start);
}

}  // namespace quantc::onnx_import
