// Constants that a file holds as codes with scales and zero points, as weight expressions.
#pragma once

#include "compiler/import/onnx/GraphImporter.h"

namespace quantc::onnx_import {

/// What the codes and their scales are of; shapes are those of the expressions.
struct QuantizedWeight {
  mlir::Attribute codes, scales, zeros;  ///< zeros may be null
  int64_t block = 1;
};

/// A value of float32. Fails where the parts do not fit together.
mlir::Value createWeight(Node& node, const QuantizedWeight& weight);

/// Of codes of any type. Null when one of the inputs is not constant; `axis` and `block` as DequantizeLinear has them.
mlir::Value dequantizedConstant(Node& node, unsigned codes, unsigned scales, unsigned zeros, int64_t axis, int64_t block);

}  // namespace quantc::onnx_import
