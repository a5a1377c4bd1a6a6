// RUN: quantc-opt %s --raise-embedding | FileCheck %s

#ids = affine_map<()[s0, s1, s2] -> (1, s0)>
#vector = affine_map<()[s0, s1, s2] -> (s0)>
#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#flat = affine_map<()[s0, s1, s2] -> (s0, 8)>
#past = affine_map<()[s0, s1, s2] -> (1, s1, 8)>

// The unused cache argument says that this model counts positions from `past`.
// CHECK-LABEL: func.func @lookups
// CHECK: %[[T:.*]] = tfm.weight #tfm.stored<0, "tokens", tensor<100x8xf32>>
// CHECK: tfm.embed %arg0, %[[T]]
// CHECK: %[[P:.*]] = tfm.weight #tfm.sliced<#tfm.stored<0, "positions", tensor<34x8xf32>>, 0, 2, 34>
// CHECK: tfm.position_rows %[[P]]
func.func @lookups(%ids: tensor<1x?xi32, #ids>, %cache: tensor<1x?x8xf32, #past>) -> (tensor<1x?x8xf32, #rows>, tensor<?x8xf32, #flat>) {
  %tokens = tfm.weight #tfm.stored<0, "tokens", tensor<100x8xf32>> -> tensor<100x8xf32>
  %positions = tfm.weight #tfm.stored<0, "positions", tensor<34x8xf32>> -> tensor<34x8xf32>
  %wide = tfm.cast %ids : (tensor<1x?xi32, #ids>) -> tensor<1x?xi64, #ids>
  %0 = tfm.gather %tokens, %wide {axis = 0 : i64} : (tensor<100x8xf32>, tensor<1x?xi64, #ids>) -> tensor<1x?x8xf32, #rows>
  %two = tfm.constant dense<2> : tensor<i64> -> tensor<i64>
  %1 = tfm.iota {start = affine_map<()[s0, s1, s2] -> (s1)>} : tensor<?xi64, #vector>
  %2 = tfm.binary add %1, %two : (tensor<?xi64, #vector>, tensor<i64>) -> tensor<?xi64, #vector>
  %3 = tfm.gather %positions, %2 {axis = 0 : i64} : (tensor<34x8xf32>, tensor<?xi64, #vector>) -> tensor<?x8xf32, #flat>
  return %0, %3 : tensor<1x?x8xf32, #rows>, tensor<?x8xf32, #flat>
}

// Every second row is no position.
// CHECK-LABEL: func.func @strided
// CHECK: tfm.gather
func.func @strided(%cache: tensor<1x?x8xf32, #past>) -> tensor<?x8xf32, #flat> {
  %positions = tfm.weight #tfm.stored<0, "positions", tensor<34x8xf32>> -> tensor<34x8xf32>
  %0 = tfm.iota {start = affine_map<()[s0, s1, s2] -> (s1)>, step = 2 : i64} : tensor<?xi64, #vector>
  %1 = tfm.gather %positions, %0 {axis = 0 : i64} : (tensor<34x8xf32>, tensor<?xi64, #vector>) -> tensor<?x8xf32, #flat>
  return %1 : tensor<?x8xf32, #flat>
}
