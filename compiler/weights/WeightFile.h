// Mapped files that hold tensors by name. One file per format beside this; openWeightFile picks by content.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace quantc {

struct BlockFormat;

/// Elements of fewer than eight bits lie several to a byte, the first in the low bits; a tensor ends with a whole byte.
enum class StoredType : uint8_t { f32, f16, bf16, f64, i2, u2, i4, u4, i8, u8, i16, u16, i32, i64, boolean };
int bitsOf(StoredType type);
/// Whole bytes of one element.
size_t bytesOf(StoredType type);
const char* storedTypeName(StoredType type);

/// A tensor as it lies in the file, row-major, little-endian. `data` lives as long as its WeightFile and may be unaligned.
struct StoredTensor {
  std::string name;
  StoredType type;  ///< of the elements; of blocks: what they decode to, f32
  std::vector<int64_t> shape;
  const uint8_t* data;
  uint64_t bytes;
  const BlockFormat* blocks = nullptr;  ///< for tensors in blocks: rows are whole blocks

  int64_t elements() const;
};

/// Bytes of a tensor of that shape. False when a dimension is negative or elements or bytes exceed 2^63 - 1.
bool bytesOfTensor(StoredType type, const std::vector<int64_t>& shape, uint64_t& bytes);
/// The same from `type`, `blocks` and `shape` of a tensor, whose rows are whole blocks.
bool bytesOfTensor(const StoredTensor& tensor, uint64_t& bytes);

/// "[2, 3]"
std::string shapeText(const std::vector<int64_t>& shape);

/// Does not change after it was opened; may be shared by threads.
class WeightFile {
public:
  virtual ~WeightFile() = default;
  /// nullptr when there is none of that name.
  virtual const StoredTensor* find(const std::string& name) const = 0;
  /// In the order of the file.
  virtual const std::vector<StoredTensor>& tensors() const = 0;
  virtual const std::filesystem::path& path() const = 0;
  /// Tells the system that these bytes are not needed again soon, so that resident memory does not grow with the model.
  virtual void release(const uint8_t* data, uint64_t bytes) const = 0;
};

/// Opens .safetensors, .gguf or .onnx. Everything in its header is checked: lengths within the file, no overlap, sizes that match shapes. Throws UserError.
std::unique_ptr<WeightFile> openWeightFile(const std::filesystem::path& path);

}  // namespace quantc
