// RUN: quantc-opt %s --split-input-file --verify-diagnostics --lower-to-kern="targets=x86_64"
// RUN: not quantc-opt %s --split-input-file --lower-to-kern="targets=x86_64,z80" 2>&1 | FileCheck %s
// RUN: not quantc-opt %s --split-input-file --lower-to-kern="targets=x86_64 max-sequence=0" 2>&1 | FileCheck %s --check-prefix=STEP
// RUN: not quantc-opt %s --split-input-file --lower-to-kern="targets=x86_64 cache=f8" 2>&1 | FileCheck %s --check-prefix=CACHE

// CHECK: error: target 'z80' is not known; known are x86_64, arm64, riscv64, host
// STEP: error: steps of 0 tokens are asked for, expected at least 1
// CACHE: error: KV cache format 'f8' is not known; use one of f32, f16, int8

// All that has no kernel is named at once.
// expected-error @below {{1 operation has no kernel: binary (remainder)}}
module attributes {tfm.context = 20 : i64} {
  func.func @main(%x: tensor<4x8xf32> {tfm.name = "x"}) -> (tensor<4x8xf32> {tfm.name = "y"}) {
    %0 = tfm.binary mod %x, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> loc("remainder")
    %1 = tfm.softmax %0 {axis = 1 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
    return %1 : tensor<4x8xf32>
  }
}

// -----

// expected-error @below {{module has no function @main or no attribute tfm.context from 1 to 1073741824}}
module {
  func.func @main() {
    return
  }
}

// -----

// expected-error @below {{module has no function @main or no attribute tfm.context}}
module attributes {tfm.context = 9223372036854775807 : i64} {
  func.func @main() {
    return
  }
}

// -----

// expected-error @below {{module has no function @main or no attribute tfm.context}}
module attributes {tfm.context = 20 : i64} {
  func.func private @main()
}

// -----

module attributes {tfm.context = 20 : i64} {
  // expected-error @below {{argument 0 of @main has no attribute tfm.name, which names an input of the model}}
  func.func @main(%x: tensor<4x8xf32>) {
    return
  }
}

// -----

module attributes {tfm.context = 20 : i64} {
  // expected-error @below {{argument 0 of @main is 'f32', expected a tensor of f32 or i32}}
  func.func @main(%x: f32 {tfm.name = "x"}) {
    return
  }
}

// -----

module attributes {tfm.context = 20 : i64} {
  // expected-error @below {{argument 0 of @main is 'tensor<?xi32>', expected a tensor of f32 or i32}}
  func.func @main(%x: tensor<?xi32> {tfm.name = "x"}) {
    return
  }
}

// -----

module attributes {tfm.context = 20 : i64} {
  // expected-error @below {{result 0 of @main has no attribute tfm.name, which names an output of the model}}
  func.func @main(%x: tensor<4x8xf32> {tfm.name = "x"}) -> tensor<4x8xf32> {
    return %x : tensor<4x8xf32>
  }
}

// -----

// No buffer holds rows that are not linear in the step's symbols, or more than there are numbers for.
#square = affine_map<()[s0, s1, s2] -> (s0, s0, 8)>
// expected-error @below {{1 operation has no kernel: func (func)}}
module attributes {tfm.context = 20 : i64} {
  func.func @main(%x: tensor<?x?x8xf32, #square> {tfm.name = "x"}) {
    return
  }
}

// -----

#long = affine_map<()[s0, s1, s2] -> (s0 * 1000000000000, 8)>
// expected-error @below {{1 operation has no kernel: func (func)}}
module attributes {tfm.context = 20 : i64} {
  func.func @main(%x: tensor<?x8xf32, #long> {tfm.name = "x"}) {
    return
  }
}

// -----

// Shapes that do not fit together, and a weight quantized as an activation.
// expected-error @below {{5 operations have no kernel: fused (width), fused (rows), fused (scheme), rms_norm (norm), tail (tail)}}
module attributes {tfm.context = 20 : i64} {
  func.func @main(%x: tensor<4x32xf32> {tfm.name = "x"}) {
    %w = tfm.weight #tfm.stored<0, "w", tensor<8x32xf32>> -> tensor<8x32xf32>
    %wide = tfm.weight #tfm.stored<0, "wide", tensor<8x64xf32>> -> tensor<8x64xf32>
    %q = tfm.quantize %w : (tensor<8x32xf32>) -> tensor<8x32x!tfm.q<"act8">>
    %n = tfm.weight #tfm.stored<0, "n", tensor<16xf32>> -> tensor<16xf32>
    %0 = tfm.fused %x, %wide attributes {producer = "linear"} : (tensor<4x32xf32>, tensor<8x64xf32>) -> tensor<4x8xf32> {
    ^bb0(%a: f32):
      tfm.yield %a : f32
    } loc("width")
    %1 = tfm.fused %x, %w attributes {producer = "linear"} : (tensor<4x32xf32>, tensor<8x32xf32>) -> tensor<5x8xf32> {
    ^bb0(%a: f32):
      tfm.yield %a : f32
    } loc("rows")
    %2 = tfm.fused %x, %q attributes {producer = "linear"} : (tensor<4x32xf32>, tensor<8x32x!tfm.q<"act8">>) -> tensor<4x8xf32> {
    ^bb0(%a: f32):
      tfm.yield %a : f32
    } loc("scheme")
    %3 = tfm.rms_norm %x, %n {epsilon = 1.0e-5 : f32} : (tensor<4x32xf32>, tensor<16xf32>) -> tensor<4x32xf32> loc("norm")
    %4 = tfm.tail %x : (tensor<4x32xf32>) -> tensor<2x32xf32> loc("tail")
    return
  }
}
