// RUN: quantc-opt %s --raise-experts | FileCheck %s

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 32)>
#inner = affine_map<()[s0, s1, s2] -> (1, s0, 48)>
#scores = affine_map<()[s0, s1, s2] -> (1, s0, 2)>
#one = affine_map<()[s0, s1, s2] -> (1, s0, 1)>

// The better one of two experts, of equal ones the first, and something else.
// CHECK-LABEL: func.func @top_1
// CHECK: %[[SCORES:.*]] = tfm.linear %arg0
// CHECK: %[[VALUES:.*]], %[[INDICES:.*]] = tfm.top_k %[[SCORES]] {k = 1 : i64, normalize = false}
// CHECK: %[[IN:.*]] = tfm.weight #tfm.concatenated<[#tfm.stored<0, "in0", tensor<48x32xf32>>, #tfm.stored<0, "in1", tensor<48x32xf32>>], 0>
// CHECK: %[[H:.*]] = tfm.expert_linear %arg0, %[[IN]], %[[INDICES]] {experts = 2 : i64}
// CHECK: %[[A:.*]] = tfm.unary relu %[[H]]
// CHECK: %[[OUT:.*]] = tfm.weight #tfm.concatenated<[#tfm.stored<0, "out0", tensor<32x48xf32>>, #tfm.stored<0, "out1", tensor<32x48xf32>>], 0>
// CHECK: %[[D:.*]] = tfm.expert_linear %[[A]], %[[OUT]], %[[INDICES]] {experts = 2 : i64}
// CHECK: %[[SUM:.*]] = tfm.combine %[[D]], %[[VALUES]]
// CHECK: %[[Y:.*]] = tfm.binary add %arg0, %[[SUM]]
// CHECK-NEXT: return %[[Y]]
func.func @top_1(%x: tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows> {
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %r = tfm.weight #tfm.stored<0, "router", tensor<2x32xf32>> -> tensor<2x32xf32>
  %s = tfm.linear %x, %r : (tensor<1x?x32xf32, #rows>, tensor<2x32xf32>) -> tensor<1x?x2xf32, #scores>
  %p = tfm.softmax %s {axis = 2 : i64} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x2xf32, #scores>
  %p0 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %p1 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %c1 = tfm.binary greater %p1, %p0 : (tensor<1x?x1xf32, #one>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xi1, #one>
  %c0 = tfm.unary not %c1 : (tensor<1x?x1xi1, #one>) -> tensor<1x?x1xi1, #one>
  %w0 = tfm.weight #tfm.stored<0, "in0", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h0 = tfm.linear %x, %w0 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a0 = tfm.unary relu %h0 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v0 = tfm.weight #tfm.stored<0, "out0", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d0 = tfm.linear %a0, %v0 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %w1 = tfm.weight #tfm.stored<0, "in1", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h1 = tfm.linear %x, %w1 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a1 = tfm.unary relu %h1 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v1 = tfm.weight #tfm.stored<0, "out1", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d1 = tfm.linear %a1, %v1 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %m0 = tfm.binary mul %d0, %p0 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t0 = tfm.select %c0, %m0, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %m1 = tfm.binary mul %d1, %p1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t1 = tfm.select %c1, %m1, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %u = tfm.binary add %x, %t1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  %y = tfm.binary add %u, %t0 : (tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  return %y : tensor<1x?x32xf32, #rows>
}

// What was added where an expert was chosen, as it is; the router has a bias.
// CHECK-LABEL: func.func @added_where_chosen
// CHECK: %[[SCORES:.*]] = tfm.binary add %{{.*}}, %{{.*}} : (tensor<1x?x2xf32
// CHECK: tfm.top_k %[[SCORES]] {k = 1 : i64, normalize = true}
// CHECK: %[[SUM:.*]] = tfm.combine
// CHECK: tfm.binary add %arg0, %[[SUM]]
func.func @added_where_chosen(%x: tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows> {
  %r = tfm.weight #tfm.stored<0, "router", tensor<2x32xf32>> -> tensor<2x32xf32>
  %s = tfm.linear %x, %r : (tensor<1x?x32xf32, #rows>, tensor<2x32xf32>) -> tensor<1x?x2xf32, #scores>
  %rb = tfm.weight #tfm.stored<0, "bias", tensor<2xf32>> -> tensor<2xf32>
  %sb = tfm.binary add %s, %rb : (tensor<1x?x2xf32, #scores>, tensor<2xf32>) -> tensor<1x?x2xf32, #scores>
  %p = tfm.softmax %sb {axis = 2 : i64} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x2xf32, #scores>
  %p0 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %p1 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %c1 = tfm.binary greater %p1, %p0 : (tensor<1x?x1xf32, #one>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xi1, #one>
  %c0 = tfm.unary not %c1 : (tensor<1x?x1xi1, #one>) -> tensor<1x?x1xi1, #one>
  %w0 = tfm.weight #tfm.stored<0, "in0", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h0 = tfm.linear %x, %w0 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a0 = tfm.unary relu %h0 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v0 = tfm.weight #tfm.stored<0, "out0", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d0 = tfm.linear %a0, %v0 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %w1 = tfm.weight #tfm.stored<0, "in1", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h1 = tfm.linear %x, %w1 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a1 = tfm.unary relu %h1 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v1 = tfm.weight #tfm.stored<0, "out1", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d1 = tfm.linear %a1, %v1 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %u0 = tfm.binary add %x, %d0 : (tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  %s0 = tfm.select %c0, %u0, %x : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  %u1 = tfm.binary add %s0, %d1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  %y = tfm.select %c1, %u1, %s0 : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  return %y : tensor<1x?x32xf32, #rows>
}

// Weights of all experts that are one tensor stay that.
// CHECK-LABEL: func.func @parts_of_tensors
// CHECK: tfm.weight #tfm.reshaped<#tfm.sliced<#tfm.stored<0, "gate_up", tensor<2x96x32xf32>>, 1, 0, 48>, [96, 32]>
// CHECK: tfm.weight #tfm.reshaped<#tfm.sliced<#tfm.stored<0, "gate_up", tensor<2x96x32xf32>>, 1, 48, 96>, [96, 32]>
// CHECK: tfm.weight #tfm.reshaped<#tfm.stored<0, "down", tensor<2x32x48xf32>>, [64, 48]>
// CHECK: %[[SUM:.*]] = tfm.combine
// CHECK-NEXT: return %[[SUM]]
func.func @parts_of_tensors(%x: tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows> {
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %r = tfm.weight #tfm.stored<0, "router", tensor<2x32xf32>> -> tensor<2x32xf32>
  %s = tfm.linear %x, %r : (tensor<1x?x32xf32, #rows>, tensor<2x32xf32>) -> tensor<1x?x2xf32, #scores>
  %p = tfm.softmax %s {axis = 2 : i64} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x2xf32, #scores>
  %p0 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %p1 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %c1 = tfm.binary greater %p1, %p0 : (tensor<1x?x1xf32, #one>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xi1, #one>
  %c0 = tfm.unary not %c1 : (tensor<1x?x1xi1, #one>) -> tensor<1x?x1xi1, #one>
  %gw0 = tfm.weight #tfm.sliced<#tfm.reshaped<#tfm.sliced<#tfm.stored<0, "gate_up", tensor<2x96x32xf32>>, 0, 0, 1>, [96, 32]>, 0, 0, 48> -> tensor<48x32xf32>
  %g0 = tfm.linear %x, %gw0 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %qw0 = tfm.weight #tfm.sliced<#tfm.reshaped<#tfm.sliced<#tfm.stored<0, "gate_up", tensor<2x96x32xf32>>, 0, 0, 1>, [96, 32]>, 0, 48, 96> -> tensor<48x32xf32>
  %q0 = tfm.linear %x, %qw0 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a0 = tfm.unary silu %g0 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %h0 = tfm.binary mul %a0, %q0 : (tensor<1x?x48xf32, #inner>, tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v0 = tfm.weight #tfm.reshaped<#tfm.sliced<#tfm.stored<0, "down", tensor<2x32x48xf32>>, 0, 0, 1>, [32, 48]> -> tensor<32x48xf32>
  %d0 = tfm.linear %h0, %v0 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %gw1 = tfm.weight #tfm.sliced<#tfm.reshaped<#tfm.sliced<#tfm.stored<0, "gate_up", tensor<2x96x32xf32>>, 0, 1, 2>, [96, 32]>, 0, 0, 48> -> tensor<48x32xf32>
  %g1 = tfm.linear %x, %gw1 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %qw1 = tfm.weight #tfm.sliced<#tfm.reshaped<#tfm.sliced<#tfm.stored<0, "gate_up", tensor<2x96x32xf32>>, 0, 1, 2>, [96, 32]>, 0, 48, 96> -> tensor<48x32xf32>
  %q1 = tfm.linear %x, %qw1 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a1 = tfm.unary silu %g1 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %h1 = tfm.binary mul %a1, %q1 : (tensor<1x?x48xf32, #inner>, tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v1 = tfm.weight #tfm.reshaped<#tfm.sliced<#tfm.stored<0, "down", tensor<2x32x48xf32>>, 0, 1, 2>, [32, 48]> -> tensor<32x48xf32>
  %d1 = tfm.linear %h1, %v1 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %m0 = tfm.binary mul %d0, %p0 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t0 = tfm.select %c0, %m0, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %m1 = tfm.binary mul %d1, %p1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t1 = tfm.select %c1, %m1, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %y = tfm.binary add %t0, %t1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  return %y : tensor<1x?x32xf32, #rows>
}

// Of equal ones the second: not what tfm.top_k means.
// CHECK-LABEL: func.func @last_of_equal_ones
// CHECK-NOT: tfm.top_k
// CHECK: return
func.func @last_of_equal_ones(%x: tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows> {
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %r = tfm.weight #tfm.stored<0, "router", tensor<2x32xf32>> -> tensor<2x32xf32>
  %s = tfm.linear %x, %r : (tensor<1x?x32xf32, #rows>, tensor<2x32xf32>) -> tensor<1x?x2xf32, #scores>
  %p = tfm.softmax %s {axis = 2 : i64} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x2xf32, #scores>
  %p0 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %p1 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %c0 = tfm.binary greater %p0, %p1 : (tensor<1x?x1xf32, #one>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xi1, #one>
  %c1 = tfm.unary not %c0 : (tensor<1x?x1xi1, #one>) -> tensor<1x?x1xi1, #one>
  %w0 = tfm.weight #tfm.stored<0, "in0", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h0 = tfm.linear %x, %w0 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a0 = tfm.unary relu %h0 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v0 = tfm.weight #tfm.stored<0, "out0", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d0 = tfm.linear %a0, %v0 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %w1 = tfm.weight #tfm.stored<0, "in1", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h1 = tfm.linear %x, %w1 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a1 = tfm.unary relu %h1 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v1 = tfm.weight #tfm.stored<0, "out1", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d1 = tfm.linear %a1, %v1 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %m0 = tfm.binary mul %d0, %p0 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t0 = tfm.select %c0, %m0, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %m1 = tfm.binary mul %d1, %p1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t1 = tfm.select %c1, %m1, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %y = tfm.binary add %t0, %t1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  return %y : tensor<1x?x32xf32, #rows>
}

// An expert with the other's factor.
// CHECK-LABEL: func.func @other_factor
// CHECK-NOT: tfm.top_k
// CHECK: return
func.func @other_factor(%x: tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows> {
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %r = tfm.weight #tfm.stored<0, "router", tensor<2x32xf32>> -> tensor<2x32xf32>
  %s = tfm.linear %x, %r : (tensor<1x?x32xf32, #rows>, tensor<2x32xf32>) -> tensor<1x?x2xf32, #scores>
  %p = tfm.softmax %s {axis = 2 : i64} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x2xf32, #scores>
  %p0 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %p1 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %c1 = tfm.binary greater %p1, %p0 : (tensor<1x?x1xf32, #one>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xi1, #one>
  %c0 = tfm.unary not %c1 : (tensor<1x?x1xi1, #one>) -> tensor<1x?x1xi1, #one>
  %w0 = tfm.weight #tfm.stored<0, "in0", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h0 = tfm.linear %x, %w0 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a0 = tfm.unary relu %h0 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v0 = tfm.weight #tfm.stored<0, "out0", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d0 = tfm.linear %a0, %v0 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %w1 = tfm.weight #tfm.stored<0, "in1", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h1 = tfm.linear %x, %w1 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a1 = tfm.unary relu %h1 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v1 = tfm.weight #tfm.stored<0, "out1", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d1 = tfm.linear %a1, %v1 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %m0 = tfm.binary mul %d0, %p1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t0 = tfm.select %c0, %m0, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %m1 = tfm.binary mul %d1, %p1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t1 = tfm.select %c1, %m1, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %y = tfm.binary add %t0, %t1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  return %y : tensor<1x?x32xf32, #rows>
}

// A token that chooses the second gets nothing.
// CHECK-LABEL: func.func @one_is_missing
// CHECK-NOT: tfm.top_k
// CHECK: return
func.func @one_is_missing(%x: tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows> {
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %r = tfm.weight #tfm.stored<0, "router", tensor<2x32xf32>> -> tensor<2x32xf32>
  %s = tfm.linear %x, %r : (tensor<1x?x32xf32, #rows>, tensor<2x32xf32>) -> tensor<1x?x2xf32, #scores>
  %p = tfm.softmax %s {axis = 2 : i64} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x2xf32, #scores>
  %p0 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %p1 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %c1 = tfm.binary greater %p1, %p0 : (tensor<1x?x1xf32, #one>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xi1, #one>
  %c0 = tfm.unary not %c1 : (tensor<1x?x1xi1, #one>) -> tensor<1x?x1xi1, #one>
  %w0 = tfm.weight #tfm.stored<0, "in0", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h0 = tfm.linear %x, %w0 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a0 = tfm.unary relu %h0 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v0 = tfm.weight #tfm.stored<0, "out0", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d0 = tfm.linear %a0, %v0 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %m0 = tfm.binary mul %d0, %p0 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t0 = tfm.select %c0, %m0, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %y = tfm.binary add %x, %t0 : (tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  return %y : tensor<1x?x32xf32, #rows>
}

// Every token takes both.
// CHECK-LABEL: func.func @all_of_them
// CHECK-NOT: tfm.top_k
// CHECK: return
func.func @all_of_them(%x: tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows> {
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %r = tfm.weight #tfm.stored<0, "router", tensor<2x32xf32>> -> tensor<2x32xf32>
  %s = tfm.linear %x, %r : (tensor<1x?x32xf32, #rows>, tensor<2x32xf32>) -> tensor<1x?x2xf32, #scores>
  %p = tfm.softmax %s {axis = 2 : i64} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x2xf32, #scores>
  %p0 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %p1 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %w0 = tfm.weight #tfm.stored<0, "in0", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h0 = tfm.linear %x, %w0 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a0 = tfm.unary relu %h0 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v0 = tfm.weight #tfm.stored<0, "out0", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d0 = tfm.linear %a0, %v0 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %w1 = tfm.weight #tfm.stored<0, "in1", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h1 = tfm.linear %x, %w1 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a1 = tfm.unary relu %h1 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v1 = tfm.weight #tfm.stored<0, "out1", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d1 = tfm.linear %a1, %v1 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %m0 = tfm.binary mul %d0, %p0 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %m1 = tfm.binary mul %d1, %p1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %y = tfm.binary add %m0, %m1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  return %y : tensor<1x?x32xf32, #rows>
}

// Experts that differ in more than weights.
// CHECK-LABEL: func.func @different_functions
// CHECK-NOT: tfm.top_k
// CHECK: return
func.func @different_functions(%x: tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows> {
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %r = tfm.weight #tfm.stored<0, "router", tensor<2x32xf32>> -> tensor<2x32xf32>
  %s = tfm.linear %x, %r : (tensor<1x?x32xf32, #rows>, tensor<2x32xf32>) -> tensor<1x?x2xf32, #scores>
  %p = tfm.softmax %s {axis = 2 : i64} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x2xf32, #scores>
  %p0 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %p1 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %c1 = tfm.binary greater %p1, %p0 : (tensor<1x?x1xf32, #one>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xi1, #one>
  %c0 = tfm.unary not %c1 : (tensor<1x?x1xi1, #one>) -> tensor<1x?x1xi1, #one>
  %w0 = tfm.weight #tfm.stored<0, "in0", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h0 = tfm.linear %x, %w0 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a0 = tfm.unary relu %h0 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v0 = tfm.weight #tfm.stored<0, "out0", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d0 = tfm.linear %a0, %v0 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %w1 = tfm.weight #tfm.stored<0, "in1", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h1 = tfm.linear %x, %w1 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a1 = tfm.unary silu %h1 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v1 = tfm.weight #tfm.stored<0, "out1", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d1 = tfm.linear %a1, %v1 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %m0 = tfm.binary mul %d0, %p0 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t0 = tfm.select %c0, %m0, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %m1 = tfm.binary mul %d1, %p1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t1 = tfm.select %c1, %m1, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %y = tfm.binary add %t0, %t1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  return %y : tensor<1x?x32xf32, #rows>
}

// Rows of an expert that fill no whole tiles of 16.
// CHECK-LABEL: func.func @not_whole_tiles
// CHECK-NOT: tfm.top_k
// CHECK: return
func.func @not_whole_tiles(%x: tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows> {
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %r = tfm.weight #tfm.stored<0, "router", tensor<2x32xf32>> -> tensor<2x32xf32>
  %s = tfm.linear %x, %r : (tensor<1x?x32xf32, #rows>, tensor<2x32xf32>) -> tensor<1x?x2xf32, #scores>
  %p = tfm.softmax %s {axis = 2 : i64} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x2xf32, #scores>
  %p0 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %p1 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %c1 = tfm.binary greater %p1, %p0 : (tensor<1x?x1xf32, #one>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xi1, #one>
  %c0 = tfm.unary not %c1 : (tensor<1x?x1xi1, #one>) -> tensor<1x?x1xi1, #one>
  %w0 = tfm.weight #tfm.stored<0, "in0", tensor<40x32xf32>> -> tensor<40x32xf32>
  %h0 = tfm.linear %x, %w0 : (tensor<1x?x32xf32, #rows>, tensor<40x32xf32>) -> tensor<1x?x40xf32, affine_map<()[s0, s1, s2] -> (1, s0, 40)>>
  %a0 = tfm.unary relu %h0 : (tensor<1x?x40xf32, affine_map<()[s0, s1, s2] -> (1, s0, 40)>>) -> tensor<1x?x40xf32, affine_map<()[s0, s1, s2] -> (1, s0, 40)>>
  %v0 = tfm.weight #tfm.stored<0, "out0", tensor<32x40xf32>> -> tensor<32x40xf32>
  %d0 = tfm.linear %a0, %v0 : (tensor<1x?x40xf32, affine_map<()[s0, s1, s2] -> (1, s0, 40)>>, tensor<32x40xf32>) -> tensor<1x?x32xf32, #rows>
  %w1 = tfm.weight #tfm.stored<0, "in1", tensor<40x32xf32>> -> tensor<40x32xf32>
  %h1 = tfm.linear %x, %w1 : (tensor<1x?x32xf32, #rows>, tensor<40x32xf32>) -> tensor<1x?x40xf32, affine_map<()[s0, s1, s2] -> (1, s0, 40)>>
  %a1 = tfm.unary relu %h1 : (tensor<1x?x40xf32, affine_map<()[s0, s1, s2] -> (1, s0, 40)>>) -> tensor<1x?x40xf32, affine_map<()[s0, s1, s2] -> (1, s0, 40)>>
  %v1 = tfm.weight #tfm.stored<0, "out1", tensor<32x40xf32>> -> tensor<32x40xf32>
  %d1 = tfm.linear %a1, %v1 : (tensor<1x?x40xf32, affine_map<()[s0, s1, s2] -> (1, s0, 40)>>, tensor<32x40xf32>) -> tensor<1x?x32xf32, #rows>
  %m0 = tfm.binary mul %d0, %p0 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t0 = tfm.select %c0, %m0, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %m1 = tfm.binary mul %d1, %p1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t1 = tfm.select %c1, %m1, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %y = tfm.binary add %t0, %t1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  return %y : tensor<1x?x32xf32, #rows>
}

// A factor that depends on more than the router's scores.
// CHECK-LABEL: func.func @factor_of_something_else
// CHECK-NOT: tfm.top_k
// CHECK: return
func.func @factor_of_something_else(%x: tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows> {
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %r = tfm.weight #tfm.stored<0, "router", tensor<2x32xf32>> -> tensor<2x32xf32>
  %s = tfm.linear %x, %r : (tensor<1x?x32xf32, #rows>, tensor<2x32xf32>) -> tensor<1x?x2xf32, #scores>
  %p = tfm.softmax %s {axis = 2 : i64} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x2xf32, #scores>
  %p0 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %p1 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %c1 = tfm.binary greater %p1, %p0 : (tensor<1x?x1xf32, #one>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xi1, #one>
  %c0 = tfm.unary not %c1 : (tensor<1x?x1xi1, #one>) -> tensor<1x?x1xi1, #one>
  %z = tfm.weight #tfm.stored<0, "gate", tensor<1x32xf32>> -> tensor<1x32xf32>
  %z0 = tfm.linear %x, %z : (tensor<1x?x32xf32, #rows>, tensor<1x32xf32>) -> tensor<1x?x1xf32, #one>
  %f = tfm.binary mul %p0, %z0 : (tensor<1x?x1xf32, #one>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xf32, #one>
  %w0 = tfm.weight #tfm.stored<0, "in0", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h0 = tfm.linear %x, %w0 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a0 = tfm.unary relu %h0 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v0 = tfm.weight #tfm.stored<0, "out0", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d0 = tfm.linear %a0, %v0 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %w1 = tfm.weight #tfm.stored<0, "in1", tensor<48x32xf32>> -> tensor<48x32xf32>
  %h1 = tfm.linear %x, %w1 : (tensor<1x?x32xf32, #rows>, tensor<48x32xf32>) -> tensor<1x?x48xf32, #inner>
  %a1 = tfm.unary relu %h1 : (tensor<1x?x48xf32, #inner>) -> tensor<1x?x48xf32, #inner>
  %v1 = tfm.weight #tfm.stored<0, "out1", tensor<32x48xf32>> -> tensor<32x48xf32>
  %d1 = tfm.linear %a1, %v1 : (tensor<1x?x48xf32, #inner>, tensor<32x48xf32>) -> tensor<1x?x32xf32, #rows>
  %m0 = tfm.binary mul %d0, %f : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t0 = tfm.select %c0, %m0, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %m1 = tfm.binary mul %d1, %p1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t1 = tfm.select %c1, %m1, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %y = tfm.binary add %t0, %t1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  return %y : tensor<1x?x32xf32, #rows>
}

// A choice that is no softmax: the graph's own experts and factors, whatever they are computed from. Experts have biases.
// CHECK-LABEL: func.func @own_choice
// CHECK: tfm.linear %arg0, %{{.*}} {tfm.router}
// CHECK: %[[CHOSEN:.*]] = tfm.cast %{{.*}} : (tensor<1x?x1xi1, {{.*}}>) -> tensor<1x?x1xi64
// CHECK: %[[FACTOR:.*]] = tfm.binary mul
// CHECK: %[[INDICES:.*]] = tfm.cast %[[CHOSEN]] : (tensor<1x?x1xi64, {{.*}}>) -> tensor<1x?x1xi32
// CHECK: %[[H:.*]] = tfm.expert_linear %arg0, %{{.*}}, %[[INDICES]] {experts = 2 : i64}
// CHECK: %[[TABLE:.*]] = tfm.weight #tfm.concatenated<[#tfm.reshaped<#tfm.stored<0, "bias0", tensor<32xf32>>, [1, 32]>, #tfm.reshaped<#tfm.stored<0, "bias1", tensor<32xf32>>, [1, 32]>], 0>
// CHECK: %[[BIAS:.*]] = tfm.gather %[[TABLE]], %[[INDICES]] {axis = 0 : i64}
// CHECK: %[[D:.*]] = tfm.binary add %[[H]], %[[BIAS]]
// CHECK: %[[SUM:.*]] = tfm.combine %[[D]], %[[FACTOR]]
// CHECK-NEXT: return %[[SUM]]
func.func @own_choice(%x: tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows> {
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %scale = tfm.constant dense<2.5> : tensor<f32> -> tensor<f32>
  %i0 = tfm.constant dense<0> : tensor<i64> -> tensor<i64>
  %i1 = tfm.constant dense<1> : tensor<i64> -> tensor<i64>
  %r = tfm.weight #tfm.stored<0, "router", tensor<2x32xf32>> -> tensor<2x32xf32>
  %s = tfm.linear %x, %r : (tensor<1x?x32xf32, #rows>, tensor<2x32xf32>) -> tensor<1x?x2xf32, #scores>
  %p = tfm.unary sigmoid %s : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x2xf32, #scores>
  %p0 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %p1 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %second = tfm.binary greater %p1, %p0 : (tensor<1x?x1xf32, #one>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xi1, #one>
  %chosen = tfm.cast %second : (tensor<1x?x1xi1, #one>) -> tensor<1x?x1xi64, #one>
  %best = tfm.binary max %p0, %p1 : (tensor<1x?x1xf32, #one>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xf32, #one>
  %factor = tfm.binary mul %best, %scale : (tensor<1x?x1xf32, #one>, tensor<f32>) -> tensor<1x?x1xf32, #one>
  %c0 = tfm.binary equal %chosen, %i0 : (tensor<1x?x1xi64, #one>, tensor<i64>) -> tensor<1x?x1xi1, #one>
  %c1 = tfm.binary equal %chosen, %i1 : (tensor<1x?x1xi64, #one>, tensor<i64>) -> tensor<1x?x1xi1, #one>
  %w0 = tfm.weight #tfm.stored<0, "w0", tensor<32x32xf32>> -> tensor<32x32xf32>
  %b0 = tfm.weight #tfm.stored<0, "bias0", tensor<32xf32>> -> tensor<32xf32>
  %h0 = tfm.linear %x, %w0 : (tensor<1x?x32xf32, #rows>, tensor<32x32xf32>) -> tensor<1x?x32xf32, #rows>
  %d0 = tfm.binary add %h0, %b0 : (tensor<1x?x32xf32, #rows>, tensor<32xf32>) -> tensor<1x?x32xf32, #rows>
  %w1 = tfm.weight #tfm.stored<0, "w1", tensor<32x32xf32>> -> tensor<32x32xf32>
  %b1 = tfm.weight #tfm.stored<0, "bias1", tensor<32xf32>> -> tensor<32xf32>
  %h1 = tfm.linear %x, %w1 : (tensor<1x?x32xf32, #rows>, tensor<32x32xf32>) -> tensor<1x?x32xf32, #rows>
  %d1 = tfm.binary add %h1, %b1 : (tensor<1x?x32xf32, #rows>, tensor<32xf32>) -> tensor<1x?x32xf32, #rows>
  %m0 = tfm.binary mul %d0, %factor : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t0 = tfm.select %c0, %m0, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %m1 = tfm.binary mul %d1, %factor : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t1 = tfm.select %c1, %m1, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %y = tfm.binary add %t0, %t1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  return %y : tensor<1x?x32xf32, #rows>
}

// A factor that depends on more than the choice: every expert is computed.
// CHECK-LABEL: func.func @other_factors
// CHECK-NOT: tfm.expert_linear
// CHECK: return
func.func @other_factors(%x: tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows> {
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %i0 = tfm.constant dense<0> : tensor<i64> -> tensor<i64>
  %i1 = tfm.constant dense<1> : tensor<i64> -> tensor<i64>
  %r = tfm.weight #tfm.stored<0, "router", tensor<2x32xf32>> -> tensor<2x32xf32>
  %s = tfm.linear %x, %r : (tensor<1x?x32xf32, #rows>, tensor<2x32xf32>) -> tensor<1x?x2xf32, #scores>
  %p = tfm.unary sigmoid %s : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x2xf32, #scores>
  %p0 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %p1 = tfm.slice %p {axis = 2 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>} : (tensor<1x?x2xf32, #scores>) -> tensor<1x?x1xf32, #one>
  %second = tfm.binary greater %p1, %p0 : (tensor<1x?x1xf32, #one>, tensor<1x?x1xf32, #one>) -> tensor<1x?x1xi1, #one>
  %chosen = tfm.cast %second : (tensor<1x?x1xi1, #one>) -> tensor<1x?x1xi64, #one>
  %c0 = tfm.binary equal %chosen, %i0 : (tensor<1x?x1xi64, #one>, tensor<i64>) -> tensor<1x?x1xi1, #one>
  %c1 = tfm.binary equal %chosen, %i1 : (tensor<1x?x1xi64, #one>, tensor<i64>) -> tensor<1x?x1xi1, #one>
  %w0 = tfm.weight #tfm.stored<0, "w0", tensor<32x32xf32>> -> tensor<32x32xf32>
  %d0 = tfm.linear %x, %w0 : (tensor<1x?x32xf32, #rows>, tensor<32x32xf32>) -> tensor<1x?x32xf32, #rows>
  %w1 = tfm.weight #tfm.stored<0, "w1", tensor<32x32xf32>> -> tensor<32x32xf32>
  %d1 = tfm.linear %x, %w1 : (tensor<1x?x32xf32, #rows>, tensor<32x32xf32>) -> tensor<1x?x32xf32, #rows>
  %m0 = tfm.binary mul %d0, %p1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t0 = tfm.select %c0, %m0, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %m1 = tfm.binary mul %d1, %p0 : (tensor<1x?x32xf32, #rows>, tensor<1x?x1xf32, #one>) -> tensor<1x?x32xf32, #rows>
  %t1 = tfm.select %c1, %m1, %zero : (tensor<1x?x1xi1, #one>, tensor<1x?x32xf32, #rows>, tensor<f32>) -> tensor<1x?x32xf32, #rows>
  %y = tfm.binary add %t0, %t1 : (tensor<1x?x32xf32, #rows>, tensor<1x?x32xf32, #rows>) -> tensor<1x?x32xf32, #rows>
  return %y : tensor<1x?x32xf32, #rows>
}
