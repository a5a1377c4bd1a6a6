// What templates apply to values: filters, methods, tests and functions.
#include <string.h>
#include <time.h>

#include <algorithm>

#include "machine.h"

namespace quantc::chat {
namespace {

constexpr int64_t range_limit = 1 << 16;
constexpr size_t strftime_limit = 256;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F); }

bool is_among(char c, const value* characters) {
  return characters ? memchr(characters->string.data, c, characters->string.size) != nullptr : is_space(c);
}

text strip(text subject, bool left, bool right, const value* characters) {
  while (left && subject.size > 0 && is_among(subject.data[0], characters))
    subject = {subject.data + 1, subject.size - 1};
  while (right && subject.size > 0 && is_among(subject.data[subject.size - 1], characters))
    --subject.size;
  return subject;
}

bool starts_with(text whole, text start) { return whole.size >= start.size && equal(text{whole.data, start.size}, start); }
bool ends_with(text whole, text end) { return whole.size >= end.size && equal(text{whole.data + whole.size - end.size, end.size}, end); }

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_letter(char c) { return upper(c) != lower(c) || static_cast<unsigned char>(c) >= 0x80; }

enum class letters { upper, lower, capitalize, title };

value with_case(arena& memory, text subject, letters how) {
  const value copy = memory.join(subject, {"", 0});
  if (copy.kind != kind::string)
    return copy;
  char* const out = const_cast<char*>(copy.string.data);
  bool inside = false;
  for (size_t i = 0; i < copy.string.size; ++i) {
    const bool raise = how == letters::upper || (how == letters::capitalize && i == 0) || (how == letters::title && !inside);
    inside = is_letter(out[i]);
    out[i] = raise ? upper(out[i]) : lower(out[i]);
  }
  return copy;
}

bool is_text_builtin(builtin what) {
  return what == builtin::filter_trim || what == builtin::filter_upper || what == builtin::filter_lower ||
         what == builtin::filter_capitalize || what == builtin::filter_title || what == builtin::filter_replace ||
         (what >= builtin::method_strip && what <= builtin::method_title);
}

}  // namespace

