// RUN: quantc-opt %s --raise-norm | FileCheck %s

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#one = affine_map<()[s0, s1, s2] -> (1, s0, 1)>

// Pow, division of one by the root, weight on the left.
// CHECK-LABEL: func.func @rms_by_reciprocal
// CHECK: %[[W:.*]] = tfm.weight #tfm.stored<0, "w", tensor<8xf32>>
// CHECK: tfm.rms_norm %arg0, %[[W]] {epsilon = 9.99999997E-7 : f32}
// CHECK-NEXT: return
func.func @rms_by_reciprocal(%x: tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows> {
  %two = tfm.constant dense<2.0> : tensor<f32> -> tensor<f32>
  %one = tfm.constant dense<1.0> : tensor<f32> -> tensor<f32>
  %epsilon = tfm.constant dense<1.0e-6> : tensor<f32> -> tensor<f32>
  %w = tfm.weight #tfm.stored<0, "w", tensor<8xf32>> -> tensor<8xf32>
  %0 = tfm.binary pow %x, %two : (tensor<1x?x8xf32, #rows>, tensor<f32>) -> tensor<1x?x8xf32, #rows>
  %1 = tfm.reduce mean %0 {axes = array<i64: 2>, keep_dims = true} : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x1xf32, #one>
  %2 = tfm.binary add %1, %epsilon : (tensor<1x?x1xf32, #one>, tensor<f32>) -> tensor<1x?x1xf32, #one>
  %3 = tfm.unary sqrt %2 : (tensor<1x?x1xf32, #one>) -> tensor<1x?x1xf32, #one>
  %4 = tfm.binary div %one, %3 : (tensor<f32>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xf32, #one>
  %5 = tfm.binary mul %x, %4 : (tensor<1x?x8xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x8xf32, #rows>
  %6 = tfm.binary mul %w, %5 : (tensor<8xf32>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
  return %6 : tensor<1x?x8xf32, #rows>
}

// x * x, power -0.5, no weight.
// CHECK-LABEL: func.func @rms_by_power
// CHECK: tfm.weight #tfm.literal<dense<1.000000e+00> : tensor<8xf32>>
// CHECK: tfm.rms_norm %arg0
// CHECK-NEXT: return
func.func @rms_by_power(%x: tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows> {
  %power = tfm.constant dense<-0.5> : tensor<f32> -> tensor<f32>
  %epsilon = tfm.constant dense<1.0e-5> : tensor<f32> -> tensor<f32>
  %0 = tfm.binary mul %x, %x : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
  %1 = tfm.reduce mean %0 {axes = array<i64: 2>, keep_dims = true} : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x1xf32, #one>
  %2 = tfm.binary add %epsilon, %1 : (tensor<f32>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xf32, #one>
  %3 = tfm.binary pow %2, %power : (tensor<1x?x1xf32, #one>, tensor<f32>) -> tensor<1x?x1xf32, #one>
  %4 = tfm.binary mul %3, %x : (tensor<1x?x1xf32, #one>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
  return %4 : tensor<1x?x8xf32, #rows>
}

// CHECK-LABEL: func.func @layer_norm
// CHECK-DAG: %[[W:.*]] = tfm.weight #tfm.stored<0, "w", tensor<8xf32>>
// CHECK-DAG: %[[B:.*]] = tfm.weight #tfm.stored<0, "b", tensor<8xf32>>
// CHECK: tfm.layer_norm %arg0, %[[W]], %[[B]]
// CHECK-NEXT: return
func.func @layer_norm(%x: tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows> {
  %two = tfm.constant dense<2.0> : tensor<f32> -> tensor<f32>
  %epsilon = tfm.constant dense<1.0e-5> : tensor<f32> -> tensor<f32>
  %w = tfm.weight #tfm.stored<0, "w", tensor<8xf32>> -> tensor<8xf32>
  %b = tfm.weight #tfm.stored<0, "b", tensor<8xf32>> -> tensor<8xf32>
  %mean = tfm.reduce mean %x {axes = array<i64: 2>, keep_dims = true} : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x1xf32, #one>
  %c = tfm.binary sub %x, %mean : (tensor<1x?x8xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x8xf32, #rows>
  %0 = tfm.binary pow %c, %two : (tensor<1x?x8xf32, #rows>, tensor<f32>) -> tensor<1x?x8xf32, #rows>
  %1 = tfm.reduce mean %0 {axes = array<i64: 2>, keep_dims = true} : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x1xf32, #one>
  %2 = tfm.binary add %1, %epsilon : (tensor<1x?x1xf32, #one>, tensor<f32>) -> tensor<1x?x1xf32, #one>
  %3 = tfm.unary sqrt %2 : (tensor<1x?x1xf32, #one>) -> tensor<1x?x1xf32, #one>
  %4 = tfm.binary div %c, %3 : (tensor<1x?x8xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x8xf32, #rows>
  %5 = tfm.binary mul %4, %w : (tensor<1x?x8xf32, #rows>, tensor<8xf32>) -> tensor<1x?x8xf32, #rows>
  %6 = tfm.binary add %5, %b : (tensor<1x?x8xf32, #rows>, tensor<8xf32>) -> tensor<1x?x8xf32, #rows>
  return %6 : tensor<1x?x8xf32, #rows>
}

// The mean of another tensor's squares normalizes nothing.
// CHECK-LABEL: func.func @another_tensor
// CHECK-NOT: tfm.rms_norm
// CHECK: return
func.func @another_tensor(%x: tensor<1x?x8xf32, #rows>, %y: tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows> {
  %epsilon = tfm.constant dense<1.0e-5> : tensor<f32> -> tensor<f32>
  %0 = tfm.binary mul %y, %y : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
  %1 = tfm.reduce mean %0 {axes = array<i64: 2>, keep_dims = true} : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x1xf32, #one>
  %2 = tfm.binary add %1, %epsilon : (tensor<1x?x1xf32, #one>, tensor<f32>) -> tensor<1x?x1xf32, #one>
  %3 = tfm.unary sqrt %2 : (tensor<1x?x1xf32, #one>) -> tensor<1x?x1xf32, #one>
  %4 = tfm.binary div %x, %3 : (tensor<1x?x8xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x8xf32, #rows>
  return %4 : tensor<1x?x8xf32, #rows>
}
