// RUN: quantc-opt %s --raise-outputs | FileCheck %s

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#all = affine_map<()[s0, s1, s2] -> (1, s0 + s1, 8)>
#logits = affine_map<()[s0, s1, s2] -> (1, s0, 16)>

// The tail stops at the residual sum.
// CHECK: #[[LOGITS:.*]] = affine_map<()[s0, s1, s2] -> (1, s2, 16)>
// CHECK-LABEL: func.func @main
// CHECK-SAME: -> tensor<1x?x16xf32, #[[LOGITS]]>
// CHECK: %[[SUM:.*]] = tfm.binary add
// CHECK: %[[TAIL:.*]] = tfm.tail %[[SUM]]
// CHECK: %[[NORM:.*]] = tfm.rms_norm %[[TAIL]]
// CHECK: %[[HEAD:.*]] = tfm.linear %[[NORM]]
// CHECK: tfm.binary mul %[[HEAD]]
func.func @main(%x: tensor<1x?x8xf32, #rows>) -> tensor<1x?x16xf32, #logits> {
  %norm = tfm.weight #tfm.stored<0, "norm", tensor<8xf32>> -> tensor<8xf32>
  %head = tfm.weight #tfm.stored<0, "head", tensor<16x8xf32>> -> tensor<16x8xf32>
  %scale = tfm.constant dense<0.5> : tensor<f32> -> tensor<f32>
  %k = tfm.cache_append %x {cache = "k", heads = 2 : i64, head_dim = 4 : i64} : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #all>
  %0 = tfm.attention %x, %k, %k {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind causal>}
    : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #all>, tensor<1x?x8xf32, #all>) -> tensor<1x?x8xf32, #rows>
  %1 = tfm.binary add %x, %0 : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
  %2 = tfm.rms_norm %1, %norm {epsilon = 1.0e-5 : f32} : (tensor<1x?x8xf32, #rows>, tensor<8xf32>) -> tensor<1x?x8xf32, #rows>
  %3 = tfm.linear %2, %head : (tensor<1x?x8xf32, #rows>, tensor<16x8xf32>) -> tensor<1x?x16xf32, #logits>
  %4 = tfm.binary mul %3, %scale : (tensor<1x?x16xf32, #logits>, tensor<f32>) -> tensor<1x?x16xf32, #logits>
  return %4 : tensor<1x?x16xf32, #logits>
}

// Without a cache all rows belong together.
// CHECK-LABEL: func.func @encoder
// CHECK-NOT: tfm.tail
// CHECK: return
func.func @encoder(%x: tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows> {
  %0 = tfm.unary tanh %x : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
  return %0 : tensor<1x?x8xf32, #rows>
}
