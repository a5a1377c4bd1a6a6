#include "executor.h"

#include <time.h>

#include <algorithm>

#include "float_mode.h"
#include "format.h"
#include "work.h"

namespace quantc::rt {
namespace {

// The cost of a call is bytes + multiply-adds / 4: a unit is about a quarter of a nanosecond of a core. Measured on two cores with decode and
// prefill of models of 3 and 135 million parameters.
constexpr uint64_t kMultiplyAddsPerCost = 4;
// The least that is worth giving to another thread: about two microseconds, several times what handing it over costs.
constexpr uint64_t kLeastPieceCost = 8192;
// One piece per thread is the fastest where all threads run at one speed. Two even out cores of different speed and cores that others use too,
// where a piece is still long, a quarter of a millisecond.
constexpr uint64_t kLongPieceCost = uint64_t{1} << 20;
constexpr uint32_t kMostPiecesPerThread = 2;

struct Step {
  const Plan& plan;
  uint8_t* arena;
  const StepShape& shape;
  uint32_t threads;
  EventLog& events;
  std::atomic<int> failure{0};
};

/// The arguments of one call as a kernel takes them, on the stack of the thread that calls it.
class Arguments {
public:
  Arguments(const Step& step, const PlannedCall& call, UnitRange range) {
    for (uint32_t i = 0; i < call.argument_count; ++i) {
      const PlannedView& view = call.arguments[i];
      fill(step, view, buffers_[i], dimensions_[i]);
      if (view.split_dim >= 0)
        crop(view, range, buffers_[i], dimensions_[i][view.split_dim]);
      pointers_[i] = &buffers_[i];
    }
  }
  void** pointers() { return pointers_; }

private:
  static void fill(const Step& step, const PlannedView& view, HalideBuffer& buffer, HalideDimension* dimensions) {
    int64_t first = 0;
    for (uint32_t d = 0; d < view.dimensions; ++d) {
      const schema::Dim& dim = view.dims[d];
      first += evaluate(dim.start(), step.shape) * dim.stride();
      dimensions[d] = {static_cast<int32_t>(evaluate(dim.min(), step.shape)), static_cast<int32_t>(evaluate(dim.extent(), step.shape)),
                       static_cast<int32_t>(dim.stride()), 0};
    }
    // Kernels take weights as they take everything else, by a pointer to bytes that may be written; they are mapped read-only.
    uint8_t* space = view.in_weights ? const_cast<uint8_t*>(step.plan.weights()) : step.arena;
    buffer = {};
    buffer.host = space + view.offset + first * view.element_bytes;
    buffer.type = view.type;
    buffer.dimensions = view.dimensions;
    buffer.dim = dimensions;
  }

  static void crop(const PlannedView& view, UnitRange range, HalideBuffer& buffer, HalideDimension& dimension) {
    const int64_t skipped = range.begin * view.split_unit;
    const int64_t wanted = (range.end - range.begin) * view.split_unit;
    const int64_t left = dimension.extent - skipped;
    dimension.min += static_cast<int32_t>(skipped);
    dimension.extent = static_cast<int32_t>(left < wanted ? left : wanted);
    buffer.host += skipped * dimension.stride * view.element_bytes;
  }

