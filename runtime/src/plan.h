// The calls of a step as the executor walks them: one program of a checked header with the entry points of one variant.
#pragma once

#include "array.h"
#include "artifact_generated.h"
#include "error.h"
#include "halide_buffer.h"
#include "step_shape.h"

namespace quantc::rt {

struct PlannedView {
  const schema::Dim* dims;  // in the mapped header, innermost first
  uint64_t offset;          // of the view from the start of the weights segment or of the arena
  uint32_t split_unit;
  HalideType type;
  uint8_t element_bytes;
  uint8_t dimensions;
  int8_t split_dim;  // -1: none
  bool in_weights;
  bool fixed;  // the same extents in every step
};

/// What a call's work is computed from (work.h).
struct CallCost {
  uint64_t fixed_bytes;  // of the views that are the same in every step
  uint64_t table_bytes;  // of the weights that the call reads only rows of
  uint64_t row_multiply_adds;
  uint64_t position_multiply_adds;
  uint32_t window;
  bool over_source;
};

struct PlannedCall {
  Kernel kernel;      // for several tokens
  Kernel kernel_one;  // for one
  const schema::Size* units;
  const schema::Size* rows;
  const PlannedView* arguments;
  uint32_t argument_count;
  CallCost cost;
};

/// Calls that do not depend on each other: indices from `begin` up to `end`.
struct Stage {
  uint32_t begin;
  uint32_t end;
};

class Plan {
public:
  /// `weights` and `code` are the mapped segments. The header must outlive the plan.
  qc_status build(const schema::Program& program, const schema::Variant& variant, const uint8_t* weights, const uint8_t* code,
                  qc_error* error);

  const Array<PlannedCall>& calls() const { return calls_; }
  uint32_t stage_count() const { return stage_count_; }
  Stage stage(uint32_t index) const { return stages_[index]; }
  /// The stage that a call belongs to.
  uint32_t stage_of(uint32_t call) const;
  const uint8_t* weights() const { return weights_; }

private:
  Array<PlannedCall> calls_;
  Array<PlannedView> views_;
  Array<Stage> stages_;  // of which the first `stage_count_` are used
  uint32_t stage_count_ = 0;
  const uint8_t* weights_ = nullptr;
};

}  // namespace quantc::rt
