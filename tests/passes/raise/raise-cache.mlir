// RUN: quantc-opt %s --split-input-file --raise-cache | FileCheck %s

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#past = affine_map<()[s0, s1, s2] -> (1, 2, s1, 4)>
#total = affine_map<()[s0, s1, s2] -> (1, 2, s0 + s1, 4)>
#new = affine_map<()[s0, s1, s2] -> (1, 2, s0, 4)>
#split = affine_map<()[s0, s1, s2] -> (1, s0, 2, 4)>
#totalsplit = affine_map<()[s0, s1, s2] -> (1, s0 + s1, 2, 4)>
#totalrows = affine_map<()[s0, s1, s2] -> (1, s0 + s1, 8)>

// Argument and result vanish; keys and values that are the same tensor share a cache.
// CHECK-LABEL: func.func @main(%arg0: tensor<1x?x8xf32
// CHECK-SAME: ) -> tensor<1x?x8xf32
// CHECK: %[[K:.*]] = tfm.cache_append %arg0 {cache = "layers.0.key", head_dim = 4 : i64, heads = 2 : i64}
// CHECK: tfm.attention %arg0, %[[K]], %[[K]]
// CHECK-NOT: tfm.concat
func.func @main(%x: tensor<1x?x8xf32, #rows>, %cache: tensor<1x2x?x4xf32, #past>) -> (tensor<1x?x8xf32, #rows>, tensor<1x2x?x4xf32, #total>) {
  %0 = tfm.reshape %x : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x2x4xf32, #split>
  %1 = tfm.transpose %0 [0, 2, 1, 3] : (tensor<1x?x2x4xf32, #split>) -> tensor<1x2x?x4xf32, #new>
  %2 = tfm.concat %cache, %1 {axis = 2 : i64} : (tensor<1x2x?x4xf32, #past>, tensor<1x2x?x4xf32, #new>) -> tensor<1x2x?x4xf32, #total>
  %3 = tfm.transpose %2 [0, 2, 1, 3] : (tensor<1x2x?x4xf32, #total>) -> tensor<1x?x2x4xf32, #totalsplit>
  %4 = tfm.reshape %3 : (tensor<1x?x2x4xf32, #totalsplit>) -> tensor<1x?x8xf32, #totalrows>
  %5 = tfm.attention %x, %4, %4 {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind causal>}
    : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #totalrows>, tensor<1x?x8xf32, #totalrows>) -> tensor<1x?x8xf32, #rows>
  return %5, %2 : tensor<1x?x8xf32, #rows>, tensor<1x2x?x4xf32, #total>
}

// -----

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>

// A causal model without a cache gets one.
// CHECK-LABEL: func.func @main
// CHECK: tfm.cache_append %arg1 {cache = "layers.0.key"
// CHECK: tfm.cache_append %arg2 {cache = "layers.0.value"
func.func @main(%q: tensor<1x?x8xf32, #rows>, %k: tensor<1x?x8xf32, #rows>, %v: tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows> {
  %0 = tfm.attention %q, %k, %v {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind causal>}
    : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
  return %0 : tensor<1x?x8xf32, #rows>
}

// -----

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>

// Where every query sees every key, nothing can be kept from step to step.
// CHECK-LABEL: func.func @main
// CHECK-NOT: tfm.cache_append
// CHECK: return
func.func @main(%q: tensor<1x?x8xf32, #rows>, %k: tensor<1x?x8xf32, #rows>, %v: tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows> {
  %0 = tfm.attention %q, %k, %v {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind full>}
    : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
  return %0 : tensor<1x?x8xf32, #rows>
}

// -----

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#longer = affine_map<()[s0, s1, s2] -> (1, s0 + 3, 24)>
#windows = affine_map<()[s0, s1, s2] -> (1, s0, 24)>

// A convolution that looks back alone reads rows of earlier steps where there was padding; rows behind the step's are cut off as before.
// CHECK-DAG: #[[PAST:.*]] = affine_map<()[s0, s1, s2] -> (s1)>
// CHECK-DAG: #[[PADDED:.*]] = affine_map<()[s0, s1, s2] -> (1, s0 + 4, 8)>
// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[KEPT:.*]] = tfm.cache_append %arg0 {cache = "convolved.0", head_dim = 8 : i64, heads = 1 : i64}
// CHECK-DAG: %[[ZEROS:.*]] = tfm.constant dense<0.000000e+00> : tensor<1x4x8xf32>
// CHECK: %[[ALL:.*]] = tfm.concat %[[ZEROS]], %[[KEPT]] {axis = 1 : i64}
// CHECK: %[[NOW:.*]] = tfm.slice %[[ALL]] {axis = 1 : i64, begin = #[[PAST]]}
// CHECK-SAME: #[[PADDED]]>
// CHECK: %[[ROWS:.*]] = tfm.patches %[[NOW]] {after = array<i64: 3>, before = array<i64: 0>, dilations = array<i64: 2>
// CHECK: tfm.slice %[[ROWS]]
// CHECK: tfm.cache_append {{.*}} {cache = "layers.0.key"
func.func @main(%x: tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows> {
  %p = tfm.patches %x {kernel = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 2>, before = array<i64: 4>, after = array<i64: 3>}
    : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x24xf32, #longer>
  %s = tfm.slice %p {axis = 1 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x?x24xf32, #longer>) -> tensor<1x?x24xf32, #windows>
  %w = tfm.weight #tfm.stored<0, "w", tensor<8x24xf32>> -> tensor<8x24xf32>
  %y = tfm.linear %s, %w : (tensor<1x?x24xf32, #windows>, tensor<8x24xf32>) -> tensor<1x?x8xf32, #rows>
  %0 = tfm.attention %y, %y, %y {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind causal>}
    : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
  return %0 : tensor<1x?x8xf32, #rows>
}

// -----

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#windows = affine_map<()[s0, s1, s2] -> (1, s0, 24)>

// One that looks ahead too leaves nothing to be kept.
// CHECK-LABEL: func.func @main
// CHECK-NOT: tfm.cache_append
// CHECK: return
func.func @main(%x: tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows> {
  %p = tfm.windows %x {kernel = 3 : i64, stride = 1 : i64, before = 1 : i64, after = 1 : i64} : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x24xf32, #windows>
  %w = tfm.weight #tfm.stored<0, "w", tensor<8x24xf32>> -> tensor<8x24xf32>
  %y = tfm.linear %p, %w : (tensor<1x?x24xf32, #windows>, tensor<8x24xf32>) -> tensor<1x?x8xf32, #rows>
  %0 = tfm.attention %y, %y, %y {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind causal>}
    : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
  return %0 : tensor<1x?x8xf32, #rows>
}

// -----

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#ids = affine_map<()[s0, s1, s2] -> (1, s0)>
#one = affine_map<()[s0, s1, s2] -> (1, s0, 1)>

// Rows of a table, elements of a row's own and what is repeated come from no other row.
// CHECK-LABEL: func.func @main
// CHECK: tfm.cache_append %arg0 {cache = "layers.0.key"
func.func @main(%x: tensor<1x?x8xf32, #rows>, %ids: tensor<1x?xi32, #ids>, %places: tensor<1x?x1xi64, #one>) -> tensor<1x?x8xf32, #rows> {
  %table = tfm.weight #tfm.stored<0, "table", tensor<4x8xf32>> -> tensor<4x8xf32>
  %0 = tfm.gather %table, %ids {axis = 0 : i64} : (tensor<4x8xf32>, tensor<1x?xi32, #ids>) -> tensor<1x?x8xf32, #rows>
  %1 = tfm.gather_elements %0, %places {axis = 2 : i64} : (tensor<1x?x8xf32, #rows>, tensor<1x?x1xi64, #one>) -> tensor<1x?x1xf32, #one>
  %2 = tfm.broadcast %1 : (tensor<1x?x1xf32, #one>) -> tensor<1x?x8xf32, #rows>
  %3 = tfm.attention %2, %x, %x {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind causal>}
    : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
  return %3 : tensor<1x?x8xf32, #rows>
}

// -----

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#ids = affine_map<()[s0, s1, s2] -> (1, s0)>
#flat = affine_map<()[s0, s1, s2] -> (s0, 8)>

// Rows of the step itself may be later ones.
// CHECK-LABEL: func.func @main
// CHECK-NOT: tfm.cache_append
// CHECK: return
func.func @main(%x: tensor<1x?x8xf32, #rows>, %ids: tensor<1x?xi32, #ids>) -> tensor<1x?x8xf32, #rows> {
  %0 = tfm.reshape %x : (tensor<1x?x8xf32, #rows>) -> tensor<?x8xf32, #flat>
  %1 = tfm.gather %0, %ids {axis = 0 : i64} : (tensor<?x8xf32, #flat>, tensor<1x?xi32, #ids>) -> tensor<1x?x8xf32, #rows>
  %2 = tfm.attention %1, %x, %x {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind causal>}
    : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
  return %2 : tensor<1x?x8xf32, #rows>
}
