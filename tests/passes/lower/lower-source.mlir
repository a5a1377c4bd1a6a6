// RUN: quantc-opt %s --split-input-file --verify-diagnostics --lower-to-kern="targets=x86_64 max-sequence=4" --plan-memory | FileCheck %s

// An encoder leaves keys and values for the steps: both programs have them at one place, and one plan of weights and arena.

#rows = affine_map<()[s0, s1, s2] -> (s0, 8)>
#source = affine_map<()[s0, s1, s2, s3] -> (s3, 8)>

// CHECK-DAG: #[[keys:.*]] = affine_map<()[s0, s1, s2, s3] -> (s3, 4, 2)>
// CHECK-DAG: #[[written:.*]] = affine_map<()[s0, s1, s2] -> (4, 2, s0)>
// CHECK: kern.kernel @attention_0 {{.*}}mask = "full"{{.*}}max_positions = "20"
module attributes {tfm.context = 12 : i64, tfm.source = 20 : i64} {
  // CHECK-LABEL: kern.program @x86_64 attributes
  // CHECK-SAME: {kern.arena_bytes = [[arena:[0-9]+]] : i64, kern.weight_bytes = [[weights:[0-9]+]] : i64}
  // CHECK: kern.buffer "layer.key" {bytes = 2560 : i64, offset = [[key:[0-9]+]] : i64, space = #kern<space state>}
  // CHECK: kern.buffer "layer.value" {bytes = 1024 : i64, offset = [[value:[0-9]+]] : i64, space = #kern<space state>}
  // CHECK: kern.view {{.*}}extents = #[[keys]]
  // CHECK: kern.call @attention_0({{.*}}over_source = true
  func.func @main(%q: tensor<?x8xf32, #rows> {tfm.name = "q"}) -> (tensor<?x8xf32, #rows> {tfm.name = "y"}) {
    %k = tfm.source_read {source = "layer.key", keys = true, heads = 2 : i64, head_dim = 4 : i64} : tensor<?x8xf32, #source>
    %v = tfm.source_read {source = "layer.value", keys = false, heads = 2 : i64, head_dim = 4 : i64} : tensor<?x8xf32, #source>
    %y = tfm.attention %q, %k, %v {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 1.0 : f32, mask_kind = #tfm<mask_kind full>}
        : (tensor<?x8xf32, #rows>, tensor<?x8xf32, #source>, tensor<?x8xf32, #source>) -> tensor<?x8xf32, #rows>
    return %y : tensor<?x8xf32, #rows>
  }
  // CHECK-LABEL: kern.program @x86_64.encode attributes
  // CHECK-SAME: {kern.arena_bytes = [[arena]] : i64, kern.weight_bytes = [[weights]] : i64}
  // CHECK: kern.buffer "layer.key" {bytes = 2560 : i64, offset = [[key]] : i64, space = #kern<space state>}
  // CHECK: kern.view {{.*}}extents = #[[written]], {{.*}}strides = array<i64: 80, 320, 1>}
  // CHECK: kern.call @append_0
  // CHECK: kern.buffer "layer.value" {bytes = 1024 : i64, offset = [[value]] : i64, space = #kern<space state>}
  // CHECK: kern.call @append_0
  func.func @encode(%x: tensor<?x8xf32, #rows> {tfm.name = "x"}) {
    tfm.source_write %x {source = "layer.key", keys = true, heads = 2 : i64, head_dim = 4 : i64} : tensor<?x8xf32, #rows>
    tfm.source_write %x {source = "layer.value", keys = false, heads = 2 : i64, head_dim = 4 : i64} : tensor<?x8xf32, #rows>
    return
  }
}

// -----

#rows = affine_map<()[s0, s1, s2] -> (s0, 8)>
#source = affine_map<()[s0, s1, s2, s3] -> (s3, 8)>

module attributes {tfm.context = 12 : i64, tfm.source = 20 : i64} {
  func.func @main(%q: tensor<?x8xf32, #rows> {tfm.name = "q"}) -> (tensor<?x8xf32, #rows> {tfm.name = "y"}) {
    // expected-error @below {{reads 'layer.key', which @encode does not write like that}}
    %k = tfm.source_read {source = "layer.key", keys = true, heads = 2 : i64, head_dim = 4 : i64} : tensor<?x8xf32, #source>
    return %q : tensor<?x8xf32, #rows>
  }
  func.func @encode(%x: tensor<?x8xf32, #rows> {tfm.name = "x"}) {
    tfm.source_write %x {source = "layer.key", keys = false, heads = 2 : i64, head_dim = 4 : i64} : tensor<?x8xf32, #rows>
    return
  }
}
