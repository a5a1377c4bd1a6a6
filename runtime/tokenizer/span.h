// Lists that lie in the artifact's header, and text.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "artifact_generated.h"

namespace quantc::tokenizer {

template <typename T> struct span {
  const T* data = nullptr;
  size_t size = 0;

  const T& operator[](size_t i) const { return data[i]; }
  const T* begin() const { return data; }
  const T* end() const { return data + size; }
};
using text_span = span<uint8_t>;

inline text_span part(text_span text, size_t begin, size_t end) { return {text.data + begin, end - begin}; }

template <typename T> span<T> view(const flatbuffers::Vector<T>* vector) {
  return vector ? span<T>{vector->data(), vector->size()} : span<T>{};
}
inline text_span view(const flatbuffers::String* string) {
  return string ? text_span{reinterpret_cast<const uint8_t*>(string->data()), string->size()} : text_span{};
}

}  // namespace quantc::tokenizer
