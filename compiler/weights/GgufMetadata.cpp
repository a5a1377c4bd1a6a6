#include "compiler/weights/GgufMetadata.h"

#include <cmath>
#include <cstring>

#include "compiler/support/Error.h"

namespace quantc {

namespace {

constexpr const char* kInteger = "a whole number";
constexpr const char* kPositive = "a whole number from 1 to 2147483647";
constexpr const char* kNumber = "a finite number";
constexpr const char* kFlag = "true or false";
constexpr const char* kText = "a string";
constexpr const char* kFetchAgain = "fetch the file again, or convert the model anew";

struct KindRow {
  const char* name;
  size_t bytes;
};
constexpr KindRow kKinds[kGgufKinds] = {{"u8", 1},   {"i8", 1},     {"u16", 2},   {"i16", 2}, {"u32", 4}, {"i32", 4}, {"f32", 4},
                                        {"bool", 1}, {"string", 0}, {"array", 0}, {"u64", 8}, {"i64", 8}, {"f64", 8}};

template <typename T> T load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

}  // namespace

const char* ggufKindName(GgufKind kind) { return kKinds[static_cast<uint32_t>(kind)].name; }
size_t bytesOf(GgufKind kind) { return kKinds[static_cast<uint32_t>(kind)].bytes; }

bool GgufMetadata::add(std::string_view key, GgufValue value) {
  if (!indices_.emplace(std::string(key), values_.size()).second)
    return false;
  values_.emplace_back(std::string(key), std::move(value));
  return true;
}

const GgufValue* GgufMetadata::find(std::string_view key) const {
  auto found = indices_.find(std::string(key));
  return found == indices_.end() ? nullptr : &values_[found->second].second;
}

const GgufValue& GgufMetadata::need(std::string_view key, bool isList, const char* expected) const {
  const GgufValue* value = find(key);
  if (!value)
    fail(key, std::string("is absent, expected ") + (isList ? "a list, each " : "") + expected, kFetchAgain);
  if (value->isList != isList)
    failKind(key, *value, expected);
  return *value;
}

void GgufMetadata::failKind(std::string_view key, const GgufValue& value, const char* expected) const {
  fail(key, std::string("is ") + (value.isList ? "a list of " : "of kind ") + ggufKindName(value.kind) + ", expected " + expected,
       kFetchAgain);
}

void GgufMetadata::fail(std::string_view key, const std::string& what, const std::string& fix) const {
  throw UserError(where_, "'" + std::string(key) + "' " + what + "; " + fix);
}

int64_t GgufMetadata::integerOf(std::string_view key, const GgufValue& value, uint64_t index) const {
  const uint8_t* at = value.numbers ? value.numbers + index * bytesOf(value.kind) : nullptr;
  switch (value.kind) {
  case GgufKind::u8: return load<uint8_t>(at);
  case GgufKind::i8: return load<int8_t>(at);
  case GgufKind::u16: return load<uint16_t>(at);
  case GgufKind::i16: return load<int16_t>(at);
  case GgufKind::u32: return load<uint32_t>(at);
  case GgufKind::i32: return load<int32_t>(at);
  case GgufKind::i64: return load<int64_t>(at);
  case GgufKind::u64:
    if (uint64_t wide = load<uint64_t>(at); wide <= INT64_MAX)
      return static_cast<int64_t>(wide);
    fail(key, "is " + std::to_string(load<uint64_t>(at)) + ", expected a number below 2^63", kFetchAgain);
  default: failKind(key, value, kInteger);
  }
}

double GgufMetadata::numberOf(std::string_view key, const GgufValue& value, uint64_t index) const {
  double number;
  if (value.kind == GgufKind::f32)
    number = load<float>(value.numbers + index * sizeof(float));
  else if (value.kind == GgufKind::f64)
    number = load<double>(value.numbers + index * sizeof(double));
  else if (bytesOf(value.kind) != 0 && value.kind != GgufKind::boolean)
    number = static_cast<double>(integerOf(key, value, index));
  else
    failKind(key, value, kNumber);
  if (!std::isfinite(number))
    fail(key, std::string("holds ") + (std::isnan(number) ? "what is not a number" : "infinity") + ", expected " + kNumber, kFetchAgain);
  return number;
}

int64_t GgufMetadata::integer(std::string_view key) const { return integerOf(key, need(key, false, kInteger), 0); }
int64_t GgufMetadata::integer(std::string_view key, int64_t absent) const { return has(key) ? integer(key) : absent; }

int64_t GgufMetadata::count(std::string_view key) const {
  int64_t value = integerOf(key, need(key, false, kPositive), 0);
  if (value < 1 || value > INT32_MAX)
    fail(key, "is " + std::to_string(value) + ", expected " + kPositive, kFetchAgain);
  return value;
}
int64_t GgufMetadata::count(std::string_view key, int64_t absent) const { return has(key) ? count(key) : absent; }

double GgufMetadata::number(std::string_view key) const { return numberOf(key, need(key, false, kNumber), 0); }
double GgufMetadata::number(std::string_view key, double absent) const { return has(key) ? number(key) : absent; }

bool GgufMetadata::flag(std::string_view key, bool absent) const {
  if (!has(key))
    return absent;
  const GgufValue& value = need(key, false, kFlag);
  if (value.kind != GgufKind::boolean)
    failKind(key, value, kFlag);
  return *value.numbers != 0;
}

std::string_view GgufMetadata::text(std::string_view key) const {
  const GgufValue& value = need(key, false, kText);
  if (value.kind != GgufKind::string)
    failKind(key, value, kText);
  return value.strings.front();
}
std::string_view GgufMetadata::text(std::string_view key, std::string_view absent) const { return has(key) ? text(key) : absent; }

const std::vector<std::string_view>& GgufMetadata::texts(std::string_view key) const {
  const GgufValue& value = need(key, true, kText);
  if (value.kind != GgufKind::string)
    failKind(key, value, "a list of strings");
  return value.strings;
}

std::vector<int64_t> GgufMetadata::integers(std::string_view key) const {
  const GgufValue& value = need(key, true, kInteger);
  std::vector<int64_t> result;
  for (uint64_t i = 0; i < value.count; ++i)
    result.push_back(integerOf(key, value, i));
  return result;
}

std::vector<double> GgufMetadata::numbers(std::string_view key) const {
  const GgufValue& value = need(key, true, kNumber);
  std::vector<double> result;
  for (uint64_t i = 0; i < value.count; ++i)
    result.push_back(numberOf(key, value, i));
  return result;
}

}  // namespace quantc
