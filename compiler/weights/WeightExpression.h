// A weight expression of the tfm dialect, resolved against open files.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "compiler/weights/WeightFile.h"
#include "mlir/IR/Attributes.h"

namespace quantc {

/// Elements are numbered in row-major order of the expression's shape.
class WeightExpression {
public:
  explicit WeightExpression(std::vector<int64_t> shape);
  virtual ~WeightExpression() = default;

  const std::vector<int64_t>& shape() const { return shape_; }
  int64_t elements() const { return elements_; }

  /// Elements begin to begin + count - 1 as float32 into out[0], out[stride], ... Throws UserError for values that are not finite.
  virtual void read(int64_t begin, int64_t count, float* out, int64_t stride) const = 0;
  /// Tells the files that these elements are not needed again soon.
  virtual void release(int64_t begin, int64_t count) const = 0;

private:
  std::vector<int64_t> shape_;
  int64_t elements_;
};

using WeightFiles = std::vector<std::unique_ptr<WeightFile>>;

/// `expr` must be one that tfm's verifier accepts. Throws UserError where it does not fit the files.
std::unique_ptr<WeightExpression> resolveWeight(mlir::Attribute expr, const WeightFiles& files);

}  // namespace quantc
