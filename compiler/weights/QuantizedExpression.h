// Expressions over quantized numbers as a file holds them: several to a byte, with scales and zero points in tensors of their own.
#pragma once

#include <memory>

#include "compiler/weights/WeightExpression.h"
#include "dialects/tfm/Tfm.h"

namespace quantc {

/// Numbers of so many bits, several to each byte of `inner`.
std::unique_ptr<WeightExpression> makeUnpacked(std::unique_ptr<WeightExpression> inner, std::vector<int64_t> shape, int bits);

struct DequantizedParts {
  std::unique_ptr<WeightExpression> codes, scales, zeros;  ///< zeros may be null
  int64_t block;
  tfm::CodeRange range;
};
std::unique_ptr<WeightExpression> makeDequantized(DequantizedParts parts);

}  // namespace quantc
