// How much a call does in a step: what profiles divide by, and what decides into how many pieces it is cut.
#pragma once

#include "plan.h"
#include "step_shape.h"

namespace quantc::rt {

struct Work {
  uint64_t bytes;          // read and written, each view once
  uint64_t multiply_adds;  // of the model; those that only fill whole vectors are not counted
};

/// Bytes of a view's elements. A view whose strides let elements share bytes counts them as often as they are seen (sums wrap: they are figures
/// and nothing depends on them).
inline uint64_t view_bytes(const PlannedView& view, const StepShape& step) {
  uint64_t bytes = view.element_bytes;
  for (uint32_t d = 0; d < view.dimensions; ++d)
    bytes *= static_cast<uint64_t>(evaluate(view.dims[d].extent(), step));
  return bytes;
}

Work work_of(const PlannedCall& call, const StepShape& step);

}  // namespace quantc::rt
