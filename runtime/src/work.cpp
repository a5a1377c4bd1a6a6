#include "work.h"

#include <algorithm>

namespace quantc::rt {
namespace {

/// Positions that all rows see together. With a window, row i sees those up to its own, past + i, and at most `window` of them.
uint64_t seen_positions(uint64_t rows, uint64_t window, const StepShape& step) {
  const uint64_t past = static_cast<uint64_t>(step.past);
  if (window == 0)
    return rows * (past + static_cast<uint64_t>(step.sequence));
  const uint64_t whole = past < window ? std::min(rows, window - past) : 0;  // rows that the window cuts nothing from
  return whole * past + whole * (whole + 1) / 2 + (rows - whole) * window;
}

}  // namespace

Work work_of(const PlannedCall& call, const StepShape& step) {
  if (evaluate(*call.rows, step) <= 0)
    return {0, 0};
  const uint64_t rows = static_cast<uint64_t>(evaluate(*call.rows, step));
  Work work = {call.cost.fixed_bytes, rows * call.cost.row_multiply_adds};
  uint64_t last = 0;  // of the output
  for (uint32_t i = 0; i < call.argument_count; ++i) {
    if (!call.arguments[i].fixed)
      work.bytes += last = view_bytes(call.arguments[i], step);
  }
  // A row of a table becomes a row of the output that is at least as long.
  work.bytes += std::min(call.cost.table_bytes, last);
  if (call.cost.position_multiply_adds > 0)
    work.multiply_adds += call.cost.position_multiply_adds * (call.cost.over_source ? rows * static_cast<uint64_t>(step.source)
                                                                                    : seen_positions(rows, call.cost.window, step));
  return work;
}

}  // namespace quantc::rt
