// Every operation of tfm prints as it parses, in its own form and in the generic one.
// RUN: quantc-opt %s | FileCheck %s
// RUN: quantc-opt %s | quantc-opt | FileCheck %s
// RUN: quantc-opt %s --mlir-print-op-generic | quantc-opt | FileCheck %s

#rows = affine_map<()[s0, s1, s2] -> (s0, 64)>
#rows3 = affine_map<()[s0, s1, s2] -> (1, s0, 64)>
#ids = affine_map<()[s0, s1, s2] -> (1, s0)>
#all3 = affine_map<()[s0, s1, s2] -> (1, s0 + s1, 32)>
#tail = affine_map<()[s0, s1, s2] -> (1, s2, 64)>
#positions = affine_map<()[s0, s1, s2] -> (s0)>

module attributes {tfm.name = "small", tfm.context = 128 : i64, tfm.files = ["model.safetensors"]} {
  // CHECK-LABEL: func.func @quantized_weights
  func.func @quantized_weights() -> (tensor<8x64xf32>, tensor<64x8xf32>) {
    // CHECK: tfm.weight #tfm.dequantized<#tfm.unpacked<#tfm.stored<0, "c", tensor<8x32xui8>>, 4>, #tfm.stored<0, "s", tensor<8x2xf16>>, block = 32, zeros = #tfm.literal<dense<8> : tensor<1x1xui4>>> -> tensor<8x64xf32>
    %0 = tfm.weight #tfm.dequantized<#tfm.unpacked<#tfm.stored<0, "c", tensor<8x32xui8>>, 4>, #tfm.stored<0, "s", tensor<8x2xf16>>, block = 32, zeros = #tfm.literal<dense<8> : tensor<1x1xui4>>> -> tensor<8x64xf32>
    // CHECK: tfm.weight #tfm.dequantized<#tfm.stored<0, "d", tensor<64x8xi8>>, #tfm.stored<0, "t", tensor<1x8xf32>>, block = 1> -> tensor<64x8xf32>
    %1 = tfm.weight #tfm.dequantized<#tfm.stored<0, "d", tensor<64x8xi8>>, #tfm.stored<0, "t", tensor<1x8xf32>>, block = 1> -> tensor<64x8xf32>
    return %0, %1 : tensor<8x64xf32>, tensor<64x8xf32>
  }

  // CHECK-LABEL: func.func @weights
  func.func @weights() -> (tensor<8x64xf16>, tensor<64x8xf16>, tensor<4x64xf16>, tensor<12x64xf16>, tensor<512xf16>, tensor<2xf32>, tensor<16x2xf32>) {
    // CHECK: tfm.weight #tfm.stored<0, "a", tensor<8x64xf16>> -> tensor<8x64xf16>
    %0 = tfm.weight #tfm.stored<0, "a", tensor<8x64xf16>> -> tensor<8x64xf16>
    // CHECK: tfm.weight #tfm.permuted<#tfm.stored<0, "a", tensor<8x64xf16>>, [1, 0]> -> tensor<64x8xf16>
    %1 = tfm.weight #tfm.permuted<#tfm.stored<0, "a", tensor<8x64xf16>>, [1, 0]> -> tensor<64x8xf16>
    // CHECK: tfm.weight #tfm.sliced<#tfm.stored<0, "a", tensor<8x64xf16>>, 0, 2, 6> -> tensor<4x64xf16>
    %2 = tfm.weight #tfm.sliced<#tfm.stored<0, "a", tensor<8x64xf16>>, 0, 2, 6> -> tensor<4x64xf16>
    // CHECK: tfm.weight #tfm.concatenated<[#tfm.stored<0, "a", tensor<8x64xf16>>, #tfm.stored<0, "b", tensor<4x64xf16>>], 0> -> tensor<12x64xf16>
    %3 = tfm.weight #tfm.concatenated<[#tfm.stored<0, "a", tensor<8x64xf16>>, #tfm.stored<0, "b", tensor<4x64xf16>>], 0> -> tensor<12x64xf16>
    // CHECK: tfm.weight #tfm.reshaped<#tfm.stored<0, "a", tensor<8x64xf16>>, [512]> -> tensor<512xf16>
    %4 = tfm.weight #tfm.reshaped<#tfm.stored<0, "a", tensor<8x64xf16>>, [512]> -> tensor<512xf16>
    // CHECK: tfm.weight #tfm.literal<dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>> -> tensor<2xf32>
    %5 = tfm.weight #tfm.literal<dense<[1.0, 2.0]> : tensor<2xf32>> -> tensor<2xf32>
    // CHECK: tfm.weight #tfm.rope_table<sine = true, frequencies = [1.000000e+00, 0.562341332], positions = 16, scale = 1.000000e+00 : f32> -> tensor<16x2xf32>
    %6 = tfm.weight #tfm.rope_table<sine = true, frequencies = [1.0, 0.562341332], positions = 16, scale = 1.0 : f32> -> tensor<16x2xf32>
    return %0, %1, %2, %3, %4, %5, %6 : tensor<8x64xf16>, tensor<64x8xf16>, tensor<4x64xf16>, tensor<12x64xf16>, tensor<512xf16>, tensor<2xf32>, tensor<16x2xf32>
  }

