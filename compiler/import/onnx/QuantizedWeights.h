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

/// The same with a scale of 1: what codes are above their zero point, of which there may be one for each index of `axis`.
mlir::Value centeredConstant(Node& node, unsigned codes, unsigned zeros, int64_t axis = -1);

/// Of codes of any type. Null when one of the inputs is not constant; `axis` and `block` as DequantizeLinear has them.
mlir::Value dequantizedConstant(Node& node, unsigned codes, unsigned scales, unsigned zeros, int64_t axis, int64_t block);

/// Rows of such a constant, where `codes` are a lookup in one, possibly reshaped and transposed, and all have one scale and zero point: exporters and
/// ONNX Runtime's tools look up first. Null for others.
mlir::Value dequantizedLookup(Node& node, unsigned codes, unsigned scales, unsigned zeros);

// Quantization.cpp: products of integers that were floats before the model quantized them while it runs

/// Cast of such a product to float32: sets its result to what the product stands for.
bool castUnrounded(Node& node, mlir::Type element);
/// Mul of such a cast with its scale times a factor: sets its result to the product of the floats with the factor.
bool scaleUnrounded(Node& node);

}  // namespace quantc::onnx_import
