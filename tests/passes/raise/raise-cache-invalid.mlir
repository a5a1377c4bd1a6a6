// What cannot run in steps is refused.
// RUN: quantc-opt %s --raise-cache -verify-diagnostics

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#windows = affine_map<()[s0, s1, s2] -> (1, s0, 24)>
#past = affine_map<()[s0, s1, s2] -> (1, 2, s1, 4)>
#total = affine_map<()[s0, s1, s2] -> (1, 2, s0 + s1, 4)>
#new = affine_map<()[s0, s1, s2] -> (1, 2, s0, 4)>
#split = affine_map<()[s0, s1, s2] -> (1, s0, 2, 4)>
#totalsplit = affine_map<()[s0, s1, s2] -> (1, s0 + s1, 2, 4)>
#totalrows = affine_map<()[s0, s1, s2] -> (1, s0 + s1, 8)>

func.func @main(%in: tensor<1x?x8xf32, #rows>, %cache: tensor<1x2x?x4xf32, #past>) -> (tensor<1x?x8xf32, #rows>, tensor<1x2x?x4xf32, #total>) {
  // expected-error @+1 {{rows of a step are convolved with those before them}}
  %w = tfm.windows %in {kernel = 3 : i64, stride = 1 : i64, before = 2 : i64, after = 0 : i64} : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x24xf32, #windows>
  %k = tfm.weight #tfm.stored<0, "w", tensor<8x24xf32>> -> tensor<8x24xf32>
  %x = tfm.linear %w, %k : (tensor<1x?x24xf32, #windows>, tensor<8x24xf32>) -> tensor<1x?x8xf32, #rows>
  %0 = tfm.reshape %x : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x2x4xf32, #split>
  %1 = tfm.transpose %0 [0, 2, 1, 3] : (tensor<1x?x2x4xf32, #split>) -> tensor<1x2x?x4xf32, #new>
  %2 = tfm.concat %cache, %1 {axis = 2 : i64} : (tensor<1x2x?x4xf32, #past>, tensor<1x2x?x4xf32, #new>) -> tensor<1x2x?x4xf32, #total>
  %3 = tfm.transpose %2 [0, 2, 1, 3] : (tensor<1x2x?x4xf32, #total>) -> tensor<1x?x2x4xf32, #totalsplit>
  %4 = tfm.reshape %3 : (tensor<1x?x2x4xf32, #totalsplit>) -> tensor<1x?x8xf32, #totalrows>
  %5 = tfm.attention %x, %4, %4 {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind causal>}
    : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #totalrows>, tensor<1x?x8xf32, #totalrows>) -> tensor<1x?x8xf32, #rows>
  return %5, %2 : tensor<1x?x8xf32, #rows>, tensor<1x2x?x4xf32, #total>
}
