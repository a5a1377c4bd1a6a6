#include <cstdio>
#include <cstring>

#include "bench/Checkpoint.h"
#include "bench/support/Gguf.h"
#include "bench/support/RandomWeights.h"
#include "dialects/schemes/Scheme.h"

namespace quantc::bench {
namespace {

using namespace gguf;

/// Builds the part of the file before the tensors' data.
class Header {
public:
  template <typename T> void number(T value) {
    const auto* bytes = reinterpret_cast<const char*>(&value);
    data.append(bytes, sizeof value);
  }
  void string(const std::string& text) {
    number<uint64_t>(text.size());
    data += text;
  }
  template <typename T> void entry(const std::string& key, ValueType type, T value) {
    key_(key, type);
    number(value);
  }
  void entry(const std::string& key, const std::string& value) {
    key_(key, ValueType::string);
    string(value);
  }
  void array(const std::string& key, ValueType type, uint64_t count) {
    key_(key, ValueType::array);
    number(static_cast<uint32_t>(type));
    number(count);
  }
  uint64_t entries = 0;
  std::string data;

private:
  void key_(const std::string& key, ValueType type) {
    ++entries;
    string(key);
    number(static_cast<uint32_t>(type));
  }
};

/// Pieces that no text needs: three controls, the 256 bytes, and numbered words up to the vocabulary's size.
void addTokenizer(Header& header, int64_t vocabulary) {
  enum TokenType : int32_t { normal = 1, unknown = 2, control = 3, byte = 6 };
  constexpr int64_t controls = 3, bytes = 256;
  const auto typeOf = [&](int64_t id) { return id == 0 ? unknown : id < controls ? control : id < controls + bytes ? byte : normal; };
  header.entry("tokenizer.ggml.model", "llama");
  header.array("tokenizer.ggml.tokens", ValueType::string, static_cast<uint64_t>(vocabulary));
  for (int64_t id = 0; id < vocabulary; ++id) {
    char text[32];
    if (id < controls)
      std::snprintf(text, sizeof text, "%s", id == 0 ? "<unk>" : id == 1 ? "<s>" : "</s>");
    else if (id < controls + bytes)
      std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(id - controls));
    else
      std::snprintf(text, sizeof text, "\xe2\x96\x81t%ld", static_cast<long>(id));
    header.string(text);
  }
  header.array("tokenizer.ggml.scores", ValueType::float32, static_cast<uint64_t>(vocabulary));
  for (int64_t id = 0; id < vocabulary; ++id)
    header.number<float>(-static_cast<float>(id));
  header.array("tokenizer.ggml.token_type", ValueType::int32, static_cast<uint64_t>(vocabulary));
  for (int64_t id = 0; id < vocabulary; ++id)
    header.number<int32_t>(typeOf(id));
  header.entry<uint32_t>("tokenizer.ggml.bos_token_id", ValueType::uint32, 1);
  header.entry<uint32_t>("tokenizer.ggml.eos_token_id", ValueType::uint32, 2);
  header.entry<uint32_t>("tokenizer.ggml.unknown_token_id", ValueType::uint32, 0);
}

void addModel(Header& header, const LlamaShape& s) {
  const auto size = [&](const char* key, int64_t value) {
    header.entry(std::string("llama.") + key, ValueType::uint32, static_cast<uint32_t>(value));
  };
  header.entry("general.architecture", "llama");
  header.entry("general.name", s.name);
  header.entry("general.alignment", ValueType::uint32, uint32_t{kAlignment});
  header.entry("general.file_type", ValueType::uint32, uint32_t{1});  // mostly F16
  size("vocab_size", s.vocabulary);
  size("context_length", s.context);
  size("embedding_length", s.width);
  size("block_count", s.layers);
  size("feed_forward_length", s.ffn);
  size("attention.head_count", s.heads);
  size("attention.head_count_kv", s.kvHeads);
  size("rope.dimension_count", s.headDim());
  header.entry("llama.attention.layer_norm_rms_epsilon", ValueType::float32, static_cast<float>(kRmsEpsilon));
  header.entry("llama.rope.freq_base", ValueType::float32, static_cast<float>(s.ropeTheta));
}

struct Stored {
  const Tensor* source;  ///< nullptr: the divisors of RoPE's frequencies
  std::string name;
  std::vector<int64_t> dims;  ///< outermost first
  bool f32;
  uint64_t bytes;
};

std::vector<Stored> storedTensors(const LlamaShape& shape, const std::vector<Tensor>& tensors) {
  std::vector<Stored> stored;
  for (const Tensor& tensor : tensors)
    stored.push_back({&tensor, tensor.ggufName, tensor.dims, tensor.isNorm(), tensor.elements() * (tensor.isNorm() ? 4 : 2)});
  if (shape.llama3Rope)
    stored.push_back({nullptr, "rope_freqs.weight", {shape.headDim() / 2}, true, static_cast<uint64_t>(2 * shape.headDim())});
  return stored;
}

/// Hugging Face rotates a head's element j with j + d/2, GGUF's llama 2 j with 2 j + 1: of every head, row j and row j + d/2 come together.
std::vector<uint16_t> withPairsTogether(const std::vector<uint16_t>& rows, int64_t headDim, int64_t columns) {
  std::vector<uint16_t> result(rows.size());
  const size_t rowBytes = 2 * static_cast<size_t>(columns);
  const auto count = static_cast<int64_t>(rows.size()) / columns;
  for (int64_t to = 0; to < count; ++to) {
    const int64_t within = to % headDim, from = to - within + within / 2 + within % 2 * (headDim / 2);
    std::memcpy(result.data() + to * columns, rows.data() + from * columns, rowBytes);
  }
  return result;
}

void writeTensor(std::ofstream& stream, const Stored& stored, const LlamaShape& shape, RandomWeights& random) {
  const auto write = [&](const void* data, uint64_t bytes) {
    stream.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
  };
  if (!stored.source) {
    write(Llama3Rope().divisors(shape.headDim(), shape.ropeTheta).data(), stored.bytes);
    return;
  }
  const Tensor& tensor = *stored.source;
  const bool whole = tensor.kind != Tensor::Kind::plain;
  std::vector<uint16_t> kept;
  random.draw(tensor.elements(), tensor.isNorm(), [&](const uint16_t* values, uint64_t count) {
    if (whole) {
      kept.insert(kept.end(), values, values + count);
    } else if (tensor.isNorm()) {
      std::vector<float> floats(count);
      for (uint64_t i = 0; i < count; ++i)
        floats[i] = floatFromHalf(values[i]);
      write(floats.data(), 4 * count);
    } else {
      write(values, 2 * count);
    }
  });
  if (whole)
    write(withPairsTogether(kept, shape.headDim(), tensor.dims[1]).data(), stored.bytes);
}

}  // namespace

