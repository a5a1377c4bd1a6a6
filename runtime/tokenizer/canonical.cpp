#include "canonical.h"

#include <string.h>

#include "utf8.h"

namespace quantc::tokenizer {
namespace {

constexpr uint32_t code_mask = 0xFFFFFF;
constexpr uint32_t class_shift = 24;
constexpr uint32_t stray_byte = behind_unicode;  // bytes that are no characters are kept: stray_byte + byte
constexpr size_t short_run = 32;

constexpr uint32_t syllable_base = 0xAC00, leading_base = 0x1100, vowel_base = 0x1161, trailing_base = 0x11A7;
constexpr uint32_t leading_count = 19, vowel_count = 21, trailing_count = 28, syllable_count = leading_count * vowel_count * trailing_count;

uint32_t class_of(const canonical_tables& tables, uint32_t code) {
  size_t low = 0;
  size_t high = tables.combining.size / 2;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    const uint32_t first = tables.combining[2 * middle];
    if (code < (first & code_mask))
      high = middle;
    else if (code > tables.combining[2 * middle + 1])
      low = middle + 1;
    else
      return first >> class_shift;
  }
  return 0;
}

uint32_t compose_hangul(uint32_t first, uint32_t second) {
  if (first - leading_base < leading_count && second - vowel_base < vowel_count)
    return syllable_base + ((first - leading_base) * vowel_count + (second - vowel_base)) * trailing_count;
  const bool open_syllable = first - syllable_base < syllable_count && (first - syllable_base) % trailing_count == 0;
  return open_syllable && second - trailing_base - 1 < trailing_count - 1 ? first + (second - trailing_base) : 0;
}

/// What two characters become, 0 if they stay two.
uint32_t composite_of(const canonical_tables& tables, uint32_t first, uint32_t second) {
  if (tables.hangul)
    if (const uint32_t syllable = compose_hangul(first, second))
      return syllable;
  size_t low = 0;
  size_t high = tables.compositions.size / 3;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    const uint32_t* entry = tables.compositions.data + 3 * middle;
    if (entry[0] == first && entry[1] == second)
      return entry[2];
    if (entry[0] < first || (entry[0] == first && entry[1] < second))
      low = middle + 1;
    else
      high = middle;
  }
  return 0;
}

/// Sorts a run of marks by their class and keeps the order of equal ones, in time that is proportional to long runs.
void sort_marks(uint32_t* marks, size_t count, uint32_t* spare) {
  if (count <= short_run) {
    for (size_t i = 1; i < count; ++i) {
      const uint32_t mark = marks[i];
      size_t place = i;
      for (; place > 0 && marks[place - 1] >> class_shift > mark >> class_shift; --place)
        marks[place] = marks[place - 1];
      marks[place] = mark;
    }
    return;
  }
  uint32_t starts[257] = {};
  for (size_t i = 0; i < count; ++i)
    ++starts[(marks[i] >> class_shift) + 1];
  for (size_t i = 0; i < 256; ++i)
    starts[i + 1] += starts[i];
  for (size_t i = 0; i < count; ++i)
    spare[starts[marks[i] >> class_shift]++] = marks[i];
  memcpy(marks, spare, count * sizeof *marks);
}

/// In place; returns how many characters are left.
size_t compose(const canonical_tables& tables, uint32_t* codes, size_t count) {
  size_t written = 0;
  size_t starter = SIZE_MAX;
  uint32_t class_before = 0;  // of what was written behind the starter; 0: nothing was
  for (size_t i = 0; i < count; ++i) {
    const uint32_t class_now = codes[i] >> class_shift;
    if (starter != SIZE_MAX && (class_before == 0 || class_before < class_now)) {
      if (const uint32_t composite = composite_of(tables, codes[starter], codes[i] & code_mask)) {
        codes[starter] = composite;
        continue;
      }
    }
    if (class_now == 0)
      starter = written;
    class_before = class_now;
    codes[written++] = codes[i];
  }
  return written;
}

}  // namespace

bool check_canonical(const canonical_tables& tables) {
  const span<uint32_t>& ranges = tables.combining;
  if (ranges.size % 2 != 0 || tables.compositions.size % 3 != 0)
    return false;
  for (size_t i = 0; i < ranges.size; i += 2) {
    const uint32_t first = ranges[i] & code_mask;
    if (first > ranges[i + 1] || ranges[i + 1] >= behind_unicode || (i > 0 && first <= ranges[i - 1]))
      return false;
  }
  const span<uint32_t>& entries = tables.compositions;
  for (size_t i = 0; i < entries.size; i += 3) {
    if (entries[i] >= behind_unicode || entries[i + 1] >= behind_unicode || entries[i + 2] >= behind_unicode || entries[i + 2] == 0)
      return false;
    if (i > 0 && (entries[i] < entries[i - 3] || (entries[i] == entries[i - 3] && entries[i + 1] <= entries[i - 2])))
      return false;
  }
  return true;
}

size_t order_and_compose(const canonical_tables& tables, text_span text, uint32_t* work, uint8_t* out, size_t capacity) {
  uint32_t* const spare = work + text.size;
  size_t count = 0;
  size_t run = 0;  // where the present run of marks begins
  for (size_t i = 0; i < text.size;) {
    const character next = read_character(text.data + i, text.size - i);
    const bool stray = next.bytes == 1 && next.code == replacement_character;
    const uint32_t mark_class = stray ? 0 : class_of(tables, next.code);
    if (mark_class == 0) {
      sort_marks(work + run, count - run, spare);
      run = count + 1;
    }
    work[count++] = stray ? stray_byte + text[i] : next.code | mark_class << class_shift;
    i += next.bytes;
  }
  if (run < count)
    sort_marks(work + run, count - run, spare);
  if (tables.compositions.size > 0 || tables.hangul)
    count = compose(tables, work, count);
  size_t written = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint32_t code = work[i] & code_mask;
    if (capacity - written < 4 && capacity - written < (code < stray_byte ? character_bytes(code) : 1))
      return SIZE_MAX;
    if (code >= stray_byte)
      out[written++] = static_cast<uint8_t>(code - stray_byte);
    else
      written += write_character(code, out + written);
  }
  return written;
}

size_t decompose_hangul(uint32_t code, uint8_t out[9]) {
  const uint32_t index = code - syllable_base;
  if (index >= syllable_count)
    return 0;
  size_t written = write_character(leading_base + index / (vowel_count * trailing_count), out);
  written += write_character(vowel_base + index / trailing_count % vowel_count, out + written);
  if (index % trailing_count != 0)
    written += write_character(trailing_base + index % trailing_count, out + written);
  return written;
}

}  // namespace quantc::tokenizer
