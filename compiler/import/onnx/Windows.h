// Kernels that move over images: convolutions and pooling.
#pragma once

#include "compiler/import/onnx/Maker.h"

namespace quantc::onnx_import {

/// Numbers for every dimension of positions.
struct Window {
  llvm::SmallVector<int64_t> extents, kernel, strides, dilations, before, after;
  /// Of `after`, what belongs to the image's padding: rounding up the number of places may add to it.
  llvm::SmallVector<int64_t> padding;

  /// How many places the kernel has along dimension i.
  int64_t places(size_t i) const { return (extents[i] + before[i] + after[i] - (kernel[i] - 1) * dilations[i] - 1) / strides[i] + 1; }
};

constexpr int64_t kLargestWindow = int64_t{1} << 20;  // of a kernel, stride, dilation or padding

/// The attribute, `count` numbers from `least` to kLargestWindow; `absent` each where the node does not have it.
llvm::SmallVector<int64_t> windowNumbers(Node& node, const char* name, size_t count, int64_t absent, int64_t least);

/// Fails where the attribute kernel_shape is there and differs from the extents of the weights.
void checkKernelShape(const Node& node, llvm::ArrayRef<int64_t> kernel);

/// The window of a node whose image is [batch, channels, positions...] of `dims`; with `roundUp` a last place that only begins within the image is one
/// too. Fails for what does not fit together.
Window readWindow(Node& node, llvm::ArrayRef<mlir::AffineExpr> dims, llvm::ArrayRef<int64_t> kernel, bool roundUp = false);

/// [batch, places..., kernel elements * channels] of [batch, positions..., channels]; positions outside are 0.
mlir::Value patches(Node& node, const Maker& make, mlir::Value image, const Window& window);

/// Products of every group's channels in such patches with the weights [out, channels of a group, kernel...] of its outputs: [batch, places..., out].
mlir::Value groupProducts(Node& node, const Maker& make, mlir::Value rows, mlir::Value weight, int64_t groups);

}  // namespace quantc::onnx_import
