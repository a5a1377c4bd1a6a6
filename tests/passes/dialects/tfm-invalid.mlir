// Each verifier refuses what it must, with its reason.
// RUN: quantc-opt %s -split-input-file -verify-diagnostics

func.func @stored_twice_too_wide() {
  // expected-error @+1 {{has type 'tensor<8x32xf16>', its expression gives 'tensor<8x64xf16>'}}
  %0 = tfm.weight #tfm.stored<0, "a", tensor<8x64xf16>> -> tensor<8x32xf16>
  return
}

// -----

func.func @permutation_with_a_dimension_twice() {
  // expected-error @+1 {{has an expression that does not fit together}}
  %0 = tfm.weight #tfm.permuted<#tfm.stored<0, "a", tensor<8x64xf16>>, [1, 1]> -> tensor<64x64xf16>
  return
}

// -----

func.func @reshape_of_a_weight_to_more_elements() {
  // expected-error @+1 {{has an expression that does not fit together}}
  %0 = tfm.weight #tfm.reshaped<#tfm.stored<0, "a", tensor<8x64xf16>>, [513]> -> tensor<513xf16>
  return
}

// -----

func.func @scales_that_are_neither_one_for_all_nor_one_for_a_block() {
  // expected-error @+1 {{has an expression that does not fit together}}
  %0 = tfm.weight #tfm.dequantized<#tfm.stored<0, "a", tensor<8x64xi8>>, #tfm.stored<0, "s", tensor<8x3xf16>>, block = 32> -> tensor<8x64xf32>
  return
}

// -----

func.func @codes_that_are_floats() {
  // expected-error @+1 {{has an expression that does not fit together}}
  %0 = tfm.weight #tfm.dequantized<#tfm.stored<0, "a", tensor<8x64xf16>>, #tfm.stored<0, "s", tensor<1x1xf16>>, block = 32> -> tensor<8x64xf32>
  return
}

// -----

func.func @codes_of_three_bits_in_bytes() {
  // expected-error @+1 {{has an expression that does not fit together}}
  %0 = tfm.weight #tfm.unpacked<#tfm.stored<0, "a", tensor<8x64xui8>>, 3> -> tensor<8x128xui8>
  return
}

// -----

func.func @slice_past_the_end() {
  // expected-error @+1 {{has an expression that does not fit together}}
  %0 = tfm.weight #tfm.sliced<#tfm.stored<0, "a", tensor<8x64xf16>>, 0, 6, 9> -> tensor<3x64xf16>
  return
}

// -----

func.func @concatenation_of_different_widths() {
  // expected-error @+1 {{has an expression that does not fit together}}
  %0 = tfm.weight #tfm.concatenated<[#tfm.stored<0, "a", tensor<8x64xf16>>, #tfm.stored<0, "b", tensor<8x32xf16>>], 0> -> tensor<16x64xf16>
  return
}

// -----

func.func @not_an_expression() {
  // expected-error @+1 {{has an expression that does not fit together}}
  %0 = tfm.weight "a" -> tensor<8xf32>
  return
}

// -----

func.func @constant_of_another_type() {
  // expected-error @+1 {{has type 'tensor<3xf32>', its value is 'tensor<2xf32>'}}
  %0 = tfm.constant dense<1.0> : tensor<2xf32> -> tensor<3xf32>
  return
}

// -----

func.func @constant_that_should_be_a_weight() {
  // expected-error @+1 {{holds 65540 bytes, at most 65536 are allowed}}
  %0 = tfm.constant dense<1.0> : tensor<16385xf32> -> tensor<16385xf32>
  return
}

// -----