void writeGguf(const LlamaShape& shape, const std::filesystem::path& file) {
  const std::vector<Tensor> tensors = tensorsOf(shape);
  const std::vector<Stored> stored = storedTensors(shape, tensors);
  Header header;
  addModel(header, shape);
  addTokenizer(header, shape.vocabulary);
  uint64_t offset = 0;
  for (const Stored& tensor : stored) {
    header.string(tensor.name);
    header.number(static_cast<uint32_t>(tensor.dims.size()));
    for (size_t i = tensor.dims.size(); i-- > 0;)
      header.number(static_cast<uint64_t>(tensor.dims[i]));
    header.number(static_cast<uint32_t>(tensor.f32 ? TensorType::f32 : TensorType::f16));
    header.number(offset);
    offset += aligned(tensor.bytes);
  }
  Header start;
  start.data = kMagic;
  start.number(kVersion);
  start.number(static_cast<uint64_t>(stored.size()));
  start.number(header.entries);
  start.data += header.data;
  start.data.resize(aligned(start.data.size()), '\0');

  if (file.has_parent_path())
    std::filesystem::create_directories(file.parent_path());
  std::ofstream stream(file, std::ios::binary);
  stream << start.data;
  RandomWeights random;
  for (const Stored& tensor : stored) {
    writeTensor(stream, tensor, shape, random);
    stream << std::string(aligned(tensor.bytes) - tensor.bytes, '\0');
  }
  stream.close();
  checkWritten(stream, file.string());
  std::printf("%s: %.2f GB\n", file.c_str(), static_cast<double>(offset) / 1e9);
}

}  // namespace quantc::bench
