// An array that is allocated once and freed at its end. Zeroed; no exceptions.
#pragma once

#include <stddef.h>
#include <stdlib.h>

#include <type_traits>

namespace quantc::rt {

template <typename T> class Array {
  static_assert(std::is_trivially_destructible<T>::value, "elements are freed without a destructor");

public:
  Array() = default;
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { free(data_); }

  /// Called once. False when memory could not be had.
  [[nodiscard]] bool allocate(size_t size) {
    data_ = static_cast<T*>(calloc(size ? size : 1, sizeof(T)));
    size_ = data_ ? size : 0;
    return data_ != nullptr;
  }

  size_t size() const { return size_; }
  T& operator[](size_t index) { return data_[index]; }
  const T& operator[](size_t index) const { return data_[index]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace quantc::rt
