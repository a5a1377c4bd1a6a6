#include "bench/support/Gguf.h"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <stdexcept>

namespace quantc::bench::gguf {
namespace {

/// Reads the header in order. Every length is held against the file's size.
class Reader {
public:
  explicit Reader(const std::string& path) : path(path), stream(path, std::ios::binary | std::ios::ate) {
    if (!stream)
      throw std::runtime_error(path + ": cannot be opened");
    size = static_cast<uint64_t>(stream.tellg());
    stream.seekg(0);
  }
  template <typename T> T number() {
    T value{};
    stream.read(reinterpret_cast<char*>(&value), sizeof value);
    check(static_cast<bool>(stream));
    return value;
  }
  std::string string() {
    const uint64_t bytes = length();
    std::string text(bytes, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(bytes));
    check(static_cast<bool>(stream));
    return text;
  }
  uint64_t length() {
    const uint64_t count = number<uint64_t>();
    check(count <= size);
    return count;
  }
  void skip(ValueType type) {
    switch (type) {
    case ValueType::uint8:
    case ValueType::int8:
    case ValueType::boolean: number<uint8_t>(); return;
    case ValueType::uint16:
    case ValueType::int16: number<uint16_t>(); return;
    case ValueType::uint32:
    case ValueType::int32:
    case ValueType::float32: number<uint32_t>(); return;
    case ValueType::uint64:
    case ValueType::int64:
    case ValueType::float64: number<uint64_t>(); return;
    case ValueType::string: string(); return;
    case ValueType::array: {
      const auto element = static_cast<ValueType>(number<uint32_t>());
      check(element != ValueType::array);
      for (uint64_t count = length(); count > 0; --count)
        skip(element);
      return;
    }
    }
    check(false);
  }
  void check(bool good) const {
    if (!good)
      throw std::runtime_error(path + ": not a GGUF file of version 3, or cut short");
  }
  uint64_t position() { return static_cast<uint64_t>(stream.tellg()); }
  uint64_t size;

private:
  std::string path;
  std::ifstream stream;
};

}  // namespace

std::vector<TensorSize> tensorSizes(const std::string& path) {
  Reader reader(path);
  std::string magic(4, '\0');
  for (char& c : magic)
    c = reader.number<char>();
  reader.check(magic == kMagic && reader.number<uint32_t>() == kVersion);
  const uint64_t tensorCount = reader.length(), entryCount = reader.length();
  for (uint64_t i = 0; i < entryCount; ++i) {
    reader.string();
    reader.skip(static_cast<ValueType>(reader.number<uint32_t>()));
  }
  std::vector<TensorSize> tensors(tensorCount);
  std::vector<uint64_t> offsets(tensorCount);
  for (uint64_t i = 0; i < tensorCount; ++i) {
    tensors[i].name = reader.string();
    const auto rank = reader.number<uint32_t>();
    reader.check(rank <= 4);
    for (uint32_t d = 0; d < rank; ++d)
      tensors[i].dims.push_back(reader.number<uint64_t>());
    reader.number<uint32_t>();  // the type: sizes are told by the offsets
    offsets[i] = reader.number<uint64_t>();
  }
  const uint64_t start = aligned(reader.position());
  reader.check(start <= reader.size);
  std::vector<size_t> order(tensorCount);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return offsets[a] < offsets[b]; });
  for (size_t i = 0; i < order.size(); ++i) {
    const uint64_t end = i + 1 < order.size() ? offsets[order[i + 1]] : reader.size - start;
    reader.check(end >= offsets[order[i]]);
    tensors[order[i]].bytes = end - offsets[order[i]];
  }
  return tensors;
}

}  // namespace quantc::bench::gguf