  // CHECK-LABEL: func.func @primitive
  func.func @primitive(%x: tensor<2x3xf32>, %y: tensor<2x3xf32>, %m: tensor<3x4xf32>, %i: tensor<5xi64>) {
    // CHECK: tfm.constant dense<1.000000e+00> : tensor<3xf32> -> tensor<3xf32>
    %c = tfm.constant dense<1.0> : tensor<3xf32> -> tensor<3xf32>
    // CHECK: tfm.iota {start = {{.*}}, step = 2 : i64} : tensor<?xi64
    %p = tfm.iota {start = affine_map<()[s0, s1, s2] -> (s1)>, step = 2 : i64} : tensor<?xi64, #positions>
    // CHECK: tfm.unary gelu_tanh
    %u = tfm.unary gelu_tanh %x : (tensor<2x3xf32>) -> tensor<2x3xf32>
    // CHECK: tfm.binary less_equal
    %l = tfm.binary less_equal %x, %y : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>
    // CHECK: tfm.select
    %s = tfm.select %l, %x, %y : (tensor<2x3xi1>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
    // CHECK: tfm.cast
    %k = tfm.cast %l : (tensor<2x3xi1>) -> tensor<2x3xf32>
    // CHECK: tfm.reduce mean {{.*}} {axes = array<i64: 1>, keep_dims = true}
    %r = tfm.reduce mean %x {axes = array<i64: 1>, keep_dims = true} : (tensor<2x3xf32>) -> tensor<2x1xf32>
    // CHECK: tfm.softmax {{.*}} {axis = 1 : i64}
    %f = tfm.softmax %x {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
    // CHECK: tfm.reshape
    %h = tfm.reshape %x : (tensor<2x3xf32>) -> tensor<6xf32>
    // CHECK: tfm.transpose {{.*}} [1, 0]
    %t = tfm.transpose %x [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
    // CHECK: tfm.broadcast
    %b = tfm.broadcast %r : (tensor<2x1xf32>) -> tensor<2x7xf32>
    // CHECK: tfm.slice {{.*}} {axis = 1 : i64, begin = {{.*}}}
    %e = tfm.slice %x {axis = 1 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>} : (tensor<2x3xf32>) -> tensor<2x2xf32>
    // CHECK: tfm.concat {{.*}} {axis = 0 : i64}
    %a = tfm.concat %x, %y {axis = 0 : i64} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
    // CHECK: tfm.gather {{.*}} {axis = 1 : i64}
    %g = tfm.gather %x, %i {axis = 1 : i64} : (tensor<2x3xf32>, tensor<5xi64>) -> tensor<2x5xf32>
    // CHECK: tfm.matmul
    %o = tfm.matmul %x, %m : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
    return
  }

  // CHECK-LABEL: func.func @transformer
  func.func @transformer(%ids: tensor<1x?xi32, #ids>, %table: tensor<100x64xf32>, %w: tensor<64xf32>, %kw: tensor<32x64xf32>) -> tensor<1x?x64xf32, #tail> {
    // CHECK: tfm.embed
    %x = tfm.embed %ids, %table : (tensor<1x?xi32, #ids>, tensor<100x64xf32>) -> tensor<1x?x64xf32, #rows3>
    // CHECK: tfm.position_rows
    %p = tfm.position_rows %table : (tensor<100x64xf32>) -> tensor<?x64xf32, #rows>
    // CHECK: tfm.rms_norm {{.*}} {epsilon = 9.99999974E-6 : f32}
    %n = tfm.rms_norm %x, %w {epsilon = 1.0e-5 : f32} : (tensor<1x?x64xf32, #rows3>, tensor<64xf32>) -> tensor<1x?x64xf32, #rows3>
    // CHECK: tfm.layer_norm
    %l = tfm.layer_norm %x, %w, %w {epsilon = 1.0e-5 : f32} : (tensor<1x?x64xf32, #rows3>, tensor<64xf32>, tensor<64xf32>) -> tensor<1x?x64xf32, #rows3>
    // CHECK: tfm.group_norm {{.*}} {epsilon = 9.99999974E-6 : f32, groups = 4 : i64}
    %g = tfm.group_norm %x {epsilon = 1.0e-5 : f32, groups = 4 : i64} : (tensor<1x?x64xf32, #rows3>) -> tensor<1x?x64xf32, #rows3>
    // CHECK: tfm.linear
    %k = tfm.linear %n, %kw : (tensor<1x?x64xf32, #rows3>, tensor<32x64xf32>) -> tensor<1x?x32xf32, affine_map<()[s0, s1, s2] -> (1, s0, 32)>>
    // CHECK: tfm.rope {{.*}} {head_dim = 16 : i64, interleaved = false, inv_freq = array<f32: 1.000000e+00, 5.000000e-01>, rotary_dim = 4 : i64}
    %q = tfm.rope %n {head_dim = 16 : i64, rotary_dim = 4 : i64, interleaved = false, inv_freq = array<f32: 1.0, 0.5>} : (tensor<1x?x64xf32, #rows3>) -> tensor<1x?x64xf32, #rows3>
    // CHECK: tfm.cache_append {{.*}} {cache = "0.k", head_dim = 16 : i64, heads = 2 : i64}
    %c = tfm.cache_append %k {cache = "0.k", heads = 2 : i64, head_dim = 16 : i64} : (tensor<1x?x32xf32, affine_map<()[s0, s1, s2] -> (1, s0, 32)>>) -> tensor<1x?x32xf32, #all3>
    // CHECK: tfm.attention {{.*}} mask_kind = #tfm<mask_kind causal>{{.*}} : {{.*}}
    %a = tfm.attention %q, %c, %c {heads = 4 : i64, kv_heads = 2 : i64, head_dim = 16 : i64, scale = 0.25 : f32, mask_kind = #tfm<mask_kind causal>} : (tensor<1x?x64xf32, #rows3>, tensor<1x?x32xf32, #all3>, tensor<1x?x32xf32, #all3>) -> tensor<1x?x64xf32, #rows3>
    // CHECK: tfm.quantize {{.*}}!tfm.q<"act8">
    %z = tfm.quantize %a : (tensor<1x?x64xf32, #rows3>) -> tensor<1x?x64x!tfm.q<"act8">, #rows3>
    // CHECK: tfm.dequantize
    %d = tfm.dequantize %z : (tensor<1x?x64x!tfm.q<"act8">, #rows3>) -> tensor<1x?x64xf32, #rows3>
    // CHECK: tfm.fused {{.*}}
    // CHECK-NEXT: ^bb0
    // CHECK-NEXT: arith.addf
    // CHECK-NEXT: tfm.yield {{.*}} : f32
    %f = tfm.fused %d, %x : (tensor<1x?x64xf32, #rows3>, tensor<1x?x64xf32, #rows3>) -> tensor<1x?x64xf32, #rows3> {
    ^bb0(%e0: f32, %e1: f32):
      %sum = arith.addf %e0, %e1 : f32
      tfm.yield %sum : f32
    }
    // CHECK: tfm.tail
    %t = tfm.tail %f : (tensor<1x?x64xf32, #rows3>) -> tensor<1x?x64xf32, #tail>
    return %t : tensor<1x?x64xf32, #tail>
  }
}
