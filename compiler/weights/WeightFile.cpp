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

size_t bytesOf(StoredType type) {
  switch (type) {
  case StoredType::f64:
  case StoredType::i64: return 8;
  case StoredType::f32:
  case StoredType::i32: return 4;
  case StoredType::f16:
  case StoredType::bf16:
  case StoredType::i16:
  case StoredType::u16: return 2;
  case StoredType::i8:
  case StoredType::u8:
  case StoredType::boolean: return 1;
  }
  return 0;
}

const char* storedTypeName(StoredType type) {
  switch (type) {
  case StoredType::f32: return "f32";
  case StoredType::f16: return "f16";
  case StoredType::bf16: return "bf16";
  case StoredType::f64: return "f64";
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
  int64_t product = static_cast<int64_t>(bytesOf(type));
  for (int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(product, size, &product))
      return false;
  bytes = static_cast<uint64_t>(product);
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
  return static_cast<int64_t>(blocks ? bytes / blocks->bytes * blocks->elements : bytes / bytesOf(type));
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
