// RUN: quantc-opt %s --cse | FileCheck %s

// Equal fused operations are computed once, unread ones not at all.
// CHECK-LABEL: func.func @main(
// CHECK: %[[y:.*]] = tfm.fused
// CHECK: math.exp
// CHECK: %[[z:.*]] = tfm.fused
// CHECK: math.tanh
// CHECK-NOT: tfm.fused
// CHECK: return %[[y]], %[[y]], %[[z]]
func.func @main(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  %0 = tfm.fused %x : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32):
    %t = math.exp %a : f32
    tfm.yield %t : f32
  }
  %1 = tfm.fused %x : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32):
    %t = math.exp %a : f32
    tfm.yield %t : f32
  }
  %2 = tfm.fused %x : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32):
    %t = math.tanh %a : f32
    tfm.yield %t : f32
  }
  %unread = tfm.fused %x : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32):
    %t = math.erf %a : f32
    tfm.yield %t : f32
  }
  return %0, %1, %2 : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}

// A cache holds what was put in last: appends are never merged or dropped.
// CHECK-LABEL: func.func @append(
// CHECK-COUNT-2: tfm.cache_append
func.func @append(%x: tensor<4x8xf32>) {
  %0 = tfm.cache_append %x {cache = "k", heads = 2 : i64, head_dim = 4 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = tfm.cache_append %x {cache = "k", heads = 2 : i64, head_dim = 4 : i64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}
