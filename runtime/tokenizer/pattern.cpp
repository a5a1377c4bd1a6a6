#include "pattern.h"

#include "utf8.h"

namespace quantc::tokenizer {
namespace {

constexpr uint32_t ascii_words = 4;

pattern_op op_of(uint32_t word) { return static_cast<pattern_op>(word & 0xFF); }
uint32_t operand_of(uint32_t word) { return word >> 8; }

enum choice_kind : uint32_t {
  alternative,       // go on at `instruction`
  give_back,         // a greedy repeat that may shrink to `limit`
  take_more,         // a lazy repeat that may take `limit` more
  group_mark,        // begin of a look or atomic group
  group_alternative  // begin of a look_not: go on at `instruction`
};

/// One run of a program.
class run {
public:
  run(const matcher& m, uint32_t position) : m_(m), position_(position) {}

  match_result operator()(uint32_t* out_end) {
    for (;;) {
      if (*m_.steps == 0)
        return match_result::exhausted;
      --*m_.steps;
      const uint32_t word = m_.program[instruction_];
      if (op_of(word) == pattern_op::accept) {
        *out_end = position_;
        return match_result::matched;
      }
      if (step(word))
        continue;
      if (exhausted_)
        return match_result::exhausted;
      if (!go_back())
        return *m_.steps == 0 ? match_result::exhausted : match_result::failed;
    }
  }

private:
  /// Runs one instruction; false if the text does not match here.
  bool step(uint32_t word) {
    const uint32_t operand = operand_of(word);
    switch (op_of(word)) {
    case pattern_op::literal:
    case pattern_op::one_of: {
      if (position_ == m_.end)
        return false;
      const character next = read_character(m_.text + position_, m_.end - position_);
      if (op_of(word) == pattern_op::literal ? next.code != operand : !in_class(m_.classes, operand, next.code))
        return false;
      position_ += next.bytes;
      break;
    }
    case pattern_op::jump: instruction_ = operand; return true;
    case pattern_op::either:
      if (!push({alternative, operand, position_, 0}))
        return false;
      break;
    case pattern_op::either_far:
      if (!push({alternative, instruction_ + 1, position_, 0}))
        return false;
      instruction_ = operand;
      return true;
    case pattern_op::repeat:
    case pattern_op::repeat_lazy:
    case pattern_op::repeat_possessive: return repeat(op_of(word), operand);
    case pattern_op::look:
    case pattern_op::atomic:
      if (!push({group_mark, 0, position_, 0}))
        return false;
      break;
    case pattern_op::look_not:
      if (!push({group_alternative, operand, position_, 0}))
        return false;
      break;
    case pattern_op::leave_look:
      if (!leave_group())
        return false;
      position_ = m_.choices[depth_].position;
      break;
    case pattern_op::leave_look_not: leave_group(); return false;
    case pattern_op::leave_atomic:
      if (!leave_group())
        return false;
      break;
    case pattern_op::back:
      if (!step_back(operand))
        return false;
      break;
    default: return false;
    }
    ++instruction_;
    return true;
  }

  /// Moves back over `count` characters; false where there are not as many.
  bool step_back(uint32_t count) {
    for (; count > 0; --count, --*m_.steps) {
      if (position_ == m_.begin || *m_.steps == 0)
        return false;
      position_ = character_before(m_.text, m_.begin, position_);
    }
    return true;
  }

  bool repeat(pattern_op op, uint32_t index) {
    const uint32_t least = m_.program[instruction_ + 1];
    const uint32_t most = m_.program[instruction_ + 2];
    const uint32_t after = instruction_ + 3;
    if (take(index, least) < least)
      return false;
    const uint32_t shortest = position_;
    if (op == pattern_op::repeat_lazy) {
      if (most > least && !push({take_more, instruction_, position_, most == UINT32_MAX ? most : most - least}))
        return false;
    } else {
      take(index, most - least);
      if (op == pattern_op::repeat && position_ > shortest && !push({give_back, after, position_, shortest}))
        return false;
    }
    instruction_ = after;
    return true;
  }

  /// Moves over up to `most` characters of a class; returns how many there were.
  uint32_t take(uint32_t index, uint32_t most) {
    uint32_t count = 0;
    while (count < most && position_ < m_.end && *m_.steps > 0) {
      const character next = read_character(m_.text + position_, m_.end - position_);
      if (!in_class(m_.classes, index, next.code))
        break;
      position_ += next.bytes;
      ++count;
      --*m_.steps;
    }
    return count;
  }

