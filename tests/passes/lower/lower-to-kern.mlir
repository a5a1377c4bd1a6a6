// RUN: quantc-opt %s --lower-to-kern="targets=x86_64,arm64 max-sequence=4" | FileCheck %s --implicit-check-not=func.func
// RUN: quantc-opt %s --lower-to-kern="targets=x86_64" | FileCheck %s --check-prefix=STEP
// RUN: quantc-opt %s --lower-to-kern="targets=x86_64 cache=int8" | FileCheck %s --check-prefix=INT8

// One layer of attention, fused: token and position embedding, norm, key, value and query, attention, residual, tail, head.

#ids = affine_map<()[s0, s1, s2] -> (s0)>
#wide = affine_map<()[s0, s1, s2] -> (s0, 8)>
#total = affine_map<()[s0, s1, s2] -> (s0 + s1, 8)>
#last = affine_map<()[s0, s1, s2] -> (s2, 8)>
#logits = affine_map<()[s0, s1, s2] -> (s2, 24)>
!act = tensor<?x8x!tfm.q<"act8">, #wide>

// CHECK-DAG: #[[rows:.*]] = affine_map<()[s0, s1, s2] -> (8, s0)>
// CHECK-DAG: #[[past:.*]] = affine_map<()[s0, s1, s2] -> (0, s1)>
// CHECK-DAG: #[[heads:.*]] = affine_map<()[s0, s1, s2] -> (2)>
// CHECK-DAG: #[[last_rows:.*]] = affine_map<()[s0, s1, s2] -> (8, s2)>
// CHECK-DAG: #[[tail:.*]] = affine_map<()[s0, s1, s2] -> (0, s0 - s2)>
// CHECK-DAG: #[[tiles:.*]] = affine_map<()[s0, s1, s2] -> (3)>

// Steps are no longer than the context.
// STEP: kern.max_sequence = 20 : i64
// CHECK: kern.max_sequence = 4 : i64

// Kernels come first, each once, with the program of their region.
// CHECK: kern.kernel @embed_0 attributes {family = "embed", params = {scheme = "int8"}}
// CHECK: kern.kernel @map_0 attributes {family = "map", params = {operands = "ff", quantize = "0"}}
// CHECK: arith.addf
// CHECK: kern.kernel @norm_0 attributes {family = "norm", params = {epsilon = "9.99999975e-06", kind = "rms", quantize = "1"}}
// CHECK: kern.kernel @matmul_0 attributes {family = "matmul", params = {finish = "plain", groups = "1", operands = "", products = "1", scheme = "int4", tokens = "many"}}
// CHECK: kern.kernel @matmul_1 attributes {family = "matmul", params = {finish = "plain", groups = "1", operands = "", products = "1", scheme = "int4", tokens = "one"}}
// CHECK: kern.kernel @rope_0 attributes {family = "rope", params = {cache = "f32", head_dim = "4", interleaved = "0", rotary_dim = "4"}}
// CHECK: kern.kernel @append_0
// CHECK: kern.kernel @attention_0 attributes {family = "attention", params = {cache = "f32", group = "1", head_dim = "4", heads_per_unit = "1", mask = "causal", max_positions = "20", quantize = "0", scale = "0.5", tokens = "many", window = "0"}}
// CHECK: kern.kernel @attention_1 {{.*}}tokens = "one"
// CHECK: kern.kernel @matmul_2 attributes {family = "matmul", params = {finish = "plain", operands = "f", products = "1", scheme = "f32", tokens = "many"}}
// CHECK: kern.kernel @matmul_4 attributes {family = "matmul", params = {finish = "plain", operands = "r", products = "1", scheme = "f16", tokens = "many"}}

// CHECK-LABEL: kern.program @x86_64
// CHECK: %[[ids:.*]] = kern.buffer "tokens" {bytes = 64 : i64, space = #kern<space input>}
// CHECK: kern.port "tokens" %[[ids]] {element = i32, is_output = false
// CHECK: %[[table:.*]] = kern.constant "table" {bytes = {{.*}}, packed = true, role = "embedding", scheme = "int8"}
// CHECK: kern.call @embed_0

// Position rows are a window on the table that begins at `past`.
// CHECK: %[[positions:.*]] = kern.constant "positions" {bytes = 640 : i64, {{.*}}packed = false, role = "positions", scheme = "f32"}
// CHECK: kern.view %[[positions]] {element = f32, extents = #[[rows]], mins = #{{.*}}, offset = 0 : i64, starts = #[[past]], strides = array<i64: 1, 8>}
// CHECK: kern.call @map_0
// CHECK: kern.call @norm_0
// CHECK: kern.call @matmul_0

