// RUN: quantc-opt %s --raise-linear --split-heads --simplify | FileCheck %s

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 4)>
#flat = affine_map<()[s0, s1, s2] -> (s0, 4)>
#wide = affine_map<()[s0, s1, s2] -> (1, s0, 6)>
#flatwide = affine_map<()[s0, s1, s2] -> (s0, 6)>
#two = affine_map<()[s0, s1, s2] -> (1, s0, 2)>

// The linear goes before the reshape, which then undoes the other.
// CHECK-LABEL: func.func @matmul_between_reshapes
// CHECK: %[[W:.*]] = tfm.weight #tfm.permuted<#tfm.stored<0, "w", tensor<4x6xf32>>, [1, 0]>
// CHECK: %[[Y:.*]] = tfm.linear %arg0, %[[W]]
// CHECK-NEXT: return %[[Y]]
func.func @matmul_between_reshapes(%x: tensor<1x?x4xf32, #rows>) -> tensor<1x?x6xf32, #wide> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<4x6xf32>> -> tensor<4x6xf32>
  %0 = tfm.reshape %x : (tensor<1x?x4xf32, #rows>) -> tensor<?x4xf32, #flat>
  %1 = tfm.matmul %0, %w : (tensor<?x4xf32, #flat>, tensor<4x6xf32>) -> tensor<?x6xf32, #flatwide>
  %2 = tfm.reshape %1 : (tensor<?x6xf32, #flatwide>) -> tensor<1x?x6xf32, #wide>
  return %2 : tensor<1x?x6xf32, #wide>
}

// CHECK-LABEL: func.func @fused_projection_becomes_one_linear_per_slice
// CHECK-DAG: tfm.weight #tfm.sliced<#tfm.permuted<#tfm.stored<0, "w", tensor<4x6xf32>>, [1, 0]>, 0, 0, 2>
// CHECK-DAG: tfm.weight #tfm.sliced<#tfm.permuted<#tfm.stored<0, "w", tensor<4x6xf32>>, [1, 0]>, 0, 2, 6>
// CHECK-DAG: tfm.weight #tfm.sliced<#tfm.stored<0, "b", tensor<6xf32>>, 0, 2, 6>
// CHECK-NOT: tfm.slice
func.func @fused_projection_becomes_one_linear_per_slice(%x: tensor<1x?x4xf32, #rows>) -> (tensor<1x?x2xf32, #two>, tensor<1x?x4xf32, #rows>) {
  %w = tfm.weight #tfm.stored<0, "w", tensor<4x6xf32>> -> tensor<4x6xf32>
  %b = tfm.weight #tfm.stored<0, "b", tensor<6xf32>> -> tensor<6xf32>
  %0 = tfm.matmul %x, %w : (tensor<1x?x4xf32, #rows>, tensor<4x6xf32>) -> tensor<1x?x6xf32, #wide>
  %1 = tfm.binary add %0, %b : (tensor<1x?x6xf32, #wide>, tensor<6xf32>) -> tensor<1x?x6xf32, #wide>
  %2 = tfm.slice %1 {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x6xf32, #wide>) -> tensor<1x?x2xf32, #two>
  %3 = tfm.slice %1 {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (2)>} : (tensor<1x?x6xf32, #wide>) -> tensor<1x?x4xf32, #rows>
  return %2, %3 : tensor<1x?x2xf32, #two>, tensor<1x?x4xf32, #rows>
}

// Also where the slices are taken of rows without the batch.
// CHECK-LABEL: func.func @slices_behind_a_reshape
// CHECK-DAG: tfm.weight #tfm.sliced<#tfm.permuted<#tfm.stored<0, "w", tensor<4x6xf32>>, [1, 0]>, 0, 0, 2>
// CHECK-DAG: tfm.weight #tfm.sliced<#tfm.permuted<#tfm.stored<0, "w", tensor<4x6xf32>>, [1, 0]>, 0, 2, 6>
// CHECK-NOT: tfm.slice
#flattwo = affine_map<()[s0, s1, s2] -> (s0, 2)>
func.func @slices_behind_a_reshape(%x: tensor<1x?x4xf32, #rows>) -> (tensor<?x2xf32, #flattwo>, tensor<?x4xf32, #flat>) {
  %w = tfm.weight #tfm.stored<0, "w", tensor<4x6xf32>> -> tensor<4x6xf32>
  %0 = tfm.matmul %x, %w : (tensor<1x?x4xf32, #rows>, tensor<4x6xf32>) -> tensor<1x?x6xf32, #wide>
  %1 = tfm.reshape %0 : (tensor<1x?x6xf32, #wide>) -> tensor<?x6xf32, #flatwide>
  %2 = tfm.slice %1 {axis = 1 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<?x6xf32, #flatwide>) -> tensor<?x2xf32, #flattwo>
  %3 = tfm.slice %1 {axis = 1 : i64, begin = affine_map<()[s0, s1, s2] -> (2)>} : (tensor<?x6xf32, #flatwide>) -> tensor<?x4xf32, #flat>
  return %2, %3 : tensor<?x2xf32, #flattwo>, tensor<?x4xf32, #flat>
}

// CHECK-LABEL: func.func @what_is_used_whole_is_not_split
// CHECK: tfm.linear
// CHECK-NOT: tfm.linear
// CHECK: tfm.slice
func.func @what_is_used_whole_is_not_split(%x: tensor<1x?x4xf32, #rows>) -> (tensor<1x?x2xf32, #two>, tensor<1x?x6xf32, #wide>) {
  %w = tfm.weight #tfm.stored<0, "w", tensor<4x6xf32>> -> tensor<4x6xf32>
  %0 = tfm.matmul %x, %w : (tensor<1x?x4xf32, #rows>, tensor<4x6xf32>) -> tensor<1x?x6xf32, #wide>
  %1 = tfm.slice %0 {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x6xf32, #wide>) -> tensor<1x?x2xf32, #two>
  return %1, %0 : tensor<1x?x2xf32, #two>, tensor<1x?x6xf32, #wide>
}

// CHECK-LABEL: func.func @product_of_activations_stays
// CHECK: tfm.matmul
func.func @product_of_activations_stays(%x: tensor<2x4xf32>, %y: tensor<4x6xf32>) -> tensor<2x6xf32> {
  %0 = tfm.matmul %x, %y : (tensor<2x4xf32>, tensor<4x6xf32>) -> tensor<2x6xf32>
  return %0 : tensor<2x6xf32>
}

// Queries, keys and values that lie head by head: the rows of every third of each head.
// CHECK-LABEL: func.func @heads_of_a_fused_projection
// CHECK-DAG: tfm.weight #tfm.reshaped<#tfm.sliced<#tfm.reshaped<#tfm.permuted<#tfm.stored<0, "w", tensor<4x6xf32>>, [1, 0]>, [1, 3, 2, 4]>, 1, 2, 3>, [2, 4]>
// CHECK-DAG: tfm.weight #tfm.reshaped<#tfm.sliced<#tfm.reshaped<#tfm.stored<0, "b", tensor<6xf32>>, [1, 3, 2]>, 1, 2, 3>, [2]>
// CHECK-NOT: tfm.slice
#split = affine_map<()[s0, s1, s2] -> (1, s0, 1, 3, 2)>
#third = affine_map<()[s0, s1, s2] -> (1, s0, 1, 1, 2)>
func.func @heads_of_a_fused_projection(%x: tensor<1x?x4xf32, #rows>) -> (tensor<1x?x1x1x2xf32, #third>, tensor<1x?x1x1x2xf32, #third>) {
  %w = tfm.weight #tfm.stored<0, "w", tensor<4x6xf32>> -> tensor<4x6xf32>
  %b = tfm.weight #tfm.stored<0, "b", tensor<6xf32>> -> tensor<6xf32>
  %0 = tfm.matmul %x, %w : (tensor<1x?x4xf32, #rows>, tensor<4x6xf32>) -> tensor<1x?x6xf32, #wide>
  %1 = tfm.binary add %0, %b : (tensor<1x?x6xf32, #wide>, tensor<6xf32>) -> tensor<1x?x6xf32, #wide>
  %2 = tfm.reshape %1 : (tensor<1x?x6xf32, #wide>) -> tensor<1x?x1x3x2xf32, #split>
  %3 = tfm.slice %2 {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x1x3x2xf32, #split>) -> tensor<1x?x1x1x2xf32, #third>
  %4 = tfm.slice %2 {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (2)>} : (tensor<1x?x1x3x2xf32, #split>) -> tensor<1x?x1x1x2xf32, #third>
  return %3, %4 : tensor<1x?x1x1x2xf32, #third>, tensor<1x?x1x1x2xf32, #third>
}
