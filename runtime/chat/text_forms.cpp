// Values as text and as JSON.
#include <string.h>

#include "machine.h"

namespace quantc::chat {

bool machine::to_text(const value& v, text& out) {
  switch (v.kind) {
  case kind::undefined: out = {"", 0}; return true;
  case kind::none: out = {"None", 4}; return true;
  case kind::boolean: out = v.number ? text{"True", 4} : text{"False", 5}; return true;
  case kind::integer: {
    char* const digits = memory_.make<char>(24);
    if (!digits)
      return false;
    out = {digits, static_cast<size_t>(snprintf(digits, 24, "%lld", static_cast<long long>(v.number)))};
    return true;
  }
  case kind::string: out = v.string; return true;
  default: return fail("prints what is no text");
  }
}

/// As json.dumps(value, ensure_ascii=False).
bool machine::to_json(const value& v, int depth, value& out) {
  if (v.kind == kind::none) {
    out = of_text({"null", 4});
    return true;
  }
  if (v.kind == kind::boolean) {
    out = of_text(v.number ? text{"true", 4} : text{"false", 5});
    return true;
  }
  if (v.kind == kind::integer) {
    text digits = {};
    if (!to_text(v, digits))
      return false;
    out = of_text(digits);
    return true;
  }
  const auto add = [&](text more) {
    if (out.kind == kind::string)
      out = memory_.join(out.string, more);
    return out.kind == kind::string;
  };
  if (v.kind == kind::string) {
    constexpr size_t longest = 6;
    char* const made = v.string.size < SIZE_MAX / longest - 2 ? memory_.make<char>(v.string.size * longest + 3) : nullptr;
    if (!made)
      return false;
    size_t size = 0;
    made[size++] = '"';
    for (size_t i = 0; i < v.string.size; ++i) {
      const char c = v.string.data[i];
      const char* const escapes = "\"\"\\\\\nn\rr\tt\bb\ff";
      const char* escape = nullptr;
      for (const char* e = escapes; *e && !escape; e += 2)
        escape = *e == c ? e + 1 : nullptr;
      if (escape) {
        made[size++] = '\\';
        made[size++] = *escape;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        size += static_cast<size_t>(snprintf(made + size, longest + 1, "\\u%04x", static_cast<unsigned>(c)));
      } else {
        made[size++] = c;
      }
    }
    made[size++] = '"';
    out = of_text({made, size});
    return true;
  }
  if (depth > 4 || (v.kind != kind::list && v.kind != kind::message && v.kind != kind::name_space))
    return fail("writes as JSON what cannot be");
  value item;
  if (v.kind == kind::message) {
    out = of_text({"{\"role\": ", 9});
    return to_json(of_text({v.message->role, strlen(v.message->role)}), depth + 1, item) && add(item.string) &&
           add({", \"content\": ", 13}) && to_json(of_text({v.message->content, v.message->content_bytes}), depth + 1, item) &&
           add(item.string) && add({"}", 1});
  }
  if (v.kind == kind::name_space) {
    out = of_text({"{", 1});
    for (size_t i = 0; i < v.name_space->size; ++i)
      if ((i > 0 && !add({", ", 2})) || !to_json(of_text(v.name_space->names[i]), depth + 1, item) || !add(item.string) ||
          !add({": ", 2}) || !to_json(v.name_space->values[i], depth + 1, item) || !add(item.string))
        return false;
    return add({"}", 1});
  }
  out = of_text({"[", 1});
  for (size_t i = 0; i < v.list->size; ++i)
    if ((i > 0 && !add({", ", 2})) || !to_json(v.list->items[i], depth + 1, item) || !add(item.string))
      return false;
  return add({"]", 1});
}

}  // namespace quantc::chat