bool machine::call(builtin what, const value& subject, const value* arguments, size_t count, value& out) {
  if (is_text_builtin(what)) {
    for (size_t i = 0; i < count; ++i)
      if (arguments[i].kind != kind::string && !(what == builtin::method_split && i == 1 && arguments[i].kind == kind::integer))
        return fail("gives an argument that is no text");
    if (subject.kind == kind::string)
      return call_on_text(what, subject.string, arguments, count, out);
    return fail("treats as text what is none");
  }
  switch (what) {
  case builtin::filter_length:
  case builtin::filter_count: {
    if (subject.kind != kind::string && subject.kind != kind::list)
      return fail("takes the length of what has none");
    size_t size = subject.kind == kind::list ? subject.list->size : 0;
    for (size_t i = 0; subject.kind == kind::string && i < subject.string.size; ++i)
      size += (static_cast<unsigned char>(subject.string.data[i]) & 0xC0) != 0x80;
    out = of_integer(static_cast<int64_t>(size));
    return true;
  }
  case builtin::filter_tojson: return to_json(subject, 0, out);
  case builtin::filter_first:
  case builtin::filter_last: return index(subject, of_integer(what == builtin::filter_first ? 0 : -1), out);
  case builtin::filter_default: {
    const bool replaces = subject.kind == kind::undefined || (count > 1 && is_true(arguments[1]) && !is_true(subject));
    out = replaces && count > 0 ? arguments[0] : subject;
    return true;
  }
  case builtin::filter_join: {
    if (subject.kind != kind::list)
      return fail("joins what is no list");
    out = of_text({"", 0});
    for (size_t i = 0; i < subject.list->size; ++i) {
      text separator = {"", 0}, item = {};
      if ((i > 0 && count > 0 && !to_text(arguments[0], separator)) || !to_text(subject.list->items[i], item))
        return false;
      out = memory_.join(out.string, separator);
      if (out.kind == kind::string)
        out = memory_.join(out.string, item);
      if (out.kind != kind::string)
        return false;
    }
    return true;
  }
  case builtin::filter_string: {
    text words = {};
    if (!to_text(subject, words))
      return false;
    out = of_text(words);
    return true;
  }
  case builtin::filter_int:
    if (subject.kind != kind::integer && subject.kind != kind::boolean)
      return fail("takes as a number what is none");
    out = of_integer(subject.number);
    return true;
  case builtin::filter_list:
    if (subject.kind != kind::list)
      return fail("takes as a list what is none");
    out = subject;
    return true;
  case builtin::filter_safe: out = subject; return true;
  case builtin::method_get:
    if (count == 0 || arguments[0].kind != kind::string)
      return fail("gets a member without a name");
    if (!attribute(subject, arguments[0].string, out))
      return false;
    if (out.kind == kind::undefined)
      out = count > 1 ? arguments[1] : of_none();
    return true;
  case builtin::test_defined: out = of_boolean(subject.kind != kind::undefined); return true;
  case builtin::test_undefined: out = of_boolean(subject.kind == kind::undefined); return true;
  case builtin::test_none: out = of_boolean(subject.kind == kind::none); return true;
  case builtin::test_string: out = of_boolean(subject.kind == kind::string); return true;
  case builtin::test_mapping: out = of_boolean(subject.kind == kind::message || subject.kind == kind::name_space); return true;
  case builtin::test_iterable:
  case builtin::test_sequence:
    out = of_boolean(subject.kind == kind::string || subject.kind == kind::list || subject.kind == kind::message);
    return true;
  case builtin::test_in: {
    if (count == 0)
      return fail("is damaged");
    push(subject);
    push(arguments[0]);
    if (status_ != QC_OK || !binary(binary_op::in))
      return false;
    out = pop();
    return true;
  }
  case builtin::test_ne: out = of_boolean(count > 0 && !equal(subject, arguments[0])); return true;
  case builtin::test_number: out = of_boolean(subject.kind == kind::integer || subject.kind == kind::boolean); return true;
  case builtin::test_integer: out = of_boolean(subject.kind == kind::integer); return true;
  case builtin::test_boolean: out = of_boolean(subject.kind == kind::boolean); return true;
  case builtin::test_true:
  case builtin::test_false:
    out = of_boolean(subject.kind == kind::boolean && (subject.number != 0) == (what == builtin::test_true));
    return true;
  case builtin::test_odd:
  case builtin::test_even:
    if (subject.kind != kind::integer)
      return fail("takes as a number what is none");
    out = of_boolean((subject.number % 2 != 0) == (what == builtin::test_odd));
    return true;
  case builtin::test_equal:
  case builtin::test_equal_sign:
  case builtin::test_eq: out = of_boolean(count > 0 && equal(subject, arguments[0])); return true;
  case builtin::function_strftime_now: {
    const time_t now = time(nullptr);
    struct tm parts;
    char* const made = memory_.make<char>(strftime_limit);
    if (count == 0 || arguments[0].kind != kind::string || arguments[0].string.size >= strftime_limit || !localtime_r(&now, &parts))
      return fail("asks for a time in a form that is none");
    char form[strftime_limit] = {};
    if (!made)
      return false;
    if (arguments[0].string.size > 0)
      memcpy(form, arguments[0].string.data, arguments[0].string.size);
    out = of_text({made, strftime(made, strftime_limit, form, &parts)});
    return true;
  }
  case builtin::function_range: {
    // The subject is undefined: functions are applied to nothing.
    const int64_t begin = count > 1 ? arguments[0].number : 0;
    const value& last = arguments[count > 1 ? 1 : 0];
    if (count == 0 || arguments[0].kind != kind::integer || last.kind != kind::integer || begin < -range_limit || last.number > range_limit)
      return fail("has a range that is none, or too large");
    out = memory_.make_list(static_cast<size_t>(std::max<int64_t>(last.number - begin, 0)));
    for (int64_t i = begin; i < last.number && out.kind == kind::list; ++i)
      memory_.append(*out.list, of_integer(i));
    return true;
  }
  default: return fail("is damaged");
  }
}

