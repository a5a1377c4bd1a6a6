// The program that compiler/chat makes of a chat template, and that `qc_chat_render` runs: a stack machine.
//
// An instruction is one word, `operation | operand << 8`. Operands of jumps are signed and count from the instruction behind; other operands are
// what the operation says. Values are undefined, none, booleans, integers, strings, lists, namespaces and messages.
#pragma once

#include <stdint.h>

namespace quantc::chat {

enum class op : uint8_t {
  end,
  text,           // prints a string
  print,          // pops and prints
  string,         // pushes a string
  integer,        // pushes a signed operand
  constant,       // pushes undefined, none, false, true: operand 0 to 3
  load,           // pushes a variable
  store,          // pops into a variable
  attribute,      // of what is popped, by the name of a string
  index,          // pops an index, then what it is of
  slice,          // pops step, end, begin, then what it is of; none where it is left out
  list,           // pops as many values
  name_space,     // pops as many pairs of a name and a value
  set_attribute,  // pops a value, then the namespace; by the name of a string
  append,         // pops a value, adds it to the list in a variable
  binary,         // a binary_op: pops right, then left
  negate,         // of an integer
  logical_not,
  jump,
  jump_if_false,       // pops
  jump_if_false_keep,  // pops unless it jumps
  jump_if_true_keep,
  call,           // a builtin | arguments << 8: pops the arguments, then what it is applied to
  loop_begin,     // pops what to go through; jumps if that is empty
  loop_item,      // pushes the present element
  loop_field,     // a loop_field: pushes it
  loop_next,      // jumps if there is one more element, else leaves the loop
  fail,           // ends with a string as the reason
  raise,          // pops the reason
  capture_begin,  // what is printed from here on is kept
  capture_end,    // and pushed as a string
};
constexpr uint32_t op_count = 31;

enum class binary_op : uint8_t {
  add,
  subtract,
  multiply,
  divide,
  modulo,
  concatenate,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in
};
constexpr uint32_t binary_op_count = 13;

enum class loop_field : uint8_t { index, index0, first, last, length, revindex, revindex0, previtem, nextitem };
constexpr uint32_t loop_field_count = 9;

// QC_CHAT_BUILTIN(name, form, jinja, least, most): filters (f), methods (m), tests (t) and functions (g) with the counts of their arguments.
enum class builtin : uint8_t {
#define QC_CHAT_BUILTIN(name, form, jinja, least, most) name,
#include "builtins.inc"
#undef QC_CHAT_BUILTIN
  count
};

// Variables that have a value from the start.
enum variable : uint32_t { messages, add_generation_prompt, bos_token, eos_token, first_own_variable };

enum constant_operand : uint32_t { push_undefined, push_none, push_false, push_true };

constexpr uint32_t variable_limit = 256;
constexpr uint32_t loop_limit = 16;
constexpr uint32_t capture_limit = 16;
constexpr uint32_t stack_limit = 128;

constexpr uint32_t word(op o, uint32_t operand = 0) { return static_cast<uint32_t>(o) | operand << 8; }
constexpr op op_of(uint32_t w) { return static_cast<op>(w & 0xFF); }
constexpr uint32_t operand_of(uint32_t w) { return w >> 8; }
constexpr int32_t signed_operand(uint32_t w) { return static_cast<int32_t>(w) >> 8; }
constexpr bool jumps(op o) {
  return o == op::jump || o == op::jump_if_false || o == op::jump_if_false_keep || o == op::jump_if_true_keep || o == op::loop_begin ||
         o == op::loop_next;
}

}  // namespace quantc::chat
