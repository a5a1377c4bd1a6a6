// RUN: quantc-opt %s --simplify | FileCheck %s

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 64)>
#flat = affine_map<()[s0, s1, s2] -> (s0, 64)>

// CHECK-LABEL: func.func @views_that_undo_each_other
// CHECK-NEXT: return %arg0
func.func @views_that_undo_each_other(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = tfm.cast %x : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = tfm.transpose %0 [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %2 = tfm.transpose %1 [1, 0] : (tensor<3x2xf32>) -> tensor<2x3xf32>
  %3 = tfm.reshape %2 : (tensor<2x3xf32>) -> tensor<6xf32>
  %4 = tfm.reshape %3 : (tensor<6xf32>) -> tensor<2x3xf32>
  return %4 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @views_that_move_elements_stay
// CHECK: tfm.transpose
// CHECK: tfm.reshape
func.func @views_that_move_elements_stay(%x: tensor<2x3xf32>) -> tensor<6xf32> {
  %0 = tfm.transpose %x [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = tfm.reshape %0 : (tensor<3x2xf32>) -> tensor<6xf32>
  return %1 : tensor<6xf32>
}

// CHECK-LABEL: func.func @views_of_weights
// CHECK: tfm.weight #tfm.reshaped<#tfm.permuted<#tfm.stored<0, "w", tensor<2x3xf32>>, [1, 0]>, [6]>
// CHECK-NEXT: return
func.func @views_of_weights() -> tensor<6xf32> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<2x3xf32>> -> tensor<2x3xf32>
  %0 = tfm.transpose %w [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = tfm.reshape %0 : (tensor<3x2xf32>) -> tensor<6xf32>
  return %1 : tensor<6xf32>
}

// Constants are evaluated: 1 / sqrt(16) = 0.25; x * 1 is x; the broadcast is implied.
// CHECK-LABEL: func.func @slice_between_transposes
// CHECK: %[[Y:.*]] = tfm.slice %arg0 {axis = 0 : i64
// CHECK-NEXT: return %[[Y]]
func.func @slice_between_transposes(%x: tensor<4x3xf32>) -> tensor<2x3xf32> {
  %0 = tfm.transpose %x [1, 0] : (tensor<4x3xf32>) -> tensor<3x4xf32>
  %1 = tfm.slice %0 {axis = 1 : i64, begin = affine_map<()[s0, s1, s2] -> (2)>} : (tensor<3x4xf32>) -> tensor<3x2xf32>
  %2 = tfm.transpose %1 [1, 0] : (tensor<3x2xf32>) -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @constants
// CHECK-DAG: %[[C:.*]] = tfm.constant dense<2.500000e-01>
// CHECK: %[[Y:.*]] = tfm.binary mul %arg0, %[[C]]
// CHECK-NEXT: return %[[Y]]
func.func @constants(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %size = tfm.constant dense<16> : tensor<i64> -> tensor<i64>
  %float = tfm.cast %size : (tensor<i64>) -> tensor<f32>
  %root = tfm.unary sqrt %float : (tensor<f32>) -> tensor<f32>
  %one = tfm.constant dense<1.0> : tensor<f32> -> tensor<f32>
  %scale = tfm.binary div %one, %root : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %wide = tfm.broadcast %scale : (tensor<f32>) -> tensor<4x4xf32>
  %0 = tfm.binary mul %x, %one : (tensor<4x4xf32>, tensor<f32>) -> tensor<4x4xf32>
  %1 = tfm.binary mul %0, %wide : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %1 : tensor<4x4xf32>
}

// CHECK-LABEL: func.func @reshapes_move_down
// CHECK: tfm.unary tanh %arg0
// CHECK-NEXT: tfm.binary add
// CHECK-NEXT: tfm.reshape
// CHECK-NEXT: return
func.func @reshapes_move_down(%x: tensor<1x?x64xf32, #rows>) -> tensor<?x64xf32, #flat> {
  %b = tfm.weight #tfm.stored<0, "b", tensor<64xf32>> -> tensor<64xf32>
  %0 = tfm.reshape %x : (tensor<1x?x64xf32, #rows>) -> tensor<?x64xf32, #flat>
  %1 = tfm.unary tanh %0 : (tensor<?x64xf32, #flat>) -> tensor<?x64xf32, #flat>
  %2 = tfm.binary add %1, %b : (tensor<?x64xf32, #flat>, tensor<64xf32>) -> tensor<?x64xf32, #flat>
  return %2 : tensor<?x64xf32, #flat>
}

// Channels that are put first: what works on elements, channels or positions works on rows of channels as well, until a convolution puts them last.
// CHECK-LABEL: func.func @channels_first_move_down
// CHECK-NOT: tfm.transpose
// CHECK: tfm.group_norm
// CHECK: %[[NORM:.*]] = tfm.binary mul {{.*}} : (tensor<1x4x6x8xf32>, tensor<8xf32>) -> tensor<1x4x6x8xf32>
// CHECK: %[[ACT:.*]] = tfm.unary sigmoid %[[NORM]]
// CHECK: %[[TIME:.*]] = tfm.binary add %[[ACT]], {{.*}} : (tensor<1x4x6x8xf32>, tensor<8xf32>)
// CHECK: %[[BOTH:.*]] = tfm.concat %[[TIME]], {{.*}} {axis = 3 : i64} : (tensor<1x4x6x8xf32>, tensor<1x4x6x8xf32>) -> tensor<1x4x6x16xf32>
// CHECK: %[[ROWS:.*]] = tfm.gather %[[BOTH]], {{.*}} {axis = 1 : i64}
// CHECK: %[[FLAT:.*]] = tfm.reshape %[[ROWS]] : (tensor<1x8x6x16xf32>) -> tensor<1x48x16xf32>
// CHECK-NEXT: return %[[FLAT]]
func.func @channels_first_move_down(%x: tensor<1x4x6x8xf32>, %time: tensor<1x8xf32>) -> tensor<1x48x16xf32> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<8x1x1xf32>> -> tensor<8x1x1xf32>
  %first = tfm.transpose %x [0, 3, 1, 2] : (tensor<1x4x6x8xf32>) -> tensor<1x8x4x6xf32>
  %last = tfm.transpose %first [0, 2, 3, 1] : (tensor<1x8x4x6xf32>) -> tensor<1x4x6x8xf32>
  %norm = tfm.group_norm %last {epsilon = 1.0e-5 : f32, groups = 2 : i64} : (tensor<1x4x6x8xf32>) -> tensor<1x4x6x8xf32>
  %0 = tfm.transpose %norm [0, 3, 1, 2] : (tensor<1x4x6x8xf32>) -> tensor<1x8x4x6xf32>
  %1 = tfm.binary mul %0, %w : (tensor<1x8x4x6xf32>, tensor<8x1x1xf32>) -> tensor<1x8x4x6xf32>
  %2 = tfm.unary sigmoid %1 : (tensor<1x8x4x6xf32>) -> tensor<1x8x4x6xf32>
  %column = tfm.reshape %time : (tensor<1x8xf32>) -> tensor<1x8x1x1xf32>
  %3 = tfm.binary add %2, %column : (tensor<1x8x4x6xf32>, tensor<1x8x1x1xf32>) -> tensor<1x8x4x6xf32>
  %4 = tfm.concat %3, %first {axis = 1 : i64} : (tensor<1x8x4x6xf32>, tensor<1x8x4x6xf32>) -> tensor<1x16x4x6xf32>
  %twice = tfm.constant dense<[0, 0, 1, 1, 2, 2, 3, 3]> : tensor<8xi64> -> tensor<8xi64>
  %5 = tfm.gather %4, %twice {axis = 2 : i64} : (tensor<1x16x4x6xf32>, tensor<8xi64>) -> tensor<1x16x8x6xf32>
  %6 = tfm.reshape %5 : (tensor<1x16x8x6xf32>) -> tensor<1x16x48xf32>
  %7 = tfm.transpose %6 [0, 2, 1] : (tensor<1x16x48xf32>) -> tensor<1x48x16xf32>
  return %7 : tensor<1x48x16xf32>
}

// CHECK-LABEL: func.func @matrix_of_several
// CHECK: tfm.weight #tfm.reshaped<#tfm.sliced<#tfm.stored<0, "w", tensor<4x2x3xf32>>, 0, 3, 4>, [2, 3]>
// CHECK-NEXT: return
func.func @matrix_of_several() -> tensor<2x3xf32> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<4x2x3xf32>> -> tensor<4x2x3xf32>
  %last = tfm.constant dense<-1> : tensor<i64> -> tensor<i64>
  %0 = tfm.gather %w, %last {axis = 0 : i64} : (tensor<4x2x3xf32>, tensor<i64>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: func.func @matrix_that_there_is_not
// CHECK: tfm.gather
func.func @matrix_that_there_is_not() -> tensor<2x3xf32> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<4x2x3xf32>> -> tensor<4x2x3xf32>
  %beyond = tfm.constant dense<4> : tensor<i64> -> tensor<i64>
  %0 = tfm.gather %w, %beyond {axis = 0 : i64} : (tensor<4x2x3xf32>, tensor<i64>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
