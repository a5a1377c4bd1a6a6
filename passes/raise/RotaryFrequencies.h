// What a rotation of pairs by cosines and sines turns them by.
#pragma once

#include <optional>
#include <string>

#include "passes/raise/Probe.h"
#include "llvm/ADT/SmallVector.h"

namespace quantc::raise {

/// x * cosine + rotated(x) * sine, of x [..., head_dim].
struct Rotation {
  mlir::Value x, cosine, sine;
  bool interleaved = false;  ///< pairs are neighbours, not half a head apart
  bool backwards = false;    ///< by the negative angles
};

struct Frequencies {
  llvm::SmallVector<float> perPosition;  ///< [head_dim / 2]: float32(position * perPosition[j]) is the angle
  double scale;
  int64_t positions = 0;  ///< that the factors are there for
};

/// From the angles where cosines are computed, from their tables where they are looked up; then compared with the factors wherever a probe looks, which is at
/// every position of the extent. nullopt with a reason in `why` where the factors are no such cosines and sines.
std::optional<Frequencies> readFrequencies(const Rotation& rotation, Extent extent, Evaluator& evaluator, std::string& why);

}  // namespace quantc::raise
