#include "machine.h"

#include <string.h>

#include <algorithm>

namespace quantc::chat {
namespace {

constexpr uint64_t step_limit = uint64_t{1} << 24;

bool add_overflows(int64_t a, int64_t b, int64_t& out) { return __builtin_add_overflow(a, b, &out); }

}  // namespace

bool check_program(const schema::ChatTemplate& program) {
  const auto* code = program.code();
  if (!code || code->size() == 0 || code->size() >= (1u << 23) || program.slots() > variable_limit)
    return false;
  const uint32_t strings = program.strings() ? program.strings()->size() : 0;
  for (uint32_t at = 0; at < code->size(); ++at) {
    const uint32_t word = code->Get(at);
    const uint32_t operand = operand_of(word);
    if ((word & 0xFF) >= op_count)
      return false;
    const op now = op_of(word);
    if (jumps(now)) {
      const int64_t target = int64_t{at} + 1 + signed_operand(word);
      if (target < 0 || target >= code->size())
        return false;
      continue;
    }
    switch (now) {
    case op::text:
    case op::string:
    case op::attribute:
    case op::set_attribute:
    case op::fail:
      if (operand >= strings)
        return false;
      break;
    case op::load:
    case op::store:
    case op::append:
      if (operand >= program.slots())
        return false;
      break;
    case op::constant:
      if (operand > 3)
        return false;
      break;
    case op::binary:
      if (operand >= binary_op_count)
        return false;
      break;
    case op::loop_field:
      if (operand >= loop_field_count)
        return false;
      break;
    case op::call:
      if ((operand & 0xFF) >= static_cast<uint32_t>(builtin::count) || operand >> 8 > 2)
        return false;
      break;
    case op::list:
    case op::name_space:
      if (operand >= stack_limit)
        return false;
      break;
    default: break;
    }
  }
  return op_of(code->Get(code->size() - 1)) == op::end;
}

void output::put(chat::text more) {
  if (more.size > 0 && size < capacity)
    memcpy(text + size, more.data, std::min(more.size, capacity - size));
  size += more.size;
}

qc_status machine::run() {
  size_t next = 0;
  for (uint64_t steps = 0; steps < step_limit; ++steps) {
    const uint32_t word = program_.code()->Get(static_cast<uint32_t>(next));
    if (op_of(word) == op::end)
      return QC_OK;
    ++next;
    const bool good = step(word, next);
    if (memory_.full())
      return QC_ERROR_MEMORY;
    if (!good)
      return status_;
  }
  fail("does not end");
  return status_;
}

bool machine::step(uint32_t word, size_t& next) {
  const uint32_t operand = operand_of(word);
  const auto jump = [&] { next = static_cast<size_t>(static_cast<int64_t>(next) + signed_operand(word)); };
  value result;
  switch (op_of(word)) {
  case op::text: out_.put(string(operand)); return true;
  case op::print: return print(pop());
  case op::string: result = of_text(string(operand)); break;
  case op::integer: result = of_integer(signed_operand(word)); break;
  case op::constant: result = operand == 0 ? value() : operand == 1 ? of_none() : of_boolean(operand == 3); break;
  case op::load: result = variables_[operand]; break;
  case op::store: variables_[operand] = pop(); return status_ == QC_OK;
  case op::attribute:
    if (!attribute(pop(), string(operand), result))
      return false;
    break;
  case op::index: {
    const value by = pop();
    if (!index(pop(), by, result))
      return false;
    break;
  }
  case op::slice: {
    const value by = pop();
    const value end = pop();
    const value begin = pop();
    if (!slice(pop(), begin, end, by, result))
      return false;
    break;
  }
  case op::list: {
    result = memory_.make_list(operand);
    if (result.kind != kind::list || depth_ < operand)
      return fail("is damaged");
    for (uint32_t i = 0; i < operand; ++i)
      memory_.append(*result.list, stack_[depth_ - operand + i]);
    depth_ -= operand;
    break;
  }
  case op::name_space: {
    chat::name_space* const made = memory_.make<chat::name_space>();
    if (!made || operand > name_space_limit)
      return fail("has a namespace of too many names");
    made->size = 0;
    for (uint32_t i = 0; i < operand; ++i) {
      const value initial = pop();
      const value name = pop();
      if (name.kind != kind::string)
        return fail("is damaged");
      made->names[made->size] = name.string;
      made->values[made->size++] = initial;
    }
    result.kind = kind::name_space;
    result.name_space = made;
    break;
  }
  case op::set_attribute: {
    const value what = pop();
    const value of = pop();
    if (of.kind != kind::name_space)
      return fail("sets a member of what is no namespace: ", string(operand));
    chat::name_space& names = *of.name_space;
    size_t i = 0;
    while (i < names.size && !equal(names.names[i], string(operand)))
      ++i;
    if (i == name_space_limit)
      return fail("has a namespace of too many names");
    names.names[i] = string(operand);
    names.values[i] = what;
    names.size = std::max(names.size, i + 1);
    return status_ == QC_OK;
  }
  case op::append: {
    const value item = pop();
    if (variables_[operand].kind != kind::list)
      return fail("is damaged");
    memory_.append(*variables_[operand].list, item);
    return status_ == QC_OK;
  }
  case op::binary: return binary(static_cast<binary_op>(operand));
  case op::negate: {
    const value v = pop();
    if (v.kind != kind::integer)
      return fail("negates what is no number");
    result = of_integer(static_cast<int64_t>(0 - static_cast<uint64_t>(v.number)));
    break;
  }
  case op::logical_not: result = of_boolean(!is_true(pop())); break;
  case op::jump: jump(); return true;
  case op::jump_if_false:
    if (!is_true(pop()))
      jump();
    return status_ == QC_OK;
  case op::jump_if_false_keep:
  case op::jump_if_true_keep:
    if (depth_ == 0)
      return fail("is damaged");
    if (is_true(stack_[depth_ - 1]) == (op_of(word) == op::jump_if_true_keep))
      jump();
    else
      --depth_;
    return true;
  case op::call: {
    value arguments[2];
    const size_t count = operand >> 8;
    for (size_t i = count; i > 0; --i)
      arguments[i - 1] = pop();
    const value subject = pop();
    if (status_ != QC_OK || !call(static_cast<builtin>(operand & 0xFF), subject, arguments, count, result))
      return false;
    break;
  }
  case op::loop_begin: {
    bool empty = false;
    if (!begin_loop(pop(), empty))
      return false;
    if (empty)
      jump();
    return true;
  }
  case op::loop_item:
  case op::loop_field:
  case op::loop_next: {
    if (open_loops_ == 0)
      return fail("is damaged");
    loop& now = loops_[open_loops_ - 1];
    if (op_of(word) == op::loop_next) {
      if (++now.position < now.list->size)
        jump();
      else
        --open_loops_;
      return true;
    }
    // A list can only have grown since.
    result = op_of(word) == op::loop_item ? now.list->items[now.position] : field(static_cast<chat::loop_field>(operand));
    break;
  }
  case op::fail: return fail("asks for what is not known: ", string(operand));
  case op::raise: {
    const value reason = pop();
    text words = {"", 0};
    if (status_ == QC_OK && !to_text(reason, words))
      return false;
    fail("refuses the conversation: ", words);
    status_ = QC_ERROR_ARGUMENT;
    return false;
  }
  default: return fail("is damaged");
  }
  push(result);
  return status_ == QC_OK;
}

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
    } else if (numbers && !add_overflows(left.number, right.number, sum)) {
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

bool machine::print(const value& v) {
  text words = {};
  if (status_ != QC_OK || !to_text(v, words))
    return false;
  out_.put(words);
  return true;
}

text machine::string(uint32_t index) const {
  const flatbuffers::String* found = program_.strings()->Get(index);
  return {found->c_str(), found->size()};
}

void machine::push(const value& v) {
  if (depth_ == stack_limit)
    fail("has an expression that is too deep");
  else
    stack_[depth_++] = v;
}

value machine::pop() {
  if (depth_ == 0) {
    fail("is damaged");
    return {};
  }
  return stack_[--depth_];
}

bool machine::fail(const char* reason, text detail) {
  if (status_ != QC_OK)
    return false;
  status_ = QC_ERROR_FORMAT;
  if (error_)
    snprintf(error_->message, sizeof error_->message, "the chat template %s%.*s; give a --prompt that is written out", reason,
             static_cast<int>(std::min<size_t>(detail.size, 300)), detail.size > 0 ? detail.data : "");
  return false;
}

}  // namespace quantc::chat