bool machine::call_on_text(builtin what, text subject, const value* arguments, size_t count, value& out) {
  const value* const first = count > 0 ? arguments : nullptr;
  switch (what) {
  case builtin::filter_trim:
  case builtin::method_strip: out = of_text(strip(subject, true, true, first)); return true;
  case builtin::method_lstrip: out = of_text(strip(subject, true, false, first)); return true;
  case builtin::method_rstrip: out = of_text(strip(subject, false, true, first)); return true;
  case builtin::filter_upper:
  case builtin::method_upper: out = with_case(memory_, subject, letters::upper); return true;
  case builtin::filter_lower:
  case builtin::method_lower: out = with_case(memory_, subject, letters::lower); return true;
  case builtin::filter_capitalize:
  case builtin::method_capitalize: out = with_case(memory_, subject, letters::capitalize); return true;
  case builtin::filter_title:
  case builtin::method_title: out = with_case(memory_, subject, letters::title); return true;
  case builtin::method_split: return split(subject, first, count > 1 ? arguments[1].number : -1, out);
  default: break;
  }
  if (count == 0)
    return fail("is damaged");
  switch (what) {
  case builtin::method_startswith: out = of_boolean(starts_with(subject, first->string)); return true;
  case builtin::method_endswith: out = of_boolean(ends_with(subject, first->string)); return true;
  case builtin::filter_replace:
  case builtin::method_replace: return count == 2 ? replace(subject, arguments[0], arguments[1], out) : fail("is damaged");
  default: return fail("is damaged");
  }
}

bool machine::split(text subject, const value* separator, int64_t most, value& out) {
  out = memory_.make_list(4);
  if (separator && separator->string.size == 0)
    return fail("splits text at nothing");
  size_t begin = 0;
  for (size_t i = 0; i <= subject.size && out.kind == kind::list;) {
    const bool at_end = i == subject.size;
    const bool whole = most >= 0 && static_cast<int64_t>(out.list->size) >= most;  // the rest stays as it is
    const bool here =
        !at_end && !whole && (separator ? starts_with({subject.data + i, subject.size - i}, separator->string) : is_space(subject.data[i]));
    if (at_end || here) {
      if (separator || i > begin)  // white space around words counts for nothing
        memory_.append(*out.list, of_text({subject.data + begin, i - begin}));
      i += at_end ? 1 : separator ? separator->string.size : 1;
      begin = i;
    } else {
      ++i;
    }
  }
  return true;
}

bool machine::replace(text subject, const value& from, const value& to, value& out) {
  if (from.string.size == 0)
    return fail("replaces nothing");
  size_t matches = 0;
  for (size_t i = 0; i + from.string.size <= subject.size;) {
    const bool here = starts_with({subject.data + i, subject.size - i}, from.string);
    matches += here;
    i += here ? from.string.size : 1;
  }
  if (to.string.size > 0 && matches > (SIZE_MAX / 2 - subject.size) / to.string.size)
    return fail("makes a text that is too long");
  char* const made = memory_.make<char>(subject.size + matches * to.string.size);
  if (!made)
    return false;
  size_t size = 0;
  for (size_t i = 0; i < subject.size;) {
    if (starts_with({subject.data + i, subject.size - i}, from.string)) {
      if (to.string.size > 0)
        memcpy(made + size, to.string.data, to.string.size);
      size += to.string.size;
      i += from.string.size;
    } else {
      made[size++] = subject.data[i++];
    }
  }
  out = of_text({made, size});
  return true;
}

}  // namespace quantc::chat
