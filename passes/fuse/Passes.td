#ifndef QUANTC_PASSES_FUSE_TD
#define QUANTC_PASSES_FUSE_TD

include "mlir/Pass/PassBase.td"

def FuseElementwisePass : Pass<"fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "turn chains of elementwise float32 operations into one `tfm.fused` each";
  let description = [{
    Every `tfm.unary`, `tfm.binary` and `tfm.select` on f32 becomes a `tfm.fused` whose region computes one element; a fused operation that is
    used once, by another of the same shape, moves into it. Splat constants become constants of the region. A select's condition must be a
    comparison of f32, which becomes part of its region.
  }];
  let dependentDialects = ["::quantc::tfm::TfmDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def FuseQuantizePass : Pass<"fuse-quantize", "::mlir::func::FuncOp"> {
  let summary = "quantize activations in the operation that computes them";
  let description = [{
    Runs after fuse-elementwise. `tfm.quantize` to `act8` of a norm, an attention or an elementwise `tfm.fused` that nothing else uses is done by that
    operation itself, whose result then has `!tfm.q<"act8">` elements; every other one becomes a `tfm.fused` of its own.
  }];
  let dependentDialects = ["::quantc::tfm::TfmDialect"];
}

def FuseLinearPass : Pass<"fuse-linear", "::mlir::func::FuncOp"> {
  let summary = "take quantized operands and the epilogue into the matrix product";
  let description = [{
    Runs after fuse-quantize. `tfm.linear` of dequantized operands becomes a `tfm.fused` with producer "linear" on the quantized ones; an
    elementwise `tfm.fused` that is its only user becomes its epilogue (bias, residual, activation, and the quantization of the result). Two products of
    the same activations that one epilogue reads, as a gate and what it gates, become one operation.
  }];
  let dependentDialects = ["::quantc::tfm::TfmDialect"];
}

#endif
