// Walks the protobuf wire format in place (https://protobuf.dev/programming-guides/encoding), so that gigabytes of tensors are neither parsed nor
// copied. Knows no schema.
#pragma once

#include <cstdint>
#include <string_view>

namespace quantc {

enum class WireType : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

struct WireField {
  uint32_t number = 0;
  WireType type = WireType::varint;
  uint64_t value = 0;        // of varint and fixed types
  std::string_view payload;  // of bytes
  std::string_view whole;    // tag included
};

/// Iterates over the fields of one message. Bounds are checked; malformed input ends the walk with failed().
class WireReader {
public:
  explicit WireReader(std::string_view message) : rest_(message) {}

  bool next(WireField& field) {
    if (rest_.empty() || failed_)
      return false;
    const char* begin = rest_.data();
    uint64_t tag = 0;
    if (!varint(tag) || tag >> 3 == 0 || tag >> 3 > kLargestNumber)
      return fail();
    field = WireField{static_cast<uint32_t>(tag >> 3), static_cast<WireType>(tag & 7), 0, {}, {}};
    bool read = false;
    switch (field.type) {
    case WireType::varint: read = varint(field.value); break;
    case WireType::fixed64: read = fixed(8, field.value); break;
    case WireType::fixed32: read = fixed(4, field.value); break;
    case WireType::bytes: read = varint(field.value) && take(field.value, field.payload); break;
    }
    if (!read)
      return fail();
    field.whole = {begin, static_cast<size_t>(rest_.data() - begin)};
    return true;
  }

  /// Next number of a packed repeated field.
  bool nextVarint(uint64_t& value) { return !rest_.empty() && !failed_ && (varint(value) || fail()); }

  bool failed() const { return failed_; }

private:
  static constexpr uint64_t kLargestNumber = (1u << 29) - 1;

  bool fail() {
    failed_ = true;
    return false;
  }
  bool take(uint64_t size, std::string_view& out) {
    if (size > rest_.size())
      return false;
    out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }
  bool fixed(unsigned size, uint64_t& value) {
    std::string_view bytes;
    if (!take(size, bytes))
      return false;
    for (unsigned i = 0; i < size; ++i)
      value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
    return true;
  }
  bool varint(uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty())
        return false;
      auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80)
        return true;
    }
    return false;
  }

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace quantc
