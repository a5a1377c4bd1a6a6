// What GGUF files (version 3) are made of, and the sizes of the tensors in one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quantc::bench::gguf {

constexpr const char* kMagic = "GGUF";
constexpr uint32_t kVersion = 3;
constexpr uint64_t kAlignment = 32;

constexpr uint64_t aligned(uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

enum class ValueType : uint32_t { uint8, int8, uint16, int16, uint32, int32, float32, boolean, string, array, uint64, int64, float64 };
enum class TensorType : uint32_t { f32 = 0, f16 = 1 };

struct TensorSize {
  std::string name;
  std::vector<uint64_t> dims;  ///< innermost first
  uint64_t bytes;              ///< up to the next tensor, so with up to 31 bytes of padding
};

/// The tensors of a file. Throws std::runtime_error with the file's name.
std::vector<TensorSize> tensorSizes(const std::string& path);

}  // namespace quantc::bench::gguf
