// The sizes of a step, and what the artifact's `Size` values come to in it.
#pragma once

#include <stdint.h>

#include "artifact_generated.h"

namespace quantc::rt {

struct StepShape {
  int64_t sequence;  // tokens in this step
  int64_t past;      // positions before it
  int64_t outputs;   // rows of output wanted
  int64_t source;    // positions of the sequence that was encoded; 0 while one is, and where the model encodes none
};

/// Cannot overflow for a size that passed `size_in_range` in a step that fits the context (at most 2^30 positions).
inline int64_t evaluate(const schema::Size& size, const StepShape& step) {
  return size.constant() + size.sequence() * step.sequence + size.past() * step.past + size.outputs() * step.outputs +
         size.source() * step.source;
}

constexpr int64_t kMaxSizeConstant = int64_t{1} << 40;
inline bool size_in_range(const schema::Size& size) { return size.constant() >= -kMaxSizeConstant && size.constant() <= kMaxSizeConstant; }

/// The corners of the set of all steps that an artifact allows: 1 <= sequence <= max_sequence, 0 <= past <= context - sequence,
/// 0 <= outputs <= min(sequence, max_outputs), 1 <= source <= max_source or 0 where that is 0. The set is convex and its corners are whole
/// numbers, so what a size (which is affine) reaches over all steps, it reaches at one of these.
class StepCorners {
public:
  StepCorners(int64_t context, int64_t max_sequence, int64_t max_outputs, int64_t max_source = 0) {
    const int64_t least_source = max_source < 1 ? max_source : 1;
    const int64_t bend = max_outputs < 1 ? 1 : max_outputs < max_sequence ? max_outputs : max_sequence;
    for (const int64_t sequence : {int64_t{1}, bend, max_sequence}) {
      const int64_t outputs_limit = sequence < max_outputs ? sequence : max_outputs;
      for (const int64_t past : {int64_t{0}, context - sequence})
        for (const int64_t outputs : {int64_t{0}, outputs_limit})
          for (const int64_t source : {least_source, max_source})
            corners_[count_++] = {sequence, past, outputs, source};
    }
  }
  /// Of a program that encodes up to `max_source` positions.
  static StepCorners of_encoder(int64_t max_source) { return StepCorners(max_source, max_source, 0); }
  const StepShape* begin() const { return corners_; }
  const StepShape* end() const { return corners_ + count_; }

private:
  StepShape corners_[24];
  int count_ = 0;
};

}  // namespace quantc::rt
