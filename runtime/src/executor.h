// Runs the calls of a plan.
#pragma once

#include "plan.h"
#include "step_shape.h"
#include "thread_pool.h"

namespace quantc::rt {

/// Where a step notes its pieces; `room` is null where nobody asked.
struct EventLog {
  qc_event* room = nullptr;
  std::atomic<uint32_t> count{0};
};

/// Events of a step at most.
size_t events_per_step(const Plan& plan, uint32_t threads);

/// Runs all calls in order for one step, every call divided among the pool's threads. Returns 0, or what the first kernel that gave up
/// returned.
int run_step(const Plan& plan, uint8_t* arena, const StepShape& shape, ThreadPool& pool, EventLog& events);

}  // namespace quantc::rt
