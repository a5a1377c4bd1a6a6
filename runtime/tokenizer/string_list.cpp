#include "string_list.h"

#include <string.h>

#include <algorithm>

namespace quantc::tokenizer {

bool comes_before(text_span a, text_span b) {
  const size_t common = std::min(a.size, b.size);
  const int difference = common == 0 ? 0 : memcmp(a.data, b.data, common);
  return difference != 0 ? difference < 0 : a.size < b.size;
}

bool ends_fit(text_span bytes, span<uint32_t> ends) {
  uint32_t before = 0;
  for (uint32_t end : ends) {
    if (end < before)
      return false;
    before = end;
  }
  return before == bytes.size;
}

bool is_ascending(const string_list& list) {
  for (size_t rank = 1; rank < list.size(); ++rank)
    if (!comes_before(list.at(list.index_at(rank - 1)), list.at(list.index_at(rank))))
      return false;
  return true;
}

}  // namespace quantc::tokenizer
