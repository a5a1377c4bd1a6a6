// RUN: quantc-opt %s --lower-to-kern="targets=x86_64 max-sequence=4" | FileCheck %s

// Attention over keys and values of the same step. Nothing is kept: a step is a whole sequence, however short steps were to be.

#ids = affine_map<()[s0, s1, s2] -> (s0)>
#wide = affine_map<()[s0, s1, s2] -> (s0, 8)>

// CHECK-DAG: #[[row:.*]] = affine_map<()[s0, s1, s2] -> (s0, s0)>
// CHECK-DAG: #[[lookup:.*]] = affine_map<()[s0, s1, s2] -> (1, s0)>
// CHECK-DAG: #[[keys:.*]] = affine_map<()[s0, s1, s2] -> (s0, 4, 2)>
// CHECK-DAG: #[[values:.*]] = affine_map<()[s0, s1, s2] -> (4, s0, 2)>
// CHECK-DAG: #[[zero2:.*]] = affine_map<()[s0, s1, s2] -> (0, 0)>
// CHECK-DAG: #[[zero3:.*]] = affine_map<()[s0, s1, s2] -> (0, 0, 0)>
// CHECK: kern.max_sequence = 20 : i64
// CHECK-NOT: kern.kernel @attention_4

// CHECK-LABEL: kern.program @x86_64
// CHECK: %[[mask:.*]] = kern.buffer "mask" {bytes = 128 : i64, space = #kern<space input>}
// CHECK: kern.port "mask" %[[mask]] {element = i32, initial = 1 : i32, is_output = false

// Keys are transposed into scratch (80: one tile of 64, and an odd number of cache lines), values are read where they lie.
// CHECK: %[[k:.*]] = kern.buffer "layer.keys" {bytes = 2560 : i64, space = #kern<space arena>}
// CHECK: kern.view %[[k]] {{.*}}split_dim = 1 : i64, {{.*}}strides = array<i64: 80, 320, 1>}
// CHECK: kern.call @append_0
// CHECK: kern.view %[[k]] {{{.*}}extents = #[[keys]], mins = #[[zero3]], {{.*}}strides = array<i64: 1, 80, 320>}
// CHECK: kern.view %{{.*}} {{{.*}}extents = #[[values]], mins = #[[zero3]], {{.*}}strides = array<i64: 1, 16, 4>}

// The mask is looked up in a table of two rows; every query reads the same row.
// CHECK: %[[padding:.*]] = kern.buffer "padding" {bytes = 128 : i64, space = #kern<space arena>}
// CHECK: kern.constant "literal" {{.*}}role = "padding"
// CHECK: kern.view %[[padding]] {{{.*}}extents = #[[lookup]], mins = #[[zero2]], {{.*}}strides = array<i64: 1, 1>}
// CHECK: kern.call @embed_0
// CHECK: kern.view %[[padding]] {{{.*}}extents = #[[row]], mins = #[[zero2]], {{.*}}strides = array<i64: 1, 0>}
// CHECK: kern.call @attention_0

// The second layer reads the same row.
// CHECK-NOT: kern.call @embed_0
// CHECK: kern.call @attention_0
// CHECK: kern.call @attention_2

// A row of an output that others read too, and a copy of what lies in gaps or is an input.
// CHECK: %[[hidden:.*]] = kern.buffer "hidden" {{.*}}space = #kern<space output>}
// CHECK: kern.view %{{.*}} {{.*}}strides = array<i64: 1, 16>}
// CHECK: kern.view %[[hidden]] {{.*}}strides = array<i64: 1, 8>}
// CHECK: kern.call @map_0
// CHECK: kern.port "hidden" %[[hidden]] {{{.*}}is_output = true
// CHECK: %[[first:.*]] = kern.buffer "first" {{.*}}space = #kern<space output>}
// CHECK: kern.port "first" %[[first]]
// CHECK: kern.port "same"
module attributes {tfm.context = 20 : i64} {
  func.func @main(%x: tensor<?x8xf32, #wide> {tfm.name = "x"}, %mask: tensor<?xi32, #ids> {tfm.name = "mask", tfm.initial = 1 : i32})
      -> (tensor<?x8xf32, #wide> {tfm.name = "hidden"}, tensor<1x8xf32> {tfm.name = "first"}, tensor<?x8xf32, #wide> {tfm.name = "same"}) {
    %n = tfm.weight #tfm.stored<0, "n", tensor<8xf32>> -> tensor<8xf32>
    %q = tfm.rms_norm %x, %n {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32, #wide>, tensor<8xf32>) -> tensor<?x8xf32, #wide>
    %a = tfm.attention %q, %q, %q mask %mask {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind padding>} : (tensor<?x8xf32, #wide>, tensor<?x8xf32, #wide>, tensor<?x8xf32, #wide>, tensor<?xi32, #ids>) -> tensor<?x8xf32, #wide> loc("layer")
    %b = tfm.attention %a, %a, %a mask %mask {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind padding>} : (tensor<?x8xf32, #wide>, tensor<?x8xf32, #wide>, tensor<?x8xf32, #wide>, tensor<?xi32, #ids>) -> tensor<?x8xf32, #wide>
    %c = tfm.attention %b, %b, %b {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind causal>} : (tensor<?x8xf32, #wide>, tensor<?x8xf32, #wide>, tensor<?x8xf32, #wide>) -> tensor<?x8xf32, #wide>
    %first = tfm.slice %c {axis = 0 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<?x8xf32, #wide>) -> tensor<1x8xf32>
    return %c, %first, %x : tensor<?x8xf32, #wide>, tensor<1x8xf32>, tensor<?x8xf32, #wide>
  }
}
