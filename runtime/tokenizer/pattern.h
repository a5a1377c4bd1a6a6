// Matches the pre-tokenizer's regular expressions on the device. A pattern is a program that compiler/tokenizer/PatternCompiler makes; it is run
// by backtracking as Oniguruma and PCRE2 do: alternatives in the order written, greedy repeats give back one character at a time.
//
// A program is a list of 32-bit words. An instruction's first word is `operation | operand << 8`; repeats have two more words, the least and the
// greatest count (UINT32_MAX: no limit). Instructions are entered at their first word only, jump targets are word indices.
//
// Classes are sets of code points, all in one list of words: the number of classes n, n + 1 offsets into the words that follow them, and there
// for each class 4 words of bits for U+0000 to U+007F, then pairs (first, last) of ascending ranges.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace quantc::tokenizer {

enum class pattern_op : uint8_t {
  accept,             // the match ends here
  literal,            // operand: code point
  one_of,             // operand: class
  jump,               // operand: target
  either,             // goes on behind this; if that fails, at the operand
  either_far,         // goes on at the operand; if that fails, behind this
  repeat,             // operand: class, as many characters as possible first
  repeat_lazy,        // operand: class, as few characters as possible first
  repeat_possessive,  // operand: class, gives nothing back
  look,               // (?= ... leave_look
  leave_look,
  look_not,  // (?! ... leave_look_not; operand: where to go on if what is between does not match
  leave_look_not,
  atomic,  // (?> ... leave_atomic
  leave_atomic,
  back,  // operand: characters to go back by, for what looks behind
};
constexpr uint32_t pattern_op_count = 16;

constexpr uint32_t pattern_word(pattern_op op, uint32_t operand = 0) { return static_cast<uint32_t>(op) | operand << 8; }
constexpr uint32_t pattern_operand_limit = 1u << 24;
constexpr uint32_t pattern_instruction_words(pattern_op op) {
  return op == pattern_op::repeat || op == pattern_op::repeat_lazy || op == pattern_op::repeat_possessive ? 3 : 1;
}

struct class_table {
  const uint32_t* words;
  uint32_t count;
};

/// Reads the list of classes; false if an offset leaves it or a class is misshapen.
bool read_classes(const uint32_t* words, size_t size, class_table* out_table);
bool in_class(const class_table& table, uint32_t index, uint32_t code);

/// Whether every instruction, operand and target of the program is one that `match_pattern` can run.
/// `scratch` has `size` bytes.
bool check_pattern(const uint32_t* program, size_t size, const class_table& classes, uint8_t* scratch);

/// A place to go back to.
struct choice {
  uint32_t kind;
  uint32_t instruction;
  uint32_t position;
  uint32_t limit;
};

enum class match_result : uint8_t { matched, failed, exhausted };

struct matcher {
  const uint32_t* program;
  class_table classes;
  const uint8_t* text;
  uint32_t begin;  // the text that the pattern can see: [begin, end)
  uint32_t end;
  choice* choices;
  size_t choice_capacity;
  uint64_t* steps;  // counted down; a match that needs more is `exhausted`, as is one that needs more choices
};

/// Matches at `position` and no further on. `*out_end` is written when matched.
match_result match_pattern(const matcher& matcher, uint32_t position, uint32_t* out_end);

}  // namespace quantc::tokenizer
