#include "compiler/weights/WeightFile.h"

#include <algorithm>
#include <cstring>
#include <fstream>

#include "compiler/support/Error.h"
#include "compiler/weights/GgufFile.h"
#include "compiler/weights/MappedWeights.h"
#include "compiler/weights/OnnxFile.h"
#include "compiler/weights/Safetensors.h"
#include "dialects/schemes/BlockFormat.h"

namespace quantc {

int bitsOf(StoredType type) {
  switch (type) {
  case StoredType::f64:
  case StoredType::i64: return 64;
  case StoredType::f32:
  case StoredType::i32: return 32;
  case StoredType::f16:
  case StoredType::bf16:
  case StoredType::i16:
  case StoredType::u16: return 16;
  case StoredType::i8:
  case StoredType::u8:
  case StoredType::boolean: return 8;
  case StoredType::i4:
  case StoredType::u4: return 4;
  case StoredType::i2:
  case StoredType::u2: return 2;
  }
  return 0;
}

size_t bytesOf(StoredType type) { return static_cast<size_t>(bitsOf(type) + 7) / 8; }

const char* storedTypeName(StoredType type) {
  switch (type) {
  case StoredType::f32: return "f32";
  case StoredType::f16: return "f16";
  case StoredType::bf16: return "bf16";
  case StoredType::f64: return "f64";
  case StoredType::i2: return "i2";
  case StoredType::u2: return "u2";
  case StoredType::i4: return "i4";
  case StoredType::u4: return "u4";
  case StoredType::i8: return "i8";
  case StoredType::u8: return "u8";
  case StoredType::i16: return "i16";
  case StoredType::u16: return "u16";
  case StoredType::i32: return "i32";
  case StoredType::i64: return "i64";
  case StoredType::boolean: return "bool";
  }
  return "";
}

bool bytesOfTensor(StoredType type, const std::vector<int64_t>& shape, uint64_t& bytes) {
  const int bits = bitsOf(type);
  int64_t product = bits < 8 ? 1 : bits / 8;
  for (int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(product, size, &product))
      return false;
  const int perByte = bits < 8 ? 8 / bits : 1;
  bytes = static_cast<uint64_t>(product) / perByte + (product % perByte != 0);
  return true;
}

bool bytesOfTensor(const StoredTensor& tensor, uint64_t& bytes) {
  if (!tensor.blocks)
    return bytesOfTensor(tensor.type, tensor.shape, bytes);
  uint64_t elements;
  return bytesOfTensor(StoredType::i8, tensor.shape, elements) &&
         !__builtin_mul_overflow(elements / tensor.blocks->elements, static_cast<uint64_t>(tensor.blocks->bytes), &bytes) &&
         bytes <= INT64_MAX;
}

int64_t StoredTensor::elements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

std::pair<const StoredTensor*, const StoredTensor*> sortByPlace(std::vector<StoredTensor>& tensors) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const StoredTensor& a, const StoredTensor& b) { return a.data < b.data; });
  const StoredTensor* previous = nullptr;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.bytes == 0)
      continue;
    if (previous && previous->data + previous->bytes > tensor.data)
      return {previous, &tensor};
    previous = &tensor;
  }
  return {nullptr, nullptr};
}

std::string shapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::unique_ptr<WeightFile> openWeightFile(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  if (extension == ".safetensors")
    return openSafetensors(path);
  if (extension == ".gguf")
    return openGguf(path);
#ifdef QUANTC_HAS_ONNX_FILE
  if (extension == ".onnx")
    return openOnnxFile(path);
#endif
  char start[9] = {};
  std::ifstream(path, std::ios::binary).read(start, sizeof(start));
  if (std::memcmp(start, "GGUF", 4) == 0)
    return openGguf(path);
  if (start[8] == '{')
    return openSafetensors(path);
  throw UserError(path.string(), "is neither a .safetensors, a .gguf nor an .onnx file; give one of these");
}

}  // namespace quantc
