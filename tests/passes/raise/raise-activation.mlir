// RUN: quantc-opt %s --raise-activation | FileCheck %s

// CHECK-LABEL: func.func @silu
// CHECK: %[[S:.*]] = tfm.unary silu %arg0
// CHECK: tfm.binary mul %[[S]], %arg1
func.func @silu(%x: tensor<4x8xf32>, %up: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = tfm.unary sigmoid %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = tfm.binary mul %0, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = tfm.binary mul %1, %up : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// x * (0.5 * (1 + erf(x / sqrt 2)))
// CHECK-LABEL: func.func @gelu
// CHECK: tfm.unary gelu %arg0
// CHECK-NEXT: return
func.func @gelu(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %root = tfm.constant dense<1.41421354> : tensor<f32> -> tensor<f32>
  %one = tfm.constant dense<1.0> : tensor<f32> -> tensor<f32>
  %half = tfm.constant dense<0.5> : tensor<f32> -> tensor<f32>
  %0 = tfm.binary div %x, %root : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %1 = tfm.unary erf %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = tfm.binary add %one, %1 : (tensor<f32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %3 = tfm.binary mul %half, %2 : (tensor<f32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = tfm.binary mul %x, %3 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %4 : tensor<4x8xf32>
}

// (0.5 * x) * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))), the cube as products
// CHECK-LABEL: func.func @gelu_tanh
// CHECK: tfm.unary gelu_tanh %arg0
// CHECK-NEXT: return
func.func @gelu_tanh(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %factor = tfm.constant dense<0.044715> : tensor<f32> -> tensor<f32>
  %root = tfm.constant dense<0.797884583> : tensor<f32> -> tensor<f32>
  %one = tfm.constant dense<1.0> : tensor<f32> -> tensor<f32>
  %half = tfm.constant dense<0.5> : tensor<f32> -> tensor<f32>
  %h = tfm.binary mul %half, %x : (tensor<f32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %0 = tfm.binary mul %x, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = tfm.binary mul %0, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = tfm.binary mul %1, %factor : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %3 = tfm.binary add %x, %2 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = tfm.binary mul %3, %root : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %5 = tfm.unary tanh %4 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %6 = tfm.binary add %5, %one : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %7 = tfm.binary mul %h, %6 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %7 : tensor<4x8xf32>
}

// A sigmoid of another tensor is a gate, and x * sigmoid(1.702 x) is neither SiLU nor GELU.
// CHECK-LABEL: func.func @gates_stay
// CHECK-NOT: silu
// CHECK-NOT: gelu
// CHECK: return
func.func @gates_stay(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %alpha = tfm.constant dense<1.702> : tensor<f32> -> tensor<f32>
  %0 = tfm.unary sigmoid %y : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = tfm.binary mul %x, %0 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = tfm.binary mul %x, %alpha : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %3 = tfm.unary sigmoid %2 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = tfm.binary mul %x, %3 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1, %4 : tensor<4x8xf32>, tensor<4x8xf32>
}

// What is bounded beyond the range that most values have is no SiLU of what is not.
// CHECK-LABEL: func.func @bounded_above
// CHECK-NOT: silu
// CHECK: return
func.func @bounded_above(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %most = tfm.constant dense<8.0> : tensor<f32> -> tensor<f32>
  %0 = tfm.binary min %x, %most : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %1 = tfm.unary sigmoid %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = tfm.binary mul %0, %1 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @bounded_after_scaling
// CHECK-NOT: silu
// CHECK: return
func.func @bounded_after_scaling(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %factor = tfm.constant dense<0.01> : tensor<f32> -> tensor<f32>
  %most = tfm.constant dense<50.0> : tensor<f32> -> tensor<f32>
  %hundred = tfm.constant dense<100.0> : tensor<f32> -> tensor<f32>
  %0 = tfm.binary mul %x, %factor : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %1 = tfm.binary min %0, %most : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %2 = tfm.binary mul %1, %hundred : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %3 = tfm.unary sigmoid %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = tfm.binary mul %2, %3 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %4 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @bounded_on_both_sides
// CHECK-NOT: silu
// CHECK: return
func.func @bounded_on_both_sides(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %most = tfm.constant dense<8.0> : tensor<f32> -> tensor<f32>
  %least = tfm.constant dense<-8.0> : tensor<f32> -> tensor<f32>
  %0 = tfm.binary min %x, %most : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %1 = tfm.binary max %0, %least : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %2 = tfm.unary sigmoid %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %3 = tfm.binary mul %1, %2 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %3 : tensor<4x8xf32>
}

// Two equal bounds are one value, of which this is the SiLU.
// CHECK-LABEL: func.func @of_equal_bounds
// CHECK: %[[B:.*]] = tfm.binary min
// CHECK: tfm.unary silu %[[B]]
// CHECK-NEXT: return
func.func @of_equal_bounds(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %most = tfm.constant dense<8.0> : tensor<f32> -> tensor<f32>
  %0 = tfm.binary min %x, %most : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %1 = tfm.binary min %x, %most : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %2 = tfm.unary sigmoid %1 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %3 = tfm.binary mul %0, %2 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %3 : tensor<4x8xf32>
}

// A factor that is 1 only in short steps does not belong to an activation.
// CHECK-LABEL: func.func @scaled_by_the_length
// CHECK: %[[S:.*]] = tfm.unary silu %arg0
// CHECK: tfm.binary mul %[[S]]
// CHECK-NEXT: return
func.func @scaled_by_the_length(%x: tensor<?x8xf32, affine_map<()[s0, s1, s2] -> (s0, 8)>>) -> tensor<?x8xf32, affine_map<()[s0, s1, s2] -> (s0, 8)>> {
  %one = tfm.constant dense<1.0> : tensor<f32> -> tensor<f32>
  %n = tfm.iota {start = affine_map<()[s0, s1, s2] -> (s0)>} : tensor<1xi32>
  %f = tfm.cast %n : (tensor<1xi32>) -> tensor<1xf32>
  %m = tfm.binary max %f, %one : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>
  %0 = tfm.unary sigmoid %x : (tensor<?x8xf32, affine_map<()[s0, s1, s2] -> (s0, 8)>>) -> tensor<?x8xf32, affine_map<()[s0, s1, s2] -> (s0, 8)>>
  %1 = tfm.binary mul %0, %x : (tensor<?x8xf32, affine_map<()[s0, s1, s2] -> (s0, 8)>>, tensor<?x8xf32, affine_map<()[s0, s1, s2] -> (s0, 8)>>) -> tensor<?x8xf32, affine_map<()[s0, s1, s2] -> (s0, 8)>>
  %2 = tfm.binary mul %1, %m : (tensor<?x8xf32, affine_map<()[s0, s1, s2] -> (s0, 8)>>, tensor<1xf32>) -> tensor<?x8xf32, affine_map<()[s0, s1, s2] -> (s0, 8)>>
  return %2 : tensor<?x8xf32, affine_map<()[s0, s1, s2] -> (s0, 8)>>
}