// Keys are rotated straight into their cache, positions innermost (80: one tile of 64, and an odd number of cache lines).
// CHECK: kern.constant "rope.cos"
// CHECK: kern.constant "rope.sin"
// CHECK: %[[keys:.*]] = kern.buffer "k" {bytes = 2560 : i64, space = #kern<space state>}
// CHECK: kern.view %[[keys]] {{.*}}strides = array<i64: 80, 320, 1>}
// CHECK: kern.call @rope_0
// CHECK: kern.call @matmul_0
// CHECK: %[[values:.*]] = kern.buffer "v" {bytes = 1024 : i64, space = #kern<space state>}
// CHECK: kern.view %[[values]] {{.*}}strides = array<i64: 1, 128, 4>}
// CHECK: kern.call @append_0
// CHECK: kern.call @matmul_0
// CHECK: kern.call @rope_0
// CHECK: kern.view %[[keys]] {{.*}}strides = array<i64: 1, 80, 320>}
// CHECK: kern.view %[[values]] {{.*}}strides = array<i64: 1, 4, 128>}
// CHECK: kern.call @attention_0({{.*}}) {kernel_one = @attention_1, name = "call", outputs = 1 : i64, position_multiply_adds = 16 : i64, {{.*}}units = #[[heads]], window = 20 : i64}
// CHECK: kern.call @matmul_2({{.*}}) {kernel_one = @matmul_3

// The tail is a window on the last rows; the head writes whole tiles of 8 rows.
// CHECK: %[[logits:.*]] = kern.buffer "head" {bytes = {{.*}}, space = #kern<space output>}
// CHECK: kern.view {{.*}} {element = f32, extents = #[[last_rows]], mins = #{{.*}}, offset = 0 : i64, starts = #[[tail]], strides = array<i64: 1, 16>}
// CHECK: kern.view %[[logits]] {{.*}}split_dim = 0 : i64, split_unit = 8 : i64{{.*}}strides = array<i64: 1, 32>}
// CHECK: kern.call @matmul_4({{.*}}) {kernel_one = @matmul_5, {{.*}}row_multiply_adds = 192 : i64, {{.*}}units = #[[tiles]]}
// CHECK: kern.port "logits" %[[logits]] {element = f32, is_output = true

// Heads of an int8 cache have the four bytes of their scale behind their elements.
// INT8: kern.kernel @rope_0 {{.*}}cache = "int8"
// INT8: kern.kernel @append_0 attributes {family = "append", params = {cache = "int8", head_dim = "4"}}
// INT8: kern.kernel @attention_0 {{.*}}cache = "int8"
// INT8: %[[keys:.*]] = kern.buffer "k" {bytes = 1024 : i64, space = #kern<space state>}
// INT8: kern.view %[[keys]] {element = si8, {{.*}}strides = array<i64: 64, 512, 1>}
// INT8: %[[values:.*]] = kern.buffer "v" {bytes = 512 : i64, space = #kern<space state>}
// INT8: kern.view %[[values]] {element = si8, {{.*}}strides = array<i64: 1, 256, 8>}
// INT8: kern.view %[[keys]] {{.*}}strides = array<i64: 1, 64, 512>}
// INT8: kern.view %[[values]] {{.*}}strides = array<i64: 1, 8, 256>}

