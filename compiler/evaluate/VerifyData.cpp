#include "compiler/evaluate/VerifyData.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "artifact_generated.h"
#include "compiler/support/Error.h"
#include "compiler/weights/FloatConversion.h"

namespace quantc {
namespace {

template <typename T> std::vector<T> copied(const StoredTensor& tensor) {
  std::vector<T> values(tensor.bytes / sizeof(T));
  if (!values.empty())
    std::memcpy(values.data(), tensor.data, values.size() * sizeof(T));
  return values;
}

}  // namespace

void VerifyData::fail(const std::string& tensor, const std::string& what) const {
  throw UserError(file_->path().string() + (tensor.empty() ? "" : ":" + tensor), what);
}

const StoredTensor& VerifyData::need(const std::string& name) const {
  const StoredTensor* tensor = find(name);
  if (!tensor)
    fail(name, "is not in the file; store it along with the others");
  return *tensor;
}

std::vector<int64_t> VerifyData::integers(const StoredTensor& tensor) const {
  if (tensor.type == StoredType::i64)
    return copied<int64_t>(tensor);
  if (tensor.type != StoredType::i32)
    fail(tensor.name, std::string("has elements of type ") + storedTypeName(tensor.type) + ", expected i64 or i32");
  const std::vector<int32_t> narrow = copied<int32_t>(tensor);
  return {narrow.begin(), narrow.end()};
}

std::vector<float> VerifyData::floats(const StoredTensor& tensor) const {
  if (tensor.type == StoredType::f32)
    return copied<float>(tensor);
  if (tensor.type != StoredType::f16 && tensor.type != StoredType::bf16)
    fail(tensor.name, std::string("has elements of type ") + storedTypeName(tensor.type) + ", expected f32, f16 or bf16");
  std::vector<float> values(tensor.elements());
  convertToFloat(tensor.type, tensor.data, 0, tensor.elements(), values.data());
  return values;
}

std::vector<uint8_t> VerifyData::inputBytes(const StoredTensor& tensor, const schema::Port& port, int64_t lowest) const {
  const auto bytesOf = [](const auto& values) {
    const uint8_t* bytes = reinterpret_cast<const uint8_t*>(values.data());
    return std::vector<uint8_t>(bytes, bytes + values.size() * sizeof values[0]);
  };
  if (port.element() != schema::ElementType_i32)
    return bytesOf(floats(tensor));
  constexpr int64_t highest = std::numeric_limits<int32_t>::max();
  std::vector<int32_t> narrow;
  for (int64_t value : integers(tensor)) {
    if (value < lowest || value > highest)
      fail(tensor.name, "has " + std::to_string(value) + ", expected " + std::to_string(lowest) + " to " + std::to_string(highest));
    narrow.push_back(static_cast<int32_t>(value));
  }
  return bytesOf(narrow);
}

void VerifyData::checkShape(const StoredTensor& tensor, const std::vector<int64_t>& expected) const {
  if (tensor.shape != expected)
    fail(tensor.name, "has shape " + shapeText(tensor.shape) + ", expected " + shapeText(expected));
}

void Difference::add(const std::vector<float>& got) {
  for (float value : got) {
    const double difference = static_cast<double>(value) - *next_;
    maxAbsolute_ = std::isnan(difference) ? difference : std::max(maxAbsolute_, std::abs(difference));
    differenceSquares_ += difference * difference;
    squares_ += static_cast<double>(*next_) * *next_;
    ++next_;
  }
}

void Difference::finish(OutputCheck& check, double tolerance) const {
  check.maxAbsolute = maxAbsolute_;
  check.relativeRms = differenceSquares_ == 0 ? 0 : std::sqrt(differenceSquares_ / squares_);
  check.pass = check.relativeRms <= tolerance;  // false where it is not a number
}

}  // namespace quantc
