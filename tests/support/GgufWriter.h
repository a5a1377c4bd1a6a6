// GGUF files for tests, well-formed unless a test says otherwise.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/weights/GgufMetadata.h"

namespace quantc::test {

template <typename T> std::string littleEndian(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

inline std::string ggufString(std::string_view text) { return littleEndian<uint64_t>(text.size()).append(text); }

class GgufWriter {
public:
  /// Sizes are in GGUF's order: the innermost first. `offset` is found by the writer where it is kPlaced.
  static constexpr uint64_t kPlaced = ~uint64_t{0};
  struct Tensor {
    std::string name;
    uint32_t type;
    std::vector<uint64_t> sizes;
    std::string bytes;
    uint64_t offset = kPlaced;
  };

  /// The value's bytes as they lie in the file behind its kind.
  GgufWriter& raw(const std::string& key, GgufKind kind, std::string_view bytes) {
    values_ += ggufString(key) + littleEndian(static_cast<uint32_t>(kind));
    values_ += bytes;
    ++valueCount;
    return *this;
  }
  GgufWriter& text(const std::string& key, std::string_view value) { return raw(key, GgufKind::string, ggufString(value)); }
  GgufWriter& u32(const std::string& key, uint32_t value) { return raw(key, GgufKind::u32, littleEndian(value)); }
  GgufWriter& f32(const std::string& key, float value) { return raw(key, GgufKind::f32, littleEndian(value)); }
  GgufWriter& flag(const std::string& key, bool value) { return raw(key, GgufKind::boolean, littleEndian<uint8_t>(value)); }
  template <typename T> GgufWriter& list(const std::string& key, GgufKind kind, const std::vector<T>& values) {
    std::string bytes = littleEndian(static_cast<uint32_t>(kind)) + littleEndian<uint64_t>(values.size());
    for (const T& value : values)
      bytes += littleEndian(value);
    return raw(key, GgufKind::array, bytes);
  }
  GgufWriter& texts(const std::string& key, const std::vector<std::string>& values) {
    std::string bytes = littleEndian(static_cast<uint32_t>(GgufKind::string)) + littleEndian<uint64_t>(values.size());
    for (const std::string& value : values)
      bytes += ggufString(value);
    return raw(key, GgufKind::array, bytes);
  }
  GgufWriter& tensor(Tensor tensor) {
    tensors_.push_back(std::move(tensor));
    tensorCount = tensors_.size();
    return *this;
  }

  std::string bytes() const {
    std::string header = magic + littleEndian(version) + littleEndian(tensorCount) + littleEndian(valueCount) + values_, data;
    for (const Tensor& tensor : tensors_) {
      header += ggufString(tensor.name) + littleEndian(static_cast<uint32_t>(tensor.sizes.size()));
      for (uint64_t size : tensor.sizes)
        header += littleEndian(size);
      header += littleEndian(tensor.type) + littleEndian(tensor.offset == kPlaced ? data.size() : tensor.offset);
      data += tensor.bytes;
      data.resize((data.size() + alignment - 1) / alignment * alignment);
    }
    header.resize((header.size() + alignment - 1) / alignment * alignment);
    return header + data;
  }

  // What a hostile file changes.
  std::string magic = "GGUF";
  uint32_t version = 3;
  uint64_t tensorCount = 0, valueCount = 0;
  size_t alignment = 32;

private:
  std::string values_;
  std::vector<Tensor> tensors_;
};

/// Numbers of GGUF's types of tensors.
enum GgufType : uint32_t {
  ggufF32 = 0,
  ggufF16 = 1,
  ggufQ4_0 = 2,
  ggufQ5_0 = 6,
  ggufQ8_0 = 8,
  ggufQ4_K = 12,
  ggufQ6_K = 14,
  ggufBF16 = 30
};

}  // namespace quantc::test
