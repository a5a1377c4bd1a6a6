#include "machine.h"

#include <string.h>

#include <algorithm>

namespace quantc::chat {
namespace {

constexpr uint64_t step_limit = uint64_t{1} << 24;

}  // namespace

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
  case op::text: return put(string(operand));
  case op::print: return print(pop());
  case op::string: result = of_text(string(operand)); break;
  case op::integer: result = of_integer(signed_operand(word)); break;
  case op::constant:
    result = operand == push_undefined ? value() : operand == push_none ? of_none() : of_boolean(operand == push_true);
    break;
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
    made->size = operand;
    for (uint32_t i = operand; i > 0; --i) {
      made->values[i - 1] = pop();
      const value name = pop();
      if (name.kind != kind::string)
        return fail("has a name that is no text");
      made->names[i - 1] = name.string;
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
  case op::capture_begin:
    if (open_captures_ == capture_limit)
      return fail("keeps text within text too deep");
    captures_[open_captures_++] = {nullptr, 0, 0};
    return true;
  case op::capture_end: {
    if (open_captures_ == 0)
      return fail("is damaged");
    const capture& kept = captures_[--open_captures_];
    result = of_text(kept.size > 0 ? chat::text{kept.text, kept.size} : chat::text{"", 0});
    break;
  }
  default: return fail("is damaged");
  }
  push(result);
  return status_ == QC_OK;
}

bool machine::print(const value& v) {
  text words = {};
  if (status_ != QC_OK || !to_text(v, words))
    return false;
  return put(words);
}

bool machine::put(chat::text more) {
  if (open_captures_ == 0) {
    out_.put(more);
    return true;
  }
  capture& kept = captures_[open_captures_ - 1];
  if (more.size > kept.capacity - kept.size) {
    // Nothing is freed: room that doubles costs twice what is kept.
    const size_t capacity = 2 * (kept.size + more.size) + 64;
    char* const room = memory_.make<char>(capacity);
    if (!room)
      return false;
    if (kept.size > 0)
      memcpy(room, kept.text, kept.size);
    kept = {room, kept.size, capacity};
  }
  if (more.size > 0)
    memcpy(kept.text + kept.size, more.data, more.size);
  kept.size += more.size;
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
