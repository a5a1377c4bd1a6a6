// RUN: quantc-opt %s --split-input-file --lower-to-kern="targets=x86_64" | FileCheck %s

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#split = affine_map<()[s0, s1, s2] -> (1, s0, 2, 4)>
#heads = affine_map<()[s0, s1, s2] -> (1, 2, s0, 4)>
#largest = affine_map<()[s0, s1, s2] -> (1, 2, s0)>
#result = affine_map<()[s0, s1, s2] -> (1, s0, 2)>

// A tensor [2, sequence]: its rows lie as far apart as in the longest step.
// CHECK: %[[X:.*]] = kern.buffer "x"
// CHECK: %[[LARGEST:.*]] = kern.buffer "reduce"
// CHECK-NEXT: %[[FROM:.*]] = kern.view %[[X]] {{.*}}strides = array<i64: 1, 8, 4>}
// CHECK-NEXT: %[[TO:.*]] = kern.view %[[LARGEST]] {{.*}}strides = array<i64: 1, 16>}
// CHECK-NEXT: kern.call @reduce_0(%[[FROM]], %[[TO]])
module attributes {tfm.context = 16 : i64} {
  func.func @main(%x: tensor<1x?x8xf32, #rows> {tfm.name = "x"}) -> (tensor<1x?x2xf32, #result> {tfm.name = "y"}) {
    %0 = tfm.reshape %x : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x2x4xf32, #split>
    %1 = tfm.transpose %0 [0, 2, 1, 3] : (tensor<1x?x2x4xf32, #split>) -> tensor<1x2x?x4xf32, #heads>
    %2 = tfm.reduce max %1 {axes = array<i64: 3>, keep_dims = false} : (tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?xf32, #largest>
    %3 = tfm.transpose %2 [0, 2, 1] : (tensor<1x2x?xf32, #largest>) -> tensor<1x?x2xf32, #result>
    return %3 : tensor<1x?x2xf32, #result>
  }
}

// -----

// Slices along the last dimension whose transposes are no rows of channels: queries and keys of heads that lie side by side.
// CHECK: kern.call @contract_0
module attributes {tfm.context = 1 : i64} {
  func.func @main(%x: tensor<1x3x2x6xf32> {tfm.name = "x"}) -> (tensor<1x2x3x3xf32> {tfm.name = "y"}) {
    %0 = tfm.slice %x {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x3x2x6xf32>) -> tensor<1x3x2x3xf32>
    %1 = tfm.slice %x {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (3)>} : (tensor<1x3x2x6xf32>) -> tensor<1x3x2x3xf32>
    %2 = tfm.transpose %0 [0, 2, 1, 3] : (tensor<1x3x2x3xf32>) -> tensor<1x2x3x3xf32>
    %3 = tfm.transpose %1 [0, 2, 3, 1] : (tensor<1x3x2x3xf32>) -> tensor<1x2x3x3xf32>
    %4 = tfm.matmul %2, %3 : (tensor<1x2x3x3xf32>, tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32>
    return %4 : tensor<1x2x3x3xf32>
  }
}

// -----

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#columns = affine_map<()[s0, s1, s2] -> (1, 8, s0)>
#scores = affine_map<()[s0, s1, s2] -> (1, s0, s0)>
#sinks = affine_map<()[s0, s1, s2] -> (1, s0, 1)>
#both = affine_map<()[s0, s1, s2] -> (1, s0, s0 + 1)>

// One column behind as many as the step has rows: its place is told along a dimension of one element, since no other's stride divides it.
// CHECK: #[[BEHIND:.*]] = affine_map<()[s0, s1, s2] -> (0, s0)>
// CHECK: %[[BOTH:.*]] = kern.buffer "concat"
// CHECK: kern.view %[[BOTH]] {{.*}}starts = #[[BEHIND]], strides = array<i64: 17, 1>}
module attributes {tfm.context = 16 : i64} {
  func.func @main(%x: tensor<1x?x8xf32, #rows> {tfm.name = "x"}) -> (tensor<1x?x1xf32, #sinks> {tfm.name = "y"}) {
    %t = tfm.transpose %x [0, 2, 1] : (tensor<1x?x8xf32, #rows>) -> tensor<1x8x?xf32, #columns>
    %s = tfm.matmul %x, %t : (tensor<1x?x8xf32, #rows>, tensor<1x8x?xf32, #columns>) -> tensor<1x?x?xf32, #scores>
    %sink = tfm.slice %x {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x1xf32, #sinks>
    %0 = tfm.concat %s, %sink {axis = 2 : i64} : (tensor<1x?x?xf32, #scores>, tensor<1x?x1xf32, #sinks>) -> tensor<1x?x?xf32, #both>
    %1 = tfm.reduce max %0 {axes = array<i64: 2>, keep_dims = true} : (tensor<1x?x?xf32, #both>) -> tensor<1x?x1xf32, #sinks>
    return %1 : tensor<1x?x1xf32, #sinks>
  }
}

// -----

#numbers = affine_map<()[s0, s1, s2] -> (s0 * 2)>
#column = affine_map<()[s0, s1, s2] -> (1, s0 * 2, 1)>
#rows = affine_map<()[s0, s1, s2] -> (1, s0, 1)>

// Numbers that count down from as many as the step has rows: those of the longest step, from where they are so many.
// CHECK: #[[LATER:.*]] = affine_map<()[s0, s1, s2] -> (-s0 + 4)>
// CHECK: dense<[4, 3, 2, 1, 0, -1, -2, -3, -4, -5, -6, -7]> : tensor<12xi32>
// CHECK: kern.view %{{.*}} starts = #[[LATER]], strides = array<i64: 1>}
module attributes {tfm.context = 4 : i64} {
  func.func @main(%x: tensor<1x?x1xf32, #rows> {tfm.name = "x"}) -> (tensor<1x?x1xf32, #rows> {tfm.name = "y"}) {
    %0 = tfm.iota {start = affine_map<()[s0, s1, s2] -> (s0)>, step = -1 : i64} : tensor<?xi64, #numbers>
    %1 = tfm.reshape %0 : (tensor<?xi64, #numbers>) -> tensor<1x?x1xi64, #column>
    %2 = tfm.cast %1 : (tensor<1x?x1xi64, #column>) -> tensor<1x?x1xf32, #column>
    %3 = tfm.slice %2 {axis = 1 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x1xf32, #column>) -> tensor<1x?x1xf32, #rows>
    return %3 : tensor<1x?x1xf32, #rows>
  }
}

// -----

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>

// The number of tokens as a scalar for all elements: every stride is 0, and so is none along which its place could be told.
// CHECK: #[[NUMBER:.*]] = affine_map<()[s0, s1, s2] -> (0, s0)>
// CHECK: kern.view %{{.*}} starts = #[[NUMBER]], strides = array<i64: 0, 1>}
module attributes {tfm.context = 4 : i64} {
  func.func @main(%x: tensor<1x?x8xf32, #rows> {tfm.name = "x"}) -> (tensor<1x?x8xf32, #rows> {tfm.name = "y"}) {
    %0 = tfm.iota {start = affine_map<()[s0, s1, s2] -> (s0)>} : tensor<1xi64>
    %1 = tfm.reshape %0 : (tensor<1xi64>) -> tensor<i64>
    %2 = tfm.cast %x : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xi64, #rows>
    %3 = tfm.binary min %2, %1 : (tensor<1x?x8xi64, #rows>, tensor<i64>) -> tensor<1x?x8xi64, #rows>
    %4 = tfm.cast %3 : (tensor<1x?x8xi64, #rows>) -> tensor<1x?x8xf32, #rows>
    return %4 : tensor<1x?x8xf32, #rows>
  }
}
