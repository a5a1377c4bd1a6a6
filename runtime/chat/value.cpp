#include "value.h"

#include <string.h>

namespace quantc::chat {

value of_boolean(bool truth) {
  value v;
  v.kind = kind::boolean;
  v.number = truth;
  return v;
}

value of_integer(int64_t number) {
  value v;
  v.kind = kind::integer;
  v.number = number;
  return v;
}

value of_text(text string) {
  value v;
  v.kind = kind::string;
  v.string = string;
  return v;
}

value of_none() {
  value v;
  v.kind = kind::none;
  return v;
}

bool is_true(const value& v) {
  switch (v.kind) {
  case kind::undefined:
  case kind::none: return false;
  case kind::boolean:
  case kind::integer: return v.number != 0;
  case kind::string: return v.string.size > 0;
  case kind::list: return v.list->size > 0;
  default: return true;
  }
}

bool equal(text a, text b) { return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0); }

bool equal(const value& a, const value& b) {
  const auto is_number = [](const value& v) { return v.kind == kind::boolean || v.kind == kind::integer; };
  if (is_number(a) && is_number(b))
    return a.number == b.number;
  if (a.kind != b.kind)
    return false;
  switch (a.kind) {
  case kind::string: return equal(a.string, b.string);
  case kind::list: return a.list == b.list;
  case kind::name_space: return a.name_space == b.name_space;
  case kind::message:
    return strcmp(a.message->role, b.message->role) == 0 &&
           equal(text{a.message->content, a.message->content_bytes}, text{b.message->content, b.message->content_bytes});
  default: return true;
  }
}

bool contains(text whole, text part) {
  for (size_t i = 0; i + part.size <= whole.size; ++i)
    if (part.size == 0 || memcmp(whole.data + i, part.data, part.size) == 0)
      return true;
  return false;
}

void* arena::take(size_t bytes) {
  if (bytes > left_ || left_ - bytes < 8) {
    full_ = true;
    return nullptr;
  }
  const size_t rounded = (bytes + 7) / 8 * 8;
  void* const taken = next_;
  next_ += rounded;
  left_ -= rounded;
  return taken;
}

value arena::make_list(size_t capacity) {
  value v;
  chat::list* const made = make<chat::list>();
  value* const items = make<value>(capacity);
  if (!made || !items)
    return v;
  *made = {items, 0, capacity};
  v.kind = kind::list;
  v.list = made;
  return v;
}

bool arena::append(list& to, const value& item) {
  if (to.size == to.capacity) {
    const size_t capacity = 2 * to.capacity + 8;
    value* const items = make<value>(capacity);
    if (!items)
      return false;
    for (size_t i = 0; i < to.size; ++i)
      items[i] = to.items[i];
    to.items = items;
    to.capacity = capacity;
  }
  to.items[to.size++] = item;
  return true;
}

value arena::join(text a, text b) {
  char* const joined = b.size <= SIZE_MAX - a.size ? make<char>(a.size + b.size) : nullptr;
  if (!joined) {
    full_ = true;
    return {};
  }
  if (a.size > 0)
    memcpy(joined, a.data, a.size);
  if (b.size > 0)
    memcpy(joined + a.size, b.data, b.size);
  return of_text({joined, a.size + b.size});
}

}  // namespace quantc::chat
