// Writes a Llama-shaped Hugging Face checkpoint with random float16 weights of a known model's shape, to measure the compiler and the runtime on
// sizes that nobody wants to download. Streams: memory does not grow with the model. The same arguments give the same bytes.

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "dialects/schemes/Scheme.h"

namespace {

using Json = nlohmann::ordered_json;

struct Shape {
  const char* name;
  int64_t width, ffn, layers, heads, kvHeads, vocabulary;
  bool tied;
  int64_t context;
  double ropeTheta;
  bool llama3Rope;

  int64_t headDim() const { return width / heads; }
};

constexpr std::array<Shape, 3> shapes = {{
    {"smollm2-135m", 576, 1536, 30, 9, 3, 49152, true, 8192, 100000, false},
    {"tinyllama-1.1b", 2048, 5632, 22, 32, 4, 32000, false, 2048, 10000, false},
    {"llama-3.2-1b", 2048, 8192, 16, 32, 8, 128256, true, 131072, 500000, true},
}};

struct Tensor {
  std::string name;
  std::vector<int64_t> dims;  ///< one: a norm's weight, values near 1; two: [out, in], values near 0

  uint64_t elements() const {
    uint64_t count = 1;
    for (int64_t dim : dims)
      count *= static_cast<uint64_t>(dim);
    return count;
  }
  uint64_t bytes() const { return 2 * elements(); }
};

std::vector<Tensor> tensorsOf(const Shape& s) {
  std::vector<Tensor> tensors = {{"model.embed_tokens.weight", {s.vocabulary, s.width}}};
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    std::string prefix = "model.layers." + std::to_string(layer) + ".";
    int64_t kvWidth = s.kvHeads * s.headDim();
    tensors.push_back({prefix + "input_layernorm.weight", {s.width}});
    tensors.push_back({prefix + "self_attn.q_proj.weight", {s.width, s.width}});
    tensors.push_back({prefix + "self_attn.k_proj.weight", {kvWidth, s.width}});
    tensors.push_back({prefix + "self_attn.v_proj.weight", {kvWidth, s.width}});
    tensors.push_back({prefix + "self_attn.o_proj.weight", {s.width, s.width}});
    tensors.push_back({prefix + "post_attention_layernorm.weight", {s.width}});
    tensors.push_back({prefix + "mlp.gate_proj.weight", {s.ffn, s.width}});
    tensors.push_back({prefix + "mlp.up_proj.weight", {s.ffn, s.width}});
    tensors.push_back({prefix + "mlp.down_proj.weight", {s.width, s.ffn}});
  }
  tensors.push_back({"model.norm.weight", {s.width}});
  if (!s.tied)
    tensors.push_back({"lm_head.weight", {s.vocabulary, s.width}});
  return tensors;
}

Json configOf(const Shape& s) {
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
                 {"rms_norm_eps", 1e-5},
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
    config["rope_scaling"] = {{"rope_type", "llama3"},
                              {"factor", 32.0},
                              {"low_freq_factor", 1.0},
                              {"high_freq_factor", 4.0},
                              {"original_max_position_embeddings", 8192}};
  }
  return config;
}

/// 65,536 binary16 values that are equally likely: the quantiles of a normal distribution. Drawing a weight is then one look-up.
std::vector<uint16_t> normalTable(double mean, double deviation) {
  constexpr int half = 32768;
  std::vector<uint16_t> table(2 * half);
  double x = 0;
  for (int i = 0; i < half; ++i) {
    // The quantile of upper tail probability p, by Newton's method from its neighbour; it is convex there, so this converges.
    double p = 0.5 - (i + 0.5) / (2 * half);
    for (int step = 0; step < 20; ++step) {
      double density = std::exp(-0.5 * x * x) * 0.3989422804014327;
      x += (0.5 * std::erfc(x * 0.7071067811865476) - p) / density;
    }
    table[half + i] = quantc::halfFromFloat(static_cast<float>(mean + deviation * x));
    table[half - 1 - i] = quantc::halfFromFloat(static_cast<float>(mean - deviation * x));
  }
  return table;
}

/// SplitMix64: fast, and good enough for weights.
struct Random {
  uint64_t state;
  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
};

void checked(const std::ofstream& stream, const std::string& path) {
  if (!stream)
    throw std::runtime_error(path + ": cannot be written; check the folder and the space on the disk");
}

