// What one generated token reads, by the sizes that a file states: of a GGUF file, or of what `quantc inspect --json` printed.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "bench/support/Gguf.h"

namespace {

using Json = nlohmann::json;

struct PerToken {
  uint64_t weights = 0;        ///< linear layers, head, norms, and one row of an embedding that is not the head
  uint64_t kvPerPosition = 0;  ///< keys and values of one earlier token, all layers
};

PerToken ofGguf(const std::string& path) {
  constexpr uint64_t halfBytes = 2;  // llama.cpp's default type of the KV cache is F16
  PerToken result;
  uint64_t embedding = 0, embeddingRow = 0;
  bool tied = true;
  for (const quantc::bench::gguf::TensorSize& tensor : quantc::bench::gguf::tensorSizes(path)) {
    result.weights += tensor.bytes;
    if (tensor.name == "token_embd.weight" && tensor.dims.size() == 2 && tensor.dims[1] > 0) {
      embedding = tensor.bytes;
      embeddingRow = tensor.bytes / tensor.dims[1];
    }
    tied = tied && tensor.name != "output.weight";
    const bool keyOrValue =
        tensor.name.find("attn_k.weight") != std::string::npos || tensor.name.find("attn_v.weight") != std::string::npos;
    if (keyOrValue && tensor.dims.size() == 2)
      result.kvPerPosition += halfBytes * tensor.dims[1];
  }
  if (!tied)
    result.weights -= embedding - embeddingRow;
  return result;
}

PerToken ofArtifact(const Json& json) {
  PerToken result;
  const auto vocabulary = json.at("vocabulary").get<uint64_t>();
  const Json* embedding = nullptr;
  int tables = 0;
  for (const Json& tensor : json.at("tensors")) {
    result.weights += tensor.at("bytes").get<uint64_t>();
    const Json& shape = tensor.at("shape");
    if (shape.size() != 2 || shape[0] != vocabulary)
      continue;
    ++tables;
    if (tensor.at("name").get<std::string>().find("embed") != std::string::npos)
      embedding = &tensor;
  }
  if (tables > 1 && embedding) {
    const auto bytes = embedding->at("bytes").get<uint64_t>();
    result.weights -= bytes - bytes / vocabulary;
  }
  for (const Json& buffer : json.at("programs").at(0).at("buffers"))
    if (buffer.at("space") == "state")
      result.kvPerPosition += buffer.at("bytes").get<uint64_t>();
  result.kvPerPosition /= json.at("context").get<uint64_t>();
  return result;
}

PerToken of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  char magic[4] = {};
  stream.read(magic, sizeof magic);
  if (!stream)
    throw std::runtime_error(path + ": cannot be read");
  if (std::memcmp(magic, quantc::bench::gguf::kMagic, sizeof magic) == 0)
    return ofGguf(path);
  stream.seekg(0);
  return ofArtifact(Json::parse(stream));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || argv[1] == std::string("--help")) {
    std::fputs(
        "usage: model-bytes FILE.gguf|INSPECT.json\n\n"
        "Prints two numbers: bytes of weights that one generated token reads, and bytes of KV cache that it reads per earlier token.\n",
        argc == 2 ? stdout : stderr);
    return argc == 2 ? 0 : 2;
  }
  try {
    const PerToken result = of(argv[1]);
    std::printf("%lu %lu\n", result.weights, result.kvPerPosition);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s: %s\n", argv[1], error.what());
    return 1;
  }
}