func.func @operands_of_different_elements(%x: tensor<2xf32>, %y: tensor<2xi64>) {
  // expected-error @+1 {{operands have elements 'f32' and 'i64', expected the same}}
  %0 = tfm.binary add %x, %y : (tensor<2xf32>, tensor<2xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @reshape_to_more_elements(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{changes the number of elements from 6 to 7}}
  %0 = tfm.reshape %x : (tensor<2x3xf32>) -> tensor<7xf32>
  return
}

// -----

func.func @reshape_to_more_rows(%x: tensor<?x64xf32, affine_map<()[s0, s1, s2] -> (s0, 64)>>) {
  // expected-error @+1 {{changes the number of elements from}}
  %0 = tfm.reshape %x : (tensor<?x64xf32, affine_map<()[s0, s1, s2] -> (s0, 64)>>) -> tensor<?x64xf32, affine_map<()[s0, s1, s2] -> (s0 + s1, 64)>>
  return
}

// -----

func.func @transpose_with_a_dimension_twice(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{order is not a permutation of the operand's 2 dimensions}}
  %0 = tfm.transpose %x [0, 0] : (tensor<2x3xf32>) -> tensor<2x2xf32>
  return
}

// -----

func.func @transpose_to_the_same_shape(%x: tensor<2x3xf32>) {
  // expected-error @+1 {{dimension 0 is 2, expected 3}}
  %0 = tfm.transpose %x [1, 0] : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @linear_of_another_width(%x: tensor<5x32xf32>, %w: tensor<8x64xf32>) {
  // expected-error @+1 {{input has 32 features, the weight takes 64}}
  %0 = tfm.linear %x, %w : (tensor<5x32xf32>, tensor<8x64xf32>) -> tensor<5x8xf32>
  return
}

// -----

func.func @linear_with_more_rows(%x: tensor<5x64xf32>, %w: tensor<8x64xf32>) {
  // expected-error @+1 {{expected the input's with 8 features}}
  %0 = tfm.linear %x, %w : (tensor<5x64xf32>, tensor<8x64xf32>) -> tensor<6x8xf32>
  return
}

// -----

func.func @embed_of_another_width(%ids: tensor<5xi32>, %table: tensor<100x64xf32>) {
  // expected-error @+1 {{expected a row of}}
  %0 = tfm.embed %ids, %table : (tensor<5xi32>, tensor<100x64xf32>) -> tensor<5x32xf32>
  return
}

// -----

func.func @rope_over_part_of_a_head(%x: tensor<5x30xf32>) {
  // expected-error @+1 {{input has 30 features, expected a multiple of head_dim 16}}
  %0 = tfm.rope %x {head_dim = 16 : i64, rotary_dim = 4 : i64, interleaved = false, inv_freq = array<f32: 1.0, 0.5>} : (tensor<5x30xf32>) -> tensor<5x30xf32>
  return
}

// -----

func.func @rope_with_a_frequency_too_few(%x: tensor<5x32xf32>) {
  // expected-error @+1 {{has rotary_dim 6 and 2 frequencies, expected half as many}}
  %0 = tfm.rope %x {head_dim = 16 : i64, rotary_dim = 6 : i64, interleaved = false, inv_freq = array<f32: 1.0, 0.5>} : (tensor<5x32xf32>) -> tensor<5x32xf32>
  return
}

// -----

func.func @cache_of_another_width(%x: tensor<5x32xf32>) {
  // expected-error @+1 {{expected heads * head_dim = 48}}
  %0 = tfm.cache_append %x {cache = "k", heads = 3 : i64, head_dim = 16 : i64} : (tensor<5x32xf32>) -> tensor<9x32xf32>
  return
}

// -----

func.func @heads_that_do_not_share_evenly(%q: tensor<5x64xf32>, %k: tensor<5x48xf32>) {
  // expected-error @+1 {{has 4 heads over 3 KV heads, expected a multiple}}
  %0 = tfm.attention %q, %k, %k {heads = 4 : i64, kv_heads = 3 : i64, head_dim = 16 : i64, scale = 0.25 : f32, mask_kind = #tfm<mask_kind causal>} : (tensor<5x64xf32>, tensor<5x48xf32>, tensor<5x48xf32>) -> tensor<5x64xf32>
  return
}

// -----

func.func @attention_without_its_mask(%q: tensor<5x64xf32>, %k: tensor<5x32xf32>) {
  // expected-error @+1 {{has mask_kind tensor and no mask operand}}
  %0 = tfm.attention %q, %k, %k {heads = 4 : i64, kv_heads = 2 : i64, head_dim = 16 : i64, scale = 0.25 : f32, mask_kind = #tfm<mask_kind tensor>} : (tensor<5x64xf32>, tensor<5x32xf32>, tensor<5x32xf32>) -> tensor<5x64xf32>
  return
}

// -----

func.func @quantization_to_an_unknown_scheme(%x: tensor<5x64xf32>) {
  // expected-error @+1 {{names scheme 'int3', known are act8, }}
  %0 = tfm.quantize %x : (tensor<5x64xf32>) -> tensor<5x64x!tfm.q<"int3">>
  return
}

// -----

func.func @quantization_to_floats(%x: tensor<5x64xf32>) {
  // expected-error @+1 {{expected floats to !tfm.q elements}}
  %0 = tfm.quantize %x : (tensor<5x64xf32>) -> tensor<5x64xf32>
  return
}

// -----

func.func @dequantization_of_floats(%x: tensor<5x64xf32>) {
  // expected-error @+1 {{expected !tfm.q elements to f32}}
  %0 = tfm.dequantize %x : (tensor<5x64xf32>) -> tensor<5x64xf32>
  return
}

// -----

func.func @fused_with_an_argument_too_few(%x: tensor<5xf32>) {
  // expected-error @+1 {{region has 1 arguments, expected 2}}
  %0 = tfm.fused %x, %x : (tensor<5xf32>, tensor<5xf32>) -> tensor<5xf32> {
  ^bb0(%e: f32):
    tfm.yield %e : f32
  }
  return
}

// -----

func.func @fused_with_an_unknown_producer(%x: tensor<5xf32>) {
  // expected-error @+1 {{names producer 'conv', known are 'linear' and 'experts'}}
  %0 = tfm.fused %x attributes {producer = "conv"} : (tensor<5xf32>) -> tensor<5xf32> {
  ^bb0(%e: f32):
    tfm.yield %e : f32
  }
  return
}

// -----

func.func @attention_with_slopes_of_some_heads(%q: tensor<5x64xf32>, %k: tensor<5x64xf32>) {
  // expected-error @+1 {{has 2 slopes, expected one for each of 4 heads}}
  %0 = tfm.attention %q, %k, %k {heads = 4 : i64, kv_heads = 4 : i64, head_dim = 16 : i64, scale = 0.25 : f32, mask_kind = #tfm<mask_kind causal>, slopes = array<f32: 1.0, 0.5>} : (tensor<5x64xf32>, tensor<5x64xf32>, tensor<5x64xf32>) -> tensor<5x64xf32>
  return
}

// -----

func.func @attention_with_a_negative_cap(%q: tensor<5x64xf32>, %k: tensor<5x64xf32>) {
  // expected-error @+1 {{has softcap -1}}
  %0 = tfm.attention %q, %k, %k {heads = 4 : i64, kv_heads = 4 : i64, head_dim = 16 : i64, scale = 0.25 : f32, mask_kind = #tfm<mask_kind causal>, softcap = -1.0 : f32} : (tensor<5x64xf32>, tensor<5x64xf32>, tensor<5x64xf32>) -> tensor<5x64xf32>
  return
}

// -----

func.func @more_than_there_are(%x: tensor<5x4xf32>) {
  // expected-error @+1 {{takes the largest 5 of 4, expected 1 to all of a constant number}}
  %v, %i = tfm.top_k %x {k = 5 : i64, normalize = true} : (tensor<5x4xf32>) -> (tensor<5x5xf32>, tensor<5x5xi32>)
  return
}

// -----

func.func @experts_that_do_not_divide_the_weight(%x: tensor<5x8xf32>, %w: tensor<30x8xf32>, %i: tensor<5x2xi32>) {
  // expected-error @+1 {{expected [experts * out, in] with 4 experts}}
  %0 = tfm.expert_linear %x, %w, %i {experts = 4 : i64} : (tensor<5x8xf32>, tensor<30x8xf32>, tensor<5x2xi32>) -> tensor<5x2x7xf32>
  return
}

// -----

func.func @combination_of_too_many(%x: tensor<5x2x8xf32>, %f: tensor<5x3xf32>) {
  // expected-error @+1 {{expected [..., k, width] and [..., k] to [..., width]}}
  %0 = tfm.combine %x, %f : (tensor<5x2x8xf32>, tensor<5x3xf32>) -> tensor<5x8xf32>
  return
}

// -----

func.func @patches_of_another_number(%x: tensor<1x5x4x2xf32>) {
  // expected-error @+1 {{expected 2 places along dimension 1}}
  %0 = tfm.patches %x {kernel = array<i64: 3, 1>, strides = array<i64: 2, 1>, dilations = array<i64: 1, 1>, before = array<i64: 0, 0>, after = array<i64: 0, 0>} : (tensor<1x5x4x2xf32>) -> tensor<1x3x4x6xf32>
  return
}

// -----

func.func @patches_larger_than_the_image(%x: tensor<1x5x4x2xf32>) {
  // expected-error @+1 {{expected 0 places along dimension 2}}
  %0 = tfm.patches %x {kernel = array<i64: 1, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 2>, before = array<i64: 0, 0>, after = array<i64: 0, 0>} : (tensor<1x5x4x2xf32>) -> tensor<1x5x1x6xf32>
  return
}

// -----

func.func @patches_without_a_stride(%x: tensor<1x5x4x2xf32>) {
  // expected-error @+1 {{has 0 as kernel, stride, dilation or padding}}
  %0 = tfm.patches %x {kernel = array<i64: 1, 1>, strides = array<i64: 0, 1>, dilations = array<i64: 1, 1>, before = array<i64: 0, 0>, after = array<i64: 0, 0>} : (tensor<1x5x4x2xf32>) -> tensor<1x5x4x2xf32>
  return
}

// -----

func.func @patches_in_other_dimensions(%x: tensor<1x5x4x2xf32>) {
  // expected-error @+1 {{expected one for each dimension of positions}}
  %0 = tfm.patches %x {kernel = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, before = array<i64: 0>, after = array<i64: 0>} : (tensor<1x5x4x2xf32>) -> tensor<1x5x4x2xf32>
  return
}

// -----

func.func @patches_without_channels(%x: tensor<1x5x4x2xf32>) {
  // expected-error @+1 {{expected the input's batch and rows of kernel elements * channels}}
  %0 = tfm.patches %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, before = array<i64: 0, 0>, after = array<i64: 0, 0>} : (tensor<1x5x4x2xf32>) -> tensor<1x4x3x4xf32>
  return
}

// -----

func.func @groups_that_do_not_divide(%x: tensor<5x8xf32>) {
  // expected-error @+1 {{has 3 groups of}}
  %0 = tfm.group_norm %x {epsilon = 1.0e-5 : f32, groups = 3 : i64} : (tensor<5x8xf32>) -> tensor<5x8xf32>
  return
}

// -----

func.func @lines_that_differ(%x: tensor<2x3xf32>, %i: tensor<4x3xi64>) -> tensor<4x3xf32> {
  // expected-error @+1 {{dimension 0 of the indices is 4, expected 2}}
  %0 = tfm.gather_elements %x, %i {axis = 1 : i64} : (tensor<2x3xf32>, tensor<4x3xi64>) -> tensor<4x3xf32>
  return %0 : tensor<4x3xf32>
}

// -----

func.func @an_axis_that_is_not_there(%x: tensor<2x3xf32>, %i: tensor<2x3xi64>) -> tensor<2x3xf32> {
  // expected-error @+1 {{has axis 2 and operands of 2 and 2 dimensions}}
  %0 = tfm.gather_elements %x, %i {axis = 2 : i64} : (tensor<2x3xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}