  HalideBuffer buffers_[kMaxArguments];
  HalideDimension dimensions_[kMaxArguments][kMaxDimensions];
  void* pointers_[kMaxArguments];
};

uint64_t cost_of(const PlannedCall& call, const Step& step) {
  const Work work = work_of(call, step.shape);
  return work.bytes + work.multiply_adds / kMultiplyAddsPerCost;
}

/// 0 for a call that has nothing to do in this step.
int64_t units_of(const PlannedCall& call, const Step& step) {
  return evaluate(*call.rows, step.shape) == 0 ? 0 : evaluate(*call.units, step.shape);
}

uint32_t pieces_for(uint64_t cost, uint32_t threads) {
  if (threads == 1)
    return 1;
  if (cost >= kLongPieceCost * kMostPiecesPerThread * threads)
    return kMostPiecesPerThread * threads;
  return static_cast<uint32_t>(std::clamp<uint64_t>(cost / kLeastPieceCost, 1, threads));
}

uint32_t pieces_of_stage(void* context, uint32_t index) {
  const Step& step = *static_cast<const Step*>(context);
  const Stage stage = step.plan.stage(index);
  int64_t units = 0;
  uint64_t cost = 0;
  for (uint32_t i = stage.begin; i < stage.end; ++i) {
    units += units_of(step.plan.calls()[i], step);
    cost += cost_of(step.plan.calls()[i], step);
  }
  return static_cast<uint32_t>(std::min<int64_t>(units, pieces_for(cost, step.threads)));
}

/// The parts of a stage's calls that belong to one of its pieces. The work of all calls is laid end to end and cut into equal parts, each at the
/// unit in which it falls.
class Piece {
public:
  Piece(const Step& step, Stage stage, uint32_t piece, uint32_t pieces)
      : piece_(piece), pieces_(pieces), alone_(stage.end - stage.begin == 1) {
    if (alone_ || pieces == 1)
      return;
    uint64_t total = 0;
    for (uint32_t i = stage.begin; i < stage.end; ++i)
      total += cost_of(step.plan.calls()[i], step);
    begin_ = total / pieces * piece;
    end_ = piece + 1 == pieces ? total : total / pieces * (piece + 1);
  }

  /// To be asked for every call of the stage, in order.
  UnitRange next(const Step& step, const PlannedCall& call) {
    const int64_t units = units_of(call, step);
    if (alone_ || pieces_ == 1)
      return unit_range(units, piece_, pieces_);
    const uint64_t cost = cost_of(call, step);
    const UnitRange range = {units_before(begin_, cost, units), units_before(end_, cost, units)};
    done_ += cost;
    return range;
  }

private:
  int64_t units_before(uint64_t place, uint64_t cost, int64_t units) const {
    if (place <= done_)
      return 0;
    if (place - done_ >= cost)
      return units;
    return std::min(units,
                    static_cast<int64_t>(static_cast<double>(place - done_) / static_cast<double>(cost) * static_cast<double>(units)));
  }

  const uint32_t piece_, pieces_;
  const bool alone_;
  uint64_t begin_ = 0, end_ = 0;  // of the piece, in the work of the stage
  uint64_t done_ = 0;             // work of the calls so far
};

uint64_t now_ns() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1000000000 + static_cast<uint64_t>(time.tv_nsec);
}

int call_kernel(const Step& step, const PlannedCall& call, UnitRange range) {
  const bool one = evaluate(*call.rows, step.shape) == 1;
  Arguments arguments(step, call, range);
  return (one ? call.kernel_one : call.kernel)(arguments.pointers());
}

void run_call(Step& step, uint32_t index, UnitRange range, uint32_t thread) {
  const uint64_t begin = step.events.room ? now_ns() : 0;
  const int result = call_kernel(step, step.plan.calls()[index], range);
  if (step.events.room) {
    qc_event& event = step.events.room[step.events.count.fetch_add(1, std::memory_order_relaxed)];
    event = {begin, now_ns(), index, thread, static_cast<uint32_t>(range.begin), static_cast<uint32_t>(range.end - range.begin)};
  }
  int none = 0;
  if (result != 0)
    step.failure.compare_exchange_strong(none, result);
}

void run_piece(void* context, uint32_t index, uint32_t piece, uint32_t pieces, uint32_t thread) {
  Step& step = *static_cast<Step*>(context);
  const Stage stage = step.plan.stage(index);
  Piece parts(step, stage, piece, pieces);
  for (uint32_t i = stage.begin; i < stage.end; ++i) {
    const UnitRange range = parts.next(step, step.plan.calls()[i]);
    if (range.begin < range.end)
      run_call(step, i, range, thread);
  }
}

}  // namespace

size_t events_per_step(const Plan& plan, uint32_t threads) {
  return plan.calls().size() * (threads == 1 ? 1 : size_t{threads} * kMostPiecesPerThread);
}

int run_step(const Plan& plan, uint8_t* arena, const StepShape& shape, ThreadPool& pool, EventLog& events) {
  const FloatMode mode;
  events.count.store(0, std::memory_order_relaxed);
  Step step{plan, arena, shape, pool.threads(), events};
  pool.run({&step, plan.stage_count(), pieces_of_stage, run_piece});
  return step.failure.load();
}

}  // namespace quantc::rt
