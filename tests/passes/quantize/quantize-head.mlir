// RUN: quantc-opt %s --split-input-file --quantize="linear=int4 head=f16" | FileCheck %s

// A head's result leaves the model through shapes, biases and caps.
// CHECK-LABEL: func.func @capped
// CHECK: !tfm.q<"f16">
// CHECK-NOT: act8
func.func @capped(%x: tensor<4x32xf32>) -> tensor<1x4x8xf32> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<8x32xf32>> -> tensor<8x32xf32>
  %a = tfm.linear %x, %w : (tensor<4x32xf32>, tensor<8x32xf32>) -> tensor<4x8xf32>
  %b = tfm.unary tanh %a : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %c = tfm.reshape %b : (tensor<4x8xf32>) -> tensor<1x4x8xf32>
  return %c : tensor<1x4x8xf32>
}

// -----

// What else reads the result makes it no head.
// CHECK-LABEL: func.func @used_twice
// CHECK: !tfm.q<"int4">
func.func @used_twice(%x: tensor<4x32xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %w = tfm.weight #tfm.stored<0, "w", tensor<8x32xf32>> -> tensor<8x32xf32>
  %a = tfm.linear %x, %w : (tensor<4x32xf32>, tensor<8x32xf32>) -> tensor<4x8xf32>
  %b = tfm.unary tanh %a : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %a, %b : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// A product of activations is no weight.
// CHECK-LABEL: func.func @activations
// CHECK-NOT: tfm.quantize
func.func @activations(%x: tensor<4x32xf32>, %w: tensor<8x32xf32>) -> tensor<4x8xf32> {
  %a = tfm.linear %x, %w : (tensor<4x32xf32>, tensor<8x32xf32>) -> tensor<4x8xf32>
  return %a : tensor<4x8xf32>
}