  /// Takes up the last choice; false if there is none.
  bool go_back() {
    while (depth_ > 0) {
      choice& last = m_.choices[depth_ - 1];
      position_ = last.position;
      instruction_ = last.instruction;
      switch (last.kind) {
      case give_back:
        position_ = last.position = character_before(m_.text, m_.begin, last.position);
        if (last.position <= last.limit)
          --depth_;
        return true;
      case take_more:
        if (take(operand_of(m_.program[instruction_]), 1) == 1) {
          instruction_ += 3;
          last.position = position_;
          if (last.limit != UINT32_MAX && --last.limit == 0)
            --depth_;
          return true;
        }
        --depth_;
        break;
      case group_mark: --depth_; break;
      default: --depth_; return true;
      }
    }
    return false;
  }

  bool push(choice next) {
    if (depth_ == m_.choice_capacity) {
      exhausted_ = true;
      return false;
    }
    m_.choices[depth_++] = next;
    return true;
  }

  /// Forgets the choices of the innermost group; its mark is then at `depth_`. False if no group is open.
  bool leave_group() {
    while (depth_ > 0) {
      const uint32_t kind = m_.choices[--depth_].kind;
      if (kind == group_mark || kind == group_alternative)
        return true;
    }
    exhausted_ = true;
    return false;
  }

  const matcher& m_;
  uint32_t position_;
  uint32_t instruction_ = 0;
  size_t depth_ = 0;
  bool exhausted_ = false;
};

}  // namespace

bool read_classes(const uint32_t* words, size_t size, class_table* out_table) {
  *out_table = {words, 0};
  if (size == 0)
    return true;
  const uint32_t count = words[0];
  if (count >= pattern_operand_limit || size - 1 < static_cast<size_t>(count) + 1)
    return false;
  const uint32_t* offsets = words + 1;
  const size_t bodies = size - 2 - count;
  if (offsets[0] != 0 || offsets[count] != bodies)
    return false;
  for (uint32_t i = 0; i < count; ++i)
    if (offsets[i + 1] < offsets[i] || offsets[i + 1] - offsets[i] < ascii_words || (offsets[i + 1] - offsets[i]) % 2 != 0)
      return false;
  out_table->count = count;
  return true;
}

bool in_class(const class_table& table, uint32_t index, uint32_t code) {
  const uint32_t* offsets = table.words + 1;
  const uint32_t* body = offsets + table.count + 1 + offsets[index];
  if (code < 0x80)
    return body[code / 32] >> (code % 32) & 1;
  const uint32_t* ranges = body + ascii_words;
  uint32_t low = 0;
  uint32_t high = (offsets[index + 1] - offsets[index] - ascii_words) / 2;
  while (low < high) {
    const uint32_t middle = (low + high) / 2;
    if (code < ranges[2 * middle])
      high = middle;
    else if (code > ranges[2 * middle + 1])
      low = middle + 1;
    else
      return true;
  }
  return false;
}

bool check_pattern(const uint32_t* program, size_t size, const class_table& classes, uint8_t* scratch) {
  if (size == 0 || size >= pattern_operand_limit)
    return false;
  for (size_t i = 0; i < size; ++i)
    scratch[i] = 0;
  pattern_op last = pattern_op::accept;
  for (size_t i = 0; i < size; i += pattern_instruction_words(last)) {
    if ((program[i] & 0xFF) >= pattern_op_count)
      return false;
    last = op_of(program[i]);
    const uint32_t words = pattern_instruction_words(last);
    if (size - i < words)
      return false;
    scratch[i] = 1;
    if ((words == 3 || last == pattern_op::one_of) && operand_of(program[i]) >= classes.count)
      return false;
    if (words == 3 && program[i + 1] > program[i + 2])
      return false;
  }
  if (last != pattern_op::accept && last != pattern_op::jump)
    return false;
  for (size_t i = 0; i < size; i += pattern_instruction_words(op_of(program[i]))) {
    const pattern_op op = op_of(program[i]);
    const bool jumps = op == pattern_op::jump || op == pattern_op::either || op == pattern_op::either_far || op == pattern_op::look_not;
    if (jumps && (operand_of(program[i]) >= size || !scratch[operand_of(program[i])]))
      return false;
  }
  return true;
}

match_result match_pattern(const matcher& matcher, uint32_t position, uint32_t* out_end) { return run(matcher, position)(out_end); }

}  // namespace quantc::tokenizer
