// A weight expression of the tfm dialect, resolved against open files.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "compiler/weights/WeightFile.h"
#include "dialects/schemes/Scheme.h"
#include "mlir/IR/Attributes.h"

namespace quantc {

/// Where the elements of a range go: to float32 numbers `stride` apart, or, where `scheme` is set, to the codes and scales of its groups.
struct WeightTarget {
  float* floats = nullptr;
  int64_t stride = 1;
  const Scheme* scheme = nullptr;
  int8_t* codes = nullptr;     // one per element
  uint16_t* scales = nullptr;  // one per group

  /// That of the elements from `element` onwards; where groups are wanted, a multiple of their size.
  WeightTarget from(int64_t element) const;
};

/// Elements are numbered in row-major order of the expression's shape.
class WeightExpression {
public:
  explicit WeightExpression(std::vector<int64_t> shape);
  virtual ~WeightExpression() = default;

  const std::vector<int64_t>& shape() const { return shape_; }
  int64_t elements() const { return elements_; }

  /// Elements begin to begin + count - 1. Throws UserError for values that are not finite. Groups can be read of whole groups, if `hasGroups`.
  virtual void read(int64_t begin, int64_t count, const WeightTarget& target) const = 0;
  /// Whether every group of `scheme`, counted from element 0, is a group in a file that the scheme holds as it is there. Then `read` takes codes and
  /// scales unchanged; only a group with a code that the scheme has not (as no quantizer writes) is encoded anew.
  virtual bool hasGroups(const Scheme& scheme) const { return false; }
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
