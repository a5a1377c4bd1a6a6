#include "plan.h"

#include <string.h>

#include <algorithm>

#include "header_check.h"
#include "resident.h"
#include "work.h"

namespace quantc::rt {

static_assert(sizeof(PlannedCall) + sizeof(Stage) <= kPlannedCallBytes && sizeof(PlannedView) <= kPlannedViewBytes,
              "the bound on resident memory counts them");

namespace {

HalideType halide_type(schema::ElementType element) {
  const uint8_t bits = static_cast<uint8_t>(8 * element_bytes(element));
  switch (element) {
  case schema::ElementType_f32: return {TypeCode::floating_point, bits, 1};
  case schema::ElementType_u8:
  case schema::ElementType_u16: return {TypeCode::unsigned_integer, bits, 1};
  case schema::ElementType_i8:
  case schema::ElementType_i16:
  case schema::ElementType_i32:
  case schema::ElementType_i64: break;
  }
  return {TypeCode::signed_integer, bits, 1};
}

PlannedView plan_view(const schema::Program& program, const schema::View& view) {
  const schema::Buffer& buffer = *program.buffers()->Get(view.buffer());
  const uint32_t dimensions = size_of(view.dims());
  PlannedView planned;
  planned.dims = dimensions ? view.dims()->Get(0) : nullptr;
  planned.offset = buffer.offset() + view.offset();
  planned.split_unit = view.split_unit();
  planned.type = halide_type(view.element());
  planned.element_bytes = static_cast<uint8_t>(element_bytes(view.element()));
  planned.dimensions = static_cast<uint8_t>(dimensions);
  planned.split_dim = view.split_dim();
  planned.in_weights = buffer.space() == schema::Space_weights;
  planned.fixed = true;
  for (uint32_t d = 0; d < dimensions; ++d) {
    const schema::Size& extent = view.dims()->Get(d)->extent();
    planned.fixed = planned.fixed && extent.sequence() == 0 && extent.past() == 0 && extent.outputs() == 0 && extent.source() == 0;
  }
  return planned;
}

/// Families whose weights are tables of which a token reads a row.
bool reads_rows(const char* family) { return strcmp(family, "embed") == 0 || strcmp(family, "rope") == 0; }

CallCost plan_cost(const schema::Program& program, const schema::Call& call, const PlannedView* views) {
  CallCost cost = {0, 0, call.row_multiply_adds(), call.position_multiply_adds(), call.window(), call.over_source()};
  const bool rows_only = reads_rows(text_of(program.kernels()->Get(call.kernel())->family()));
  for (uint32_t i = 0; i < size_of(call.arguments()); ++i) {
    if (views[i].fixed)
      (rows_only && views[i].in_weights ? cost.table_bytes : cost.fixed_bytes) += view_bytes(views[i], StepShape{});
  }
  return cost;
}

size_t count_views(const schema::Program& program) {
  size_t count = 0;
  for (uint32_t i = 0; i < size_of(program.calls()); ++i)
    count += size_of(program.calls()->Get(i)->arguments());
  return count;
}

}  // namespace

qc_status Plan::build(const schema::Program& program, const schema::Variant& variant, const uint8_t* weights, const uint8_t* code,
                      qc_error* error) {
  const auto entry = [&](uint32_t kernel) {
    return reinterpret_cast<Kernel>(reinterpret_cast<uintptr_t>(code) + variant.entries()->Get(kernel));
  };
  const uint32_t call_count = size_of(program.calls());
  if (!calls_.allocate(call_count) || !stages_.allocate(call_count) || !views_.allocate(count_views(program)))
    return fail(error, QC_ERROR_MEMORY, "a plan of %u calls could not be held in memory; free some memory", call_count);
  weights_ = weights;
  PlannedView* next_view = views_.begin();
  for (uint32_t i = 0; i < call_count; ++i) {
    const schema::Call& call = *program.calls()->Get(i);
    const uint32_t arguments = size_of(call.arguments());
    PlannedView* const views = next_view;
    for (uint32_t a = 0; a < arguments; ++a)
      *next_view++ = plan_view(program, *call.arguments()->Get(a));
    calls_[i] = {entry(call.kernel()),           entry(call.kernel_one()), call.units(), call.rows(), views, arguments,
                 plan_cost(program, call, views)};
    if (i == 0 || !call.with_previous())
      stages_[stage_count_++].begin = i;
    stages_[stage_count_ - 1].end = i + 1;
  }
  return QC_OK;
}

uint32_t Plan::stage_of(uint32_t call) const {
  const Stage* const behind = std::upper_bound(stages_.begin(), stages_.begin() + stage_count_, call,
                                               [](uint32_t index, const Stage& stage) { return index < stage.begin; });
  return static_cast<uint32_t>(behind - stages_.begin()) - 1;
}

}  // namespace quantc::rt
