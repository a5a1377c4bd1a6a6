// A bias that its file holds as float16 is stored as float32: the cast is part of packing, not of the program.
// RUN: quantc-opt %s --pass-pipeline="builtin.module(func.func(fuse-elementwise),lower-to-kern{targets=x86_64})" | FileCheck %s

#in = affine_map<()[s0, s1, s2] -> (s0, 32)>
module attributes {tfm.context = 64 : i64} {
  func.func @main(%x: tensor<?x32xf32, #in> {tfm.name = "x"}) -> (tensor<?x32xf32, #in> {tfm.name = "y"}) {
    %w = tfm.weight #tfm.stored<0, "bias", tensor<32xf16>> -> tensor<32xf16>
    %b = tfm.cast %w : (tensor<32xf16>) -> tensor<32xf32>
    %y = tfm.binary add %x, %b : (tensor<?x32xf32, #in>, tensor<32xf32>) -> tensor<?x32xf32, #in>
    return %y : tensor<?x32xf32, #in>
  }
}

// CHECK: kern.kernel @map_0 attributes {family = "map", params = {operands = "fr", quantize = "0"}}
// CHECK: kern.constant "bias" {bytes = 128 : i64, expr = #tfm.stored<0, "bias", tensor<32xf16>>
// CHECK: kern.call @map_0
// CHECK-NOT: cast
