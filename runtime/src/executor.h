// Runs the calls of a plan.
#pragma once

#include "plan.h"
#include "step_shape.h"
#include "thread_pool.h"

namespace quantc::rt {

/// Runs all calls in order for one step, every call divided among the pool's threads. Returns 0, or what the first kernel that gave up
/// returned.
int run_step(const Plan& plan, uint8_t* arena, const StepShape& shape, ThreadPool& pool);

}  // namespace quantc::rt
