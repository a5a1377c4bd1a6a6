// RUN: quantc-opt %s --pass-pipeline="builtin.module(func.func(fuse-quantize))" | FileCheck %s

// The norm quantizes what it computes.
// CHECK-LABEL: func.func @norm(
// CHECK: %[[q:.*]] = tfm.rms_norm {{.*}} -> tensor<4x32x!tfm.q<"act8">>
// CHECK-NEXT: tfm.dequantize %[[q]]
// CHECK-NOT: tfm.quantize
func.func @norm(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %n = tfm.weight #tfm.stored<0, "n", tensor<32xf32>> -> tensor<32xf32>
  %0 = tfm.rms_norm %x, %n {epsilon = 1.0e-5 : f32} : (tensor<4x32xf32>, tensor<32xf32>) -> tensor<4x32xf32>
  %1 = tfm.quantize %0 : (tensor<4x32xf32>) -> tensor<4x32x!tfm.q<"act8">>
  %2 = tfm.dequantize %1 : (tensor<4x32x!tfm.q<"act8">>) -> tensor<4x32xf32>
  return %2 : tensor<4x32xf32>
}

// So does an elementwise operation.
// CHECK-LABEL: func.func @elementwise(
// CHECK: tfm.fused {{.*}} -> tensor<4x32x!tfm.q<"act8">>
// CHECK-NOT: tfm.quantize
// CHECK-NOT: tfm.fused
// CHECK: return
func.func @elementwise(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %0 = tfm.fused %x : (tensor<4x32xf32>) -> tensor<4x32xf32> {
  ^bb0(%a: f32):
    %e = math.exp %a : f32
    tfm.yield %e : f32
  }
  %1 = tfm.quantize %0 : (tensor<4x32xf32>) -> tensor<4x32x!tfm.q<"act8">>
  %2 = tfm.dequantize %1 : (tensor<4x32x!tfm.q<"act8">>) -> tensor<4x32xf32>
  return %2 : tensor<4x32xf32>
}

// Where others read the float32 values, quantizing is an operation of its own.
// CHECK-LABEL: func.func @norm_used_twice(
// CHECK: %[[n:.*]] = tfm.rms_norm {{.*}} -> tensor<4x32xf32>
// CHECK: %[[q:.*]] = tfm.fused %[[n]] : (tensor<4x32xf32>) -> tensor<4x32x!tfm.q<"act8">>
// CHECK: ^bb0(%[[a:.*]]: f32):
// CHECK-NEXT: tfm.yield %[[a]]
// CHECK: tfm.dequantize %[[q]]
// CHECK: return %[[n]]
func.func @norm_used_twice(%x: tensor<4x32xf32>) -> (tensor<4x32xf32>, tensor<4x32xf32>) {
  %n = tfm.weight #tfm.stored<0, "n", tensor<32xf32>> -> tensor<32xf32>
  %0 = tfm.rms_norm %x, %n {epsilon = 1.0e-5 : f32} : (tensor<4x32xf32>, tensor<32xf32>) -> tensor<4x32xf32>
  %1 = tfm.quantize %0 : (tensor<4x32xf32>) -> tensor<4x32x!tfm.q<"act8">>
  %2 = tfm.dequantize %1 : (tensor<4x32x!tfm.q<"act8">>) -> tensor<4x32xf32>
  return %0, %2 : tensor<4x32xf32>, tensor<4x32xf32>
}

// The same for what cannot quantize: attention, the model's inputs.
// CHECK-LABEL: func.func @argument(
// CHECK: tfm.fused %{{.*}} -> tensor<4x32x!tfm.q<"act8">>
func.func @argument(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %1 = tfm.quantize %x : (tensor<4x32xf32>) -> tensor<4x32x!tfm.q<"act8">>
  %2 = tfm.dequantize %1 : (tensor<4x32x!tfm.q<"act8">>) -> tensor<4x32xf32>
  return %2 : tensor<4x32xf32>
}

// A matrix product cannot quantize its result: a group's values come from several tiles.
// CHECK-LABEL: func.func @linear(
// CHECK: tfm.fused {{.*}} attributes {producer = "linear"} {{.*}} -> tensor<4x32xf32>
// CHECK: tfm.fused {{.*}} -> tensor<4x32x!tfm.q<"act8">>
func.func @linear(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<32x32xf32>> -> tensor<32x32xf32>
  %0 = tfm.fused %x, %w attributes {producer = "linear"} : (tensor<4x32xf32>, tensor<32x32xf32>) -> tensor<4x32xf32> {
  ^bb0(%a: f32):
    tfm.yield %a : f32
  }
  %1 = tfm.quantize %0 : (tensor<4x32xf32>) -> tensor<4x32x!tfm.q<"act8">>
  %2 = tfm.dequantize %1 : (tensor<4x32x!tfm.q<"act8">>) -> tensor<4x32xf32>
  return %2 : tensor<4x32xf32>
}

// Weights are quantized while the artifact is written.
// CHECK-LABEL: func.func @weight(
// CHECK: tfm.quantize {{.*}}!tfm.q<"int4">
// CHECK-NOT: tfm.fused
func.func @weight() -> tensor<8x32xf32> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<8x32xf32>> -> tensor<8x32xf32>
  %1 = tfm.quantize %w : (tensor<8x32xf32>) -> tensor<8x32x!tfm.q<"int4">>
  %2 = tfm.dequantize %1 : (tensor<8x32x!tfm.q<"int4">>) -> tensor<8x32xf32>
  return %2 : tensor<8x32xf32>
}
