// Sorted lists of strings in the artifact, and the search for those that a text begins with.
#pragma once

#include "span.h"

namespace quantc::tokenizer {

/// Strings one after another, ascending by their bytes in `order`, or as they stand where there is no order.
struct string_list {
  text_span bytes;
  span<uint32_t> ends;
  span<uint32_t> order;
  bool sorted_as_they_stand = false;

  size_t size() const { return sorted_as_they_stand ? ends.size : order.size; }
  uint32_t index_at(size_t rank) const { return sorted_as_they_stand ? static_cast<uint32_t>(rank) : order[rank]; }
  text_span at(uint32_t index) const {
    const uint32_t begin = index == 0 ? 0 : ends[index - 1];
    return {bytes.data + begin, ends[index] - begin};
  }
};

/// Whether the ends ascend to the number of the bytes.
bool ends_fit(text_span bytes, span<uint32_t> ends);
/// Whether the strings are in order, each there once. Ends and order fit.
bool is_ascending(const string_list& list);
/// The order of strings: by their bytes, a begin before what goes on.
bool comes_before(text_span a, text_span b);

/// The strings that begin with the bytes given so far.
class prefix_search {
public:
  explicit prefix_search(const string_list& list) : list_(list), high_(list.size()) {}

  /// Takes one more byte; false if no string goes on like this.
  bool next(uint8_t byte) {
    low_ = bound(byte, false);
    high_ = bound(byte, true);
    ++depth_;
    return low_ < high_;
  }
  bool next(text_span text) {
    for (uint8_t byte : text)
      if (!next(byte))
        return false;
    return true;
  }

  /// The index of the string that is exactly these bytes, -1 if there is none.
  int32_t found() const {
    return low_ < high_ && list_.at(list_.index_at(low_)).size == depth_ ? static_cast<int32_t>(list_.index_at(low_)) : -1;
  }

private:
  /// Where the strings begin whose next byte is at least `byte`, or greater.
  size_t bound(uint8_t byte, bool greater) const {
    size_t low = low_;
    size_t high = high_;
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      const text_span string = list_.at(list_.index_at(middle));
      const bool before = string.size <= depth_ || string[depth_] < byte || (greater && string[depth_] == byte);
      if (before)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }

  const string_list& list_;
  size_t low_ = 0;
  size_t high_;
  size_t depth_ = 0;
};

}  // namespace quantc::tokenizer
