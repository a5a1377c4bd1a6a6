#ifndef QUANTC_PASSES_QUANTIZE_TD
#define QUANTC_PASSES_QUANTIZE_TD

include "mlir/Pass/PassBase.td"

def QuantizePass : Pass<"quantize", "::mlir::ModuleOp"> {
  let summary = "choose how every matrix is stored and quantize the activations that meet it";
  let description = [{
    Runs on the raised form. Every weight of a `tfm.linear` and every table of a `tfm.embed` passes through `tfm.quantize` to the elements of its
    scheme and back, rounding to nearest. Where the scheme holds integers, the linear's input is quantized to int8 per token and group of 32.
    `keep` stands for the scheme that holds what the weight's file holds: f32, f16, or what block_formats.inc says of its blocks.
    Norm weights, biases and position tables stay float32. A linear whose result is a result of the model is a head.

    Before:  %y = tfm.linear %x, %w
    After:   %xq = tfm.quantize %x; %xd = tfm.dequantize %xq
             %wq = tfm.quantize %w; %wd = tfm.dequantize %wq
             %y = tfm.linear %xd, %wd
  }];
  let options = [
    Option<"linear", "linear", "std::string", "\"int4\"", "scheme of linear layers">,
    Option<"embedding", "embedding", "std::string", "\"int8\"", "scheme of embedding tables">,
    Option<"head", "head", "std::string", "\"int8\"", "scheme of the head">,
  ];
  let dependentDialects = ["::quantc::tfm::TfmDialect"];
}

#endif
