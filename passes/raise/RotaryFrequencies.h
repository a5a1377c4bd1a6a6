// What a rotation of pairs by cosines and sines turns them by.
#pragma once

#include <optional>
#include <string>

#include "passes/raise/Evaluation.h"
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
};

/// From the angles where cosines are computed, from their tables where they are looked up; checked at every small step. `inEncoder`: it takes a
/// whole sequence. nullopt with a reason in `why` where the factors are no such cosines and sines.
std::optional<Frequencies> readFrequencies(const Rotation& rotation, bool inEncoder, Evaluator& evaluator, std::string& why);

}  // namespace quantc::raise
