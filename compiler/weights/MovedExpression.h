// Expressions over the elements of others in another order or shape. All must fit together, as tfm's verifier sees to.
#pragma once

#include <memory>
#include <vector>

#include "compiler/weights/WeightExpression.h"

namespace quantc {

/// The same elements in row-major order of another shape.
std::unique_ptr<WeightExpression> makeReshaped(std::unique_ptr<WeightExpression> inner, std::vector<int64_t> shape);

/// Indices from `begin` along an axis, as many as `shape` has there.
std::unique_ptr<WeightExpression> makeSliced(std::unique_ptr<WeightExpression> inner, std::vector<int64_t> shape, size_t axis,
                                             int64_t begin);

/// One behind the other along an axis.
std::unique_ptr<WeightExpression> makeConcatenated(std::vector<std::unique_ptr<WeightExpression>> inners, std::vector<int64_t> shape,
                                                   size_t axis);

/// Axis i is axis order[i] of the inner expression.
std::unique_ptr<WeightExpression> makePermuted(std::unique_ptr<WeightExpression> inner, std::vector<int64_t> shape,
                                               const std::vector<int64_t>& order);

}  // namespace quantc
