// Operators, members, parts and loops.
#include <string.h>

#include <algorithm>

#include "machine.h"

namespace quantc::chat {

bool machine::binary(binary_op what) {
  const value right = pop();
  const value left = pop();
  if (status_ != QC_OK)
    return false;
  const bool numbers =
      (left.kind == kind::integer || left.kind == kind::boolean) && (right.kind == kind::integer || right.kind == kind::boolean);
  const bool texts = left.kind == kind::string && right.kind == kind::string;
  value result;
  int64_t sum = 0;
  switch (what) {
  case binary_op::equal: result = of_boolean(equal(left, right)); break;
  case binary_op::not_equal: result = of_boolean(!equal(left, right)); break;
  case binary_op::concatenate: {
    text a = {}, b = {};
    if (!to_text(left, a) || !to_text(right, b))
      return false;
    result = memory_.join(a, b);
    break;
  }
  case binary_op::add:
    if (texts) {
      result = memory_.join(left.string, right.string);
    } else if (left.kind == kind::list && right.kind == kind::list) {
      result = memory_.make_list(left.list->size + right.list->size);
      for (const chat::list* part : {left.list, right.list})
        for (size_t i = 0; i < part->size && result.kind == kind::list; ++i)
          memory_.append(*result.list, part->items[i]);
    } else if (numbers && !__builtin_add_overflow(left.number, right.number, &sum)) {
      result = of_integer(sum);
    } else {
      return fail("adds what cannot be added");
    }
    break;
  case binary_op::subtract:
  case binary_op::multiply:
    if (!numbers || (what == binary_op::subtract ? __builtin_sub_overflow(left.number, right.number, &sum)
                                                 : __builtin_mul_overflow(left.number, right.number, &sum)))
      return fail("computes with what are no numbers");
    result = of_integer(sum);
    break;
  case binary_op::divide:
  case binary_op::modulo: {
    if (!numbers || right.number == 0 || (left.number == INT64_MIN && right.number == -1))
      return fail("divides what cannot be divided");
    // As Python: towards minus infinity.
    const int64_t remainder = left.number % right.number;
    const bool below = remainder != 0 && (remainder < 0) != (right.number < 0);
    result = of_integer(what == binary_op::divide ? left.number / right.number - below : remainder + (below ? right.number : 0));
    break;
  }
  case binary_op::less:
  case binary_op::less_equal:
  case binary_op::greater:
  case binary_op::greater_equal: {
    if (!numbers)
      return fail("compares what are no numbers");
    const bool less = left.number < right.number;
    const bool same = left.number == right.number;
    result = of_boolean(what == binary_op::less            ? less
                        : what == binary_op::less_equal    ? less || same
                        : what == binary_op::greater_equal ? !less
                                                           : !less && !same);
    break;
  }
  case binary_op::in:
    if (right.kind == kind::list) {
      bool found = false;
      for (size_t i = 0; i < right.list->size; ++i)
        found = found || equal(left, right.list->items[i]);
      result = of_boolean(found);
    } else if (left.kind == kind::string && right.kind == kind::string) {
      result = of_boolean(contains(right.string, left.string));
    } else if (left.kind == kind::string && (right.kind == kind::message || right.kind == kind::name_space)) {
      value member;
      if (!attribute(right, left.string, member))
        return false;
      result = of_boolean(member.kind != kind::undefined);
    } else {
      return fail("looks for something in what holds nothing");
    }
    break;
  }
  push(result);
  return status_ == QC_OK;
}

bool machine::attribute(const value& of, text name, value& out) {
  out = value();
  if (of.kind == kind::message) {
    if (equal(name, text{"role", 4}))
      out = of_text({of.message->role, strlen(of.message->role)});
    else if (equal(name, text{"content", 7}))
      out = of_text({of.message->content, of.message->content_bytes});
  } else if (of.kind == kind::name_space) {
    for (size_t i = 0; i < of.name_space->size; ++i)
      if (equal(of.name_space->names[i], name))
        out = of.name_space->values[i];
  } else if (of.kind == kind::undefined) {
    return fail("takes a member of what is undefined: ", name);
  }
  return true;
}

bool machine::index(const value& of, const value& by, value& out) {
  if (by.kind == kind::string)
    return attribute(of, by.string, out);
  out = value();
  if (of.kind == kind::undefined)
    return fail("takes an element of what is undefined");
  if (by.kind != kind::integer || (of.kind != kind::list && of.kind != kind::string))
    return true;
  const int64_t size = static_cast<int64_t>(of.kind == kind::list ? of.list->size : of.string.size);
  const int64_t place = by.number < 0 ? by.number + size : by.number;
  if (place < 0 || place >= size)
    return true;
  out = of.kind == kind::list ? of.list->items[place] : of_text({of.string.data + place, 1});
  return true;
}

bool machine::slice(const value& of, const value& begin, const value& end, const value& step, value& out) {
  if (of.kind != kind::list && of.kind != kind::string)
    return fail("takes a part of what is no list");
  const int64_t size = static_cast<int64_t>(of.kind == kind::list ? of.list->size : of.string.size);
  const int64_t by = step.kind == kind::integer ? step.number : 1;
  if (by != 1 && (by != -1 || of.kind == kind::string))
    return fail("takes a part of a list in steps other than 1 and -1");
  const auto place = [&](const value& v, int64_t absent) {
    if (v.kind != kind::integer)
      return absent;
    const int64_t at = v.number < 0 ? v.number + size : v.number;
    return by > 0 ? std::clamp<int64_t>(at, 0, size) : std::clamp<int64_t>(at, -1, size - 1);
  };
  const int64_t from = place(begin, by > 0 ? 0 : size - 1);
  const int64_t to = place(end, by > 0 ? size : -1);
  if (of.kind == kind::string) {
    out = of_text({of.string.data + from, static_cast<size_t>(std::max<int64_t>(to - from, 0))});
    return true;
  }
  out = memory_.make_list(static_cast<size_t>(std::max<int64_t>((to - from) * by, 0)));
  for (int64_t i = from; out.kind == kind::list && (by > 0 ? i < to : i > to); i += by)
    memory_.append(*out.list, of.list->items[i]);
  return true;
}

bool machine::begin_loop(const value& over, bool& empty) {
  if (status_ != QC_OK)
    return false;
  empty = over.kind == kind::undefined || (over.kind == kind::list && over.list->size == 0);
  if (empty)
    return true;
  if (over.kind != kind::list)
    return fail("goes through what is no list");
  if (open_loops_ == loop_limit)
    return fail("has loops nested too deep");
  loops_[open_loops_++] = {over.list, 0};
  return true;
}

value machine::field(chat::loop_field what) const {
  const loop& now = loops_[open_loops_ - 1];
  const int64_t position = static_cast<int64_t>(now.position);
  const int64_t size = static_cast<int64_t>(now.list->size);
  switch (what) {
  case loop_field::index: return of_integer(position + 1);
  case loop_field::index0: return of_integer(position);
  case loop_field::first: return of_boolean(position == 0);
  case loop_field::last: return of_boolean(position + 1 == size);
  case loop_field::length: return of_integer(size);
  case loop_field::revindex: return of_integer(size - position);
  case loop_field::revindex0: return of_integer(size - position - 1);
  case loop_field::previtem: return position > 0 ? now.list->items[position - 1] : value();
  case loop_field::nextitem: return position + 1 < size ? now.list->items[position + 1] : value();
  }
  return {};
}

}  // namespace quantc::chat
