// The values of a chat template's program. Nothing is freed before the run ends: what is made lies in the caller's scratch, one behind another.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "quantc/chat.h"

namespace quantc::chat {

enum class kind : uint8_t { undefined, none, boolean, integer, string, list, name_space, message };

struct list;
struct name_space;

struct text {
  const char* data;
  size_t size;
};

struct value {
  chat::kind kind = kind::undefined;
  union {
    int64_t number = 0;  // of boolean and integer
    text string;
    chat::list* list;
    chat::name_space* name_space;
    const qc_chat_message* message;
  };
};

struct list {
  value* items;
  size_t size;
  size_t capacity;
};

constexpr size_t name_space_limit = 16;
struct name_space {
  text names[name_space_limit];
  value values[name_space_limit];
  size_t size;
};

value of_boolean(bool truth);
value of_integer(int64_t number);
value of_text(text string);
value of_none();

bool is_true(const value& v);
bool equal(text a, text b);
bool equal(const value& a, const value& b);
bool contains(text whole, text part);

/// The caller's scratch.
class arena {
public:
  arena(void* memory, size_t bytes) : next_(static_cast<uint8_t*>(memory)), left_(bytes) {}

  /// Null where the scratch is used up; then `full()` is true from there on.
  void* take(size_t bytes);
  bool full() const { return full_; }
  template <typename T> T* make(size_t count = 1) {
    return count <= SIZE_MAX / sizeof(T) ? static_cast<T*>(take(count * sizeof(T))) : static_cast<T*>(take(SIZE_MAX));
  }

  value make_list(size_t capacity);
  bool append(list& to, const value& item);
  value join(text a, text b);

private:
  uint8_t* next_;
  size_t left_;
  bool full_ = false;
};

}  // namespace quantc::chat