// The second program calls the same kernels.
// CHECK-LABEL: kern.program @arm64
// CHECK: kern.call @embed_0
// CHECK: kern.call @matmul_4
module attributes {tfm.context = 20 : i64, tfm.name = "tiny"} {
  func.func @main(%ids: tensor<?xi32, #ids> {tfm.name = "tokens"}) -> (tensor<?x24xf32, #logits> {tfm.name = "logits"}) {
    %table = tfm.weight #tfm.stored<0, "table", tensor<24x8xf16>> -> tensor<24x8xf16>
    %tableq = tfm.quantize %table : (tensor<24x8xf16>) -> tensor<24x8x!tfm.q<"int8">>
    %tabled = tfm.dequantize %tableq : (tensor<24x8x!tfm.q<"int8">>) -> tensor<24x8xf32>
    %positions = tfm.weight #tfm.stored<0, "positions", tensor<20x8xf32>> -> tensor<20x8xf32>
    %norm = tfm.weight #tfm.stored<0, "norm", tensor<8xf32>> -> tensor<8xf32>
    %bias = tfm.weight #tfm.stored<0, "bias", tensor<24xf32>> -> tensor<24xf32>
    %wq = tfm.weight #tfm.stored<0, "wq", tensor<8x8xf32>> -> tensor<8x8xf32>
    %wqq = tfm.quantize %wq : (tensor<8x8xf32>) -> tensor<8x8x!tfm.q<"int4">>
    %wk = tfm.weight #tfm.stored<0, "wk", tensor<8x8xf32>> -> tensor<8x8xf32>
    %wkq = tfm.quantize %wk : (tensor<8x8xf32>) -> tensor<8x8x!tfm.q<"int4">>
    %wv = tfm.weight #tfm.stored<0, "wv", tensor<8x8xf32>> -> tensor<8x8xf32>
    %wvq = tfm.quantize %wv : (tensor<8x8xf32>) -> tensor<8x8x!tfm.q<"int4">>
    %wo = tfm.weight #tfm.stored<0, "wo", tensor<8x8xf32>> -> tensor<8x8xf32>
    %wh = tfm.weight #tfm.stored<0, "wh", tensor<24x8xf32>> -> tensor<24x8xf32>
    %whq = tfm.quantize %wh : (tensor<24x8xf32>) -> tensor<24x8x!tfm.q<"f16">>

    %e = tfm.embed %ids, %tabled : (tensor<?xi32, #ids>, tensor<24x8xf32>) -> tensor<?x8xf32, #wide>
    %p = tfm.position_rows %positions : (tensor<20x8xf32>) -> tensor<?x8xf32, #wide>
    %x = tfm.fused %e, %p : (tensor<?x8xf32, #wide>, tensor<?x8xf32, #wide>) -> tensor<?x8xf32, #wide> {
    ^bb0(%a: f32, %b: f32):
      %s = arith.addf %a, %b : f32
      tfm.yield %s : f32
    }
    %n = tfm.rms_norm %x, %norm {epsilon = 1.0e-5 : f32} : (tensor<?x8xf32, #wide>, tensor<8xf32>) -> !act
    %k = tfm.fused %n, %wkq attributes {producer = "linear"} : (!act, tensor<8x8x!tfm.q<"int4">>) -> tensor<?x8xf32, #wide> {
    ^bb0(%a: f32):
      tfm.yield %a : f32
    }
    %kr = tfm.rope %k {head_dim = 4 : i64, rotary_dim = 4 : i64, interleaved = false, inv_freq = array<f32: 1.0, 0.01>, scale = 1.0 : f32} : (tensor<?x8xf32, #wide>) -> tensor<?x8xf32, #wide>
    %kc = tfm.cache_append %kr {cache = "k", heads = 2 : i64, head_dim = 4 : i64} : (tensor<?x8xf32, #wide>) -> tensor<?x8xf32, #total>
    %v = tfm.fused %n, %wvq attributes {producer = "linear"} : (!act, tensor<8x8x!tfm.q<"int4">>) -> tensor<?x8xf32, #wide> {
    ^bb0(%a: f32):
      tfm.yield %a : f32
    }
    %vc = tfm.cache_append %v {cache = "v", heads = 2 : i64, head_dim = 4 : i64} : (tensor<?x8xf32, #wide>) -> tensor<?x8xf32, #total>
    %q = tfm.fused %n, %wqq attributes {producer = "linear"} : (!act, tensor<8x8x!tfm.q<"int4">>) -> tensor<?x8xf32, #wide> {
    ^bb0(%a: f32):
      tfm.yield %a : f32
    }
    %qr = tfm.rope %q {head_dim = 4 : i64, rotary_dim = 4 : i64, interleaved = false, inv_freq = array<f32: 1.0, 0.01>, scale = 1.0 : f32} : (tensor<?x8xf32, #wide>) -> tensor<?x8xf32, #wide>
    %att = tfm.attention %qr, %kc, %vc {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind causal>} : (tensor<?x8xf32, #wide>, tensor<?x8xf32, #total>, tensor<?x8xf32, #total>) -> tensor<?x8xf32, #wide>
    %o = tfm.fused %att, %wo, %x attributes {producer = "linear"} : (tensor<?x8xf32, #wide>, tensor<8x8xf32>, tensor<?x8xf32, #wide>) -> tensor<?x8xf32, #wide> {
    ^bb0(%dot: f32, %b: f32):
      %s = arith.addf %dot, %b : f32
      tfm.yield %s : f32
    }
    %t = tfm.tail %o : (tensor<?x8xf32, #wide>) -> tensor<?x8xf32, #last>
    %logits = tfm.fused %t, %whq, %bias attributes {producer = "linear"} : (tensor<?x8xf32, #last>, tensor<24x8x!tfm.q<"f16">>, tensor<24xf32>) -> tensor<?x24xf32, #logits> {
    ^bb0(%dot: f32, %b: f32):
      %s = arith.addf %dot, %b : f32
      tfm.yield %s : f32
    } loc("head")
    return %logits : tensor<?x24xf32, #logits>
  }
}