class Writer {
public:
  explicit Writer(std::filesystem::path folder) : folder(std::move(folder)) {}

  void writeJson(const std::string& name, const Json& json) const {
    std::string path = (folder / name).string();
    std::ofstream stream(path);
    stream << json.dump(2) << "\n";
    stream.close();
    checked(stream, path);
  }

  void writeShard(const std::string& name, const std::vector<Tensor>& tensors) {
    Json header = {{"__metadata__", {{"format", "pt"}}}};
    uint64_t offset = 0;
    for (const Tensor& tensor : tensors) {
      header[tensor.name] = {{"dtype", "F16"}, {"shape", tensor.dims}, {"data_offsets", {offset, offset + tensor.bytes()}}};
      offset += tensor.bytes();
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
      writeRandom(stream, tensor);
    stream.close();
    checked(stream, path);
    std::printf("%s: %.2f GB\n", path.c_str(), static_cast<double>(offset) / 1e9);
  }

private:
  void writeRandom(std::ofstream& stream, const Tensor& tensor) {
    const std::vector<uint16_t>& table = tensor.dims.size() == 1 ? nearOne : nearZero;
    uint64_t left = tensor.elements();
    while (left > 0 && stream) {
      uint64_t count = std::min<uint64_t>(left, buffer.size());
      for (uint64_t i = 0; i < count; i += 4) {
        uint64_t bits = random.next();
        for (uint64_t j = 0; j < 4; ++j)
          buffer[i + j] = table[(bits >> (16 * j)) & 0xffff];
      }
      stream.write(reinterpret_cast<const char*>(buffer.data()), static_cast<std::streamsize>(2 * count));
      left -= count;
    }
  }

  std::filesystem::path folder;
  Random random{1};
  std::vector<uint16_t> nearZero = normalTable(0, 0.02);
  std::vector<uint16_t> nearOne = normalTable(1, 0.05);
  std::vector<uint16_t> buffer = std::vector<uint16_t>(1 << 18);
};

/// Cuts the tensors, in their order, into `count` parts of about equal bytes, none of them empty.
std::vector<std::vector<Tensor>> cut(const std::vector<Tensor>& tensors, size_t count) {
  uint64_t total = 0;
  for (const Tensor& tensor : tensors)
    total += tensor.bytes();
  std::vector<std::vector<Tensor>> parts(1);
  uint64_t done = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    bool partIsFull = done >= total / count * parts.size();
    bool restIsNeeded = tensors.size() - i == count - parts.size();
    if (!parts.back().empty() && parts.size() < count && (partIsFull || restIsNeeded))
      parts.emplace_back();
    parts.back().push_back(tensors[i]);
    done += tensors[i].bytes();
  }
  return parts;
}

void makeModel(const Shape& shape, const std::string& folder, size_t shardCount) {
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
      total += tensor.bytes();
    }
  }
  index["metadata"]["total_size"] = total;
  writer.writeJson("model.safetensors.index.json", index);
}

int usage(FILE* stream) {
  std::fputs("usage: make-model SHAPE FOLDER [--shards=N]\n\nWrites a checkpoint with random float16 weights into FOLDER. Shapes:\n",
             stream);
  for (const Shape& shape : shapes)
    std::fprintf(stream, "  %-15s width %ld, FFN %ld, %ld layers, %ld heads over %ld, vocabulary %ld%s\n", shape.name, shape.width,
                 shape.ffn, shape.layers, shape.heads, shape.kvHeads, shape.vocabulary, shape.tied ? ", tied" : "");
  return stream == stdout ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> positional;
  size_t shardCount = 1;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--help")
      return usage(stdout);
    if (argument.rfind("--shards=", 0) == 0)
      shardCount = std::strtoul(argument.c_str() + 9, nullptr, 10);
    else if (argument.rfind("--", 0) == 0)
      return usage(stderr);
    else
      positional.push_back(argument);
  }
  if (positional.size() != 2 || shardCount == 0)
    return usage(stderr);
  for (const Shape& shape : shapes) {
    if (positional[0] != shape.name)
      continue;
    try {
      makeModel(shape, positional[1], shardCount);
      return 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "error: %s\n", error.what());
      return 1;
    }
  }
  std::fprintf(stderr, "error: unknown shape '%s'\n", positional[0].c_str());
  return usage(stderr);
}
