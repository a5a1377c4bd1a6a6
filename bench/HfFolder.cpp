#include <nlohmann/json.hpp>

#include <array>
#include <cstdio>
#include <stdexcept>

#include "bench/Checkpoint.h"
#include "bench/support/RandomWeights.h"

namespace quantc::bench {
namespace {

using Json = nlohmann::ordered_json;

uint64_t bytesOf(const Tensor& tensor) { return 2 * tensor.elements(); }

Json configOf(const LlamaShape& s) {
  Json config = {{"architectures", {"LlamaForCausalLM"}},
                 {"model_type", "llama"},
                 {"hidden_size", s.width},
                 {"intermediate_size", s.ffn},
                 {"num_hidden_layers", s.layers},
                 {"num_attention_heads", s.heads},
                 {"num_key_value_heads", s.kvHeads},
                 {"head_dim", s.headDim()},
                 {"vocab_size", s.vocabulary},
                 {"max_position_embeddings", s.context},
                 {"rms_norm_eps", kRmsEpsilon},
                 {"rope_theta", s.ropeTheta},
                 {"rope_scaling", nullptr},
                 {"hidden_act", "silu"},
                 {"attention_bias", false},
                 {"mlp_bias", false},
                 {"tie_word_embeddings", s.tied},
                 {"torch_dtype", "float16"},
                 {"bos_token_id", 1},
                 {"eos_token_id", 2}};
  if (s.llama3Rope) {
    const Llama3Rope rope;
    config["rope_scaling"] = {{"rope_type", "llama3"},
                              {"factor", rope.factor},
                              {"low_freq_factor", rope.lowFrequency},
                              {"high_freq_factor", rope.highFrequency},
                              {"original_max_position_embeddings", static_cast<int64_t>(rope.originalContext)}};
  }
  return config;
}

class Writer {
public:
  explicit Writer(std::filesystem::path folder) : folder(std::move(folder)) {}

  void writeJson(const std::string& name, const Json& json) const {
    std::string path = (folder / name).string();
    std::ofstream stream(path);
    stream << json.dump(2) << "\n";
    stream.close();
    checkWritten(stream, path);
  }

  void writeShard(const std::string& name, const std::vector<Tensor>& tensors) {
    Json header = {{"__metadata__", {{"format", "pt"}}}};
    uint64_t offset = 0;
    for (const Tensor& tensor : tensors) {
      header[tensor.name] = {{"dtype", "F16"}, {"shape", tensor.dims}, {"data_offsets", {offset, offset + bytesOf(tensor)}}};
      offset += bytesOf(tensor);
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');

    std::string path = (folder / name).string();
    std::ofstream stream(path, std::ios::binary);
    uint64_t textBytes = text.size();
    for (int byte = 0; byte < 8; ++byte)
      stream.put(static_cast<char>(textBytes >> (8 * byte)));
    stream.write(text.data(), static_cast<std::streamsize>(text.size()));
    for (const Tensor& tensor : tensors)
      random.draw(tensor.elements(), tensor.isNorm(), [&](const uint16_t* values, uint64_t count) {
        stream.write(reinterpret_cast<const char*>(values), static_cast<std::streamsize>(2 * count));
      });
    stream.close();
    checkWritten(stream, path);
    std::printf("%s: %.2f GB\n", path.c_str(), static_cast<double>(offset) / 1e9);
  }

private:
  std::filesystem::path folder;
  RandomWeights random;
};

/// Cuts the tensors, in their order, into `count` parts of about equal bytes, none of them empty.
std::vector<std::vector<Tensor>> cut(const std::vector<Tensor>& tensors, size_t count) {
  uint64_t total = 0;
  for (const Tensor& tensor : tensors)
    total += bytesOf(tensor);
  std::vector<std::vector<Tensor>> parts(1);
  uint64_t done = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    bool partIsFull = done >= total / count * parts.size();
    bool restIsNeeded = tensors.size() - i == count - parts.size();
    if (!parts.back().empty() && parts.size() < count && (partIsFull || restIsNeeded))
      parts.emplace_back();
    parts.back().push_back(tensors[i]);
    done += bytesOf(tensors[i]);
  }
  return parts;
}

}  // namespace

void checkWritten(const std::ofstream& stream, const std::string& path) {
  if (!stream)
    throw std::runtime_error(path + ": cannot be written; check the folder and the space on the disk");
}

void writeFolder(const LlamaShape& shape, const std::filesystem::path& folder, size_t shardCount) {
  std::vector<Tensor> tensors = tensorsOf(shape);
  if (shardCount > tensors.size())
    throw std::runtime_error("--shards=" + std::to_string(shardCount) + ": the model has " + std::to_string(tensors.size()) +
                             " tensors; ask for fewer");
  std::filesystem::create_directories(folder);
  Writer writer(folder);
  writer.writeJson("config.json", configOf(shape));
  if (shardCount == 1) {
    writer.writeShard("model.safetensors", tensors);
    return;
  }
  Json index = {{"metadata", {{"total_size", 0}}}, {"weight_map", Json::object()}};
  uint64_t total = 0;
  std::vector<std::vector<Tensor>> parts = cut(tensors, shardCount);
  for (size_t i = 0; i < parts.size(); ++i) {
    std::array<char, 64> name;
    std::snprintf(name.data(), name.size(), "model-%05zu-of-%05zu.safetensors", i + 1, parts.size());
    writer.writeShard(name.data(), parts[i]);
    for (const Tensor& tensor : parts[i]) {
      index["weight_map"][tensor.name] = name.data();
      total += bytesOf(tensor);
    }
  }
  index["metadata"]["total_size"] = total;
  writer.writeJson("model.safetensors.index.json", index);
}

}  // namespace quantc::bench
