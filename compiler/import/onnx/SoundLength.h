// How much sound makes a position.
#pragma once

#include "compiler/import/onnx/OnnxModel.h"
#include "dialects/tfm/Tfm.h"

namespace quantc::onnx_import {

/// Elements of the last dimension of a graph's input for so many positions behind its last convolution with a stride: every convolution on the way
/// there takes whole strides, and its kernel. One position more than asked for where padding would leave nothing of a single one. Null where no such
/// convolution, along one dimension, is reached from the input, or something else on the way changes the number of positions.
mlir::AffineExpr samplesFor(const OnnxModel& model, const std::string& input, mlir::AffineExpr positions);

/// Positions, counted by a symbol, that 30 seconds of sound make; of very long ones the usual context.
int64_t positionsHeard(mlir::AffineExpr samples, tfm::Symbol symbol, int64_t rate);

}  // namespace quantc::onnx_import
