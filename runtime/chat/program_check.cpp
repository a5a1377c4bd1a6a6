#include "machine.h"

namespace quantc::chat {

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
      if (operand > push_true)
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

}  // namespace quantc::chat
