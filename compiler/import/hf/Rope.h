// Rotary position embedding as config.json describes it.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/import/hf/ConfigJson.h"

namespace quantc {

struct RopeParameters {
  /// Elements of every head that are rotated.
  int64_t rotaryDim = 0;
  /// rotaryDim / 2 frequencies, in radians per position.
  std::vector<float> inverseFrequencies;
};

/// Reads `rope_parameters`, or the older `rope_theta` and `rope_scaling`. Knows the types default, linear and llama3; throws UserError for others.
/// `rope_divisors`, which only a GGUF file's config has, is a list of what each frequency is divided by.
/// Every operation is rounded to binary32 as the models' own code rounds it.
RopeParameters ropeParameters(const ConfigJson& config, int64_t headDim);

/// Of all elements of a head, with nothing scaled.
RopeParameters plainRope(double theta, int64_t headDim);

/// The same of layers of one type, where `rope_parameters` has a section for each type.
RopeParameters ropeParameters(const ConfigJson& config, int64_t headDim, const std::string& layerType);

}  // namespace quantc
