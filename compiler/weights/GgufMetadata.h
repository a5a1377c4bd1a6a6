// The metadata of a GGUF file: typed values by key, with getters whose errors name the file, the key, and what was expected.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace quantc {

/// As the format numbers them.
enum class GgufKind : uint32_t { u8 = 0, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };
constexpr uint32_t kGgufKinds = 13;
const char* ggufKindName(GgufKind kind);
/// Bytes of a number or a boolean; 0 for the others.
size_t bytesOf(GgufKind kind);

/// A value, or a list of values of one kind (never of lists). Text and numbers lie in the mapped file and live as long as it.
struct GgufValue {
  GgufKind kind = GgufKind::u8;  ///< of the value, or of each element of the list
  bool isList = false;
  uint64_t count = 1;
  const uint8_t* numbers = nullptr;       ///< `count` numbers or booleans, little-endian, maybe unaligned
  std::vector<std::string_view> strings;  ///< `count` strings; any bytes
};

/// Getters without a default throw UserError for an absent key, all of them for one of the wrong kind.
class GgufMetadata {
public:
  explicit GgufMetadata(std::string where) : where_(std::move(where)) {}

  /// False when the key is there already.
  bool add(std::string_view key, GgufValue value);

  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// nullptr when absent.
  const GgufValue* find(std::string_view key) const;
  /// In the order of the file.
  const std::vector<std::pair<std::string, GgufValue>>& values() const { return values_; }

  /// An integer of any width that fits 64 bits with sign.
  int64_t integer(std::string_view key) const;
  int64_t integer(std::string_view key, int64_t absent) const;
  /// A whole number from 1 to 2^31 - 1, so that products of two fit 64 bits.
  int64_t count(std::string_view key) const;
  int64_t count(std::string_view key, int64_t absent) const;
  /// A finite float or an integer.
  double number(std::string_view key) const;
  double number(std::string_view key, double absent) const;
  bool flag(std::string_view key, bool absent) const;
  std::string_view text(std::string_view key) const;
  std::string_view text(std::string_view key, std::string_view absent) const;

  /// Lists. `integers` and `numbers` convert each element like the getters above.
  const std::vector<std::string_view>& texts(std::string_view key) const;
  std::vector<int64_t> integers(std::string_view key) const;
  std::vector<double> numbers(std::string_view key) const;

  /// "error: model.gguf:'key' <what>; <fix>"
  [[noreturn]] void fail(std::string_view key, const std::string& what, const std::string& fix) const;
  const std::string& where() const { return where_; }

private:
  const GgufValue& need(std::string_view key, bool isList, const char* expected) const;
  [[noreturn]] void failKind(std::string_view key, const GgufValue& value, const char* expected) const;
  int64_t integerOf(std::string_view key, const GgufValue& value, uint64_t index) const;
  double numberOf(std::string_view key, const GgufValue& value, uint64_t index) const;

  std::string where_;
  std::vector<std::pair<std::string, GgufValue>> values_;
  std::unordered_map<std::string, size_t> indices_;
};

}  // namespace quantc
