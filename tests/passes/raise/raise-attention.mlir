// RUN: quantc-opt %s --split-input-file --simplify --raise-attention --simplify | FileCheck %s

#row = affine_map<()[s0, s1, s2] -> (s0)>
#col = affine_map<()[s0, s1, s2] -> (s0, 1)>
#square = affine_map<()[s0, s1, s2] -> (s0, s0)>
#rows = affine_map<()[s0, s1, s2] -> (1, s0, 16)>
#kvrows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#split = affine_map<()[s0, s1, s2] -> (1, s0, 4, 4)>
#heads = affine_map<()[s0, s1, s2] -> (1, 4, s0, 4)>
#kvsplit = affine_map<()[s0, s1, s2] -> (1, s0, 2, 4)>
#kv = affine_map<()[s0, s1, s2] -> (1, 2, s0, 4)>
#kv1 = affine_map<()[s0, s1, s2] -> (1, 2, 1, s0, 4)>
#kvg = affine_map<()[s0, s1, s2] -> (1, 2, 2, s0, 4)>
#turned = affine_map<()[s0, s1, s2] -> (1, 4, 4, s0)>
#scores = affine_map<()[s0, s1, s2] -> (1, 4, s0, s0)>

// Keys and values are taken before their repetition for two query heads each; a division by 2 is a scale of 0.5.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: %[[A:.*]] = tfm.attention %arg0, %arg1, %arg2
// CHECK-SAME: head_dim = 4 : i64, heads = 4 : i64, kv_heads = 2 : i64
// CHECK-SAME: causal
// CHECK-SAME: scale = 5.000000e-01
// CHECK-NEXT: return %[[A]]
func.func @main(%q: tensor<1x?x16xf32, #rows>, %k: tensor<1x?x8xf32, #kvrows>, %v: tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x16xf32, #rows> {
  %i = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>} : tensor<?xi64, #row>
  %j = tfm.reshape %i : (tensor<?xi64, #row>) -> tensor<?x1xi64, #col>
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %least = tfm.constant dense<-3.40282347E+38> : tensor<f32> -> tensor<f32>
  %scale = tfm.constant dense<2.0> : tensor<f32> -> tensor<f32>
  %c = tfm.binary less_equal %i, %j : (tensor<?xi64, #row>, tensor<?x1xi64, #col>) -> tensor<?x?xi1, #square>
  %mask = tfm.select %c, %zero, %least : (tensor<?x?xi1, #square>, tensor<f32>, tensor<f32>) -> tensor<?x?xf32, #square>

  %q4 = tfm.reshape %q : (tensor<1x?x16xf32, #rows>) -> tensor<1x?x4x4xf32, #split>
  %qh = tfm.transpose %q4 [0, 2, 1, 3] : (tensor<1x?x4x4xf32, #split>) -> tensor<1x4x?x4xf32, #heads>
  %k4 = tfm.reshape %k : (tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x2x4xf32, #kvsplit>
  %kh = tfm.transpose %k4 [0, 2, 1, 3] : (tensor<1x?x2x4xf32, #kvsplit>) -> tensor<1x2x?x4xf32, #kv>
  %k5 = tfm.reshape %kh : (tensor<1x2x?x4xf32, #kv>) -> tensor<1x2x1x?x4xf32, #kv1>
  %kr = tfm.broadcast %k5 : (tensor<1x2x1x?x4xf32, #kv1>) -> tensor<1x2x2x?x4xf32, #kvg>
  %kf = tfm.reshape %kr : (tensor<1x2x2x?x4xf32, #kvg>) -> tensor<1x4x?x4xf32, #heads>
  %kt = tfm.transpose %kf [0, 1, 3, 2] : (tensor<1x4x?x4xf32, #heads>) -> tensor<1x4x4x?xf32, #turned>
  %v4 = tfm.reshape %v : (tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x2x4xf32, #kvsplit>
  %vh = tfm.transpose %v4 [0, 2, 1, 3] : (tensor<1x?x2x4xf32, #kvsplit>) -> tensor<1x2x?x4xf32, #kv>
  %v5 = tfm.reshape %vh : (tensor<1x2x?x4xf32, #kv>) -> tensor<1x2x1x?x4xf32, #kv1>
  %vr = tfm.broadcast %v5 : (tensor<1x2x1x?x4xf32, #kv1>) -> tensor<1x2x2x?x4xf32, #kvg>
  %vf = tfm.reshape %vr : (tensor<1x2x2x?x4xf32, #kvg>) -> tensor<1x4x?x4xf32, #heads>
  %s0 = tfm.matmul %qh, %kt : (tensor<1x4x?x4xf32, #heads>, tensor<1x4x4x?xf32, #turned>) -> tensor<1x4x?x?xf32, #scores>
  %s1 = tfm.binary div %s0, %scale : (tensor<1x4x?x?xf32, #scores>, tensor<f32>) -> tensor<1x4x?x?xf32, #scores>
  %s2 = tfm.binary add %mask, %s1 : (tensor<?x?xf32, #square>, tensor<1x4x?x?xf32, #scores>) -> tensor<1x4x?x?xf32, #scores>
  %p = tfm.softmax %s2 {axis = 3 : i64} : (tensor<1x4x?x?xf32, #scores>) -> tensor<1x4x?x?xf32, #scores>
  %o = tfm.matmul %p, %vf : (tensor<1x4x?x?xf32, #scores>, tensor<1x4x?x4xf32, #heads>) -> tensor<1x4x?x4xf32, #heads>
  %o4 = tfm.transpose %o [0, 2, 1, 3] : (tensor<1x4x?x4xf32, #heads>) -> tensor<1x?x4x4xf32, #split>
  %r = tfm.reshape %o4 : (tensor<1x?x4x4xf32, #split>) -> tensor<1x?x16xf32, #rows>
  return %r : tensor<1x?x16xf32, #rows>
}

// -----

#row = affine_map<()[s0, s1, s2] -> (s0)>
#col = affine_map<()[s0, s1, s2] -> (s0, 1)>
#square = affine_map<()[s0, s1, s2] -> (s0, s0)>
#rows = affine_map<()[s0, s1, s2] -> (1, s0, 16)>
#kvrows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#split = affine_map<()[s0, s1, s2] -> (1, s0, 4, 4)>
#heads = affine_map<()[s0, s1, s2] -> (1, 4, s0, 4)>
#kvsplit = affine_map<()[s0, s1, s2] -> (1, s0, 2, 4)>
#kv = affine_map<()[s0, s1, s2] -> (1, 2, s0, 4)>
#kv1 = affine_map<()[s0, s1, s2] -> (1, 2, 1, s0, 4)>
#kvg = affine_map<()[s0, s1, s2] -> (1, 2, 2, s0, 4)>
#turned = affine_map<()[s0, s1, s2] -> (1, 4, 4, s0)>
#scores = affine_map<()[s0, s1, s2] -> (1, 4, s0, s0)>

// CHECK-LABEL: func.func @main
// CHECK-NEXT: tfm.attention %arg0, %arg1, %arg2
// CHECK-SAME: causal
// CHECK-SAME: window = 3
func.func @main(%q: tensor<1x?x16xf32, #rows>, %k: tensor<1x?x8xf32, #kvrows>, %v: tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x16xf32, #rows> {
  %i = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>} : tensor<?xi64, #row>
  %j = tfm.reshape %i : (tensor<?xi64, #row>) -> tensor<?x1xi64, #col>
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %least = tfm.constant dense<-3.40282347E+38> : tensor<f32> -> tensor<f32>
  %scale = tfm.constant dense<2.0> : tensor<f32> -> tensor<f32>
  %three = tfm.constant dense<3> : tensor<i64> -> tensor<i64>
  %from = tfm.binary sub %j, %three : (tensor<?x1xi64, #col>, tensor<i64>) -> tensor<?x1xi64, #col>
  %a = tfm.binary less_equal %i, %j : (tensor<?xi64, #row>, tensor<?x1xi64, #col>) -> tensor<?x?xi1, #square>
  %b = tfm.binary greater %i, %from : (tensor<?xi64, #row>, tensor<?x1xi64, #col>) -> tensor<?x?xi1, #square>
  %c = tfm.binary and %a, %b : (tensor<?x?xi1, #square>, tensor<?x?xi1, #square>) -> tensor<?x?xi1, #square>
  %mask = tfm.select %c, %zero, %least : (tensor<?x?xi1, #square>, tensor<f32>, tensor<f32>) -> tensor<?x?xf32, #square>

  %q4 = tfm.reshape %q : (tensor<1x?x16xf32, #rows>) -> tensor<1x?x4x4xf32, #split>
  %qh = tfm.transpose %q4 [0, 2, 1, 3] : (tensor<1x?x4x4xf32, #split>) -> tensor<1x4x?x4xf32, #heads>
  %k4 = tfm.reshape %k : (tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x2x4xf32, #kvsplit>
  %kh = tfm.transpose %k4 [0, 2, 1, 3] : (tensor<1x?x2x4xf32, #kvsplit>) -> tensor<1x2x?x4xf32, #kv>
  %k5 = tfm.reshape %kh : (tensor<1x2x?x4xf32, #kv>) -> tensor<1x2x1x?x4xf32, #kv1>
  %kr = tfm.broadcast %k5 : (tensor<1x2x1x?x4xf32, #kv1>) -> tensor<1x2x2x?x4xf32, #kvg>
  %kf = tfm.reshape %kr : (tensor<1x2x2x?x4xf32, #kvg>) -> tensor<1x4x?x4xf32, #heads>
  %kt = tfm.transpose %kf [0, 1, 3, 2] : (tensor<1x4x?x4xf32, #heads>) -> tensor<1x4x4x?xf32, #turned>
  %v4 = tfm.reshape %v : (tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x2x4xf32, #kvsplit>
  %vh = tfm.transpose %v4 [0, 2, 1, 3] : (tensor<1x?x2x4xf32, #kvsplit>) -> tensor<1x2x?x4xf32, #kv>
  %v5 = tfm.reshape %vh : (tensor<1x2x?x4xf32, #kv>) -> tensor<1x2x1x?x4xf32, #kv1>
  %vr = tfm.broadcast %v5 : (tensor<1x2x1x?x4xf32, #kv1>) -> tensor<1x2x2x?x4xf32, #kvg>
  %vf = tfm.reshape %vr : (tensor<1x2x2x?x4xf32, #kvg>) -> tensor<1x4x?x4xf32, #heads>
  %s0 = tfm.matmul %qh, %kt : (tensor<1x4x?x4xf32, #heads>, tensor<1x4x4x?xf32, #turned>) -> tensor<1x4x?x?xf32, #scores>
  %s1 = tfm.binary div %s0, %scale : (tensor<1x4x?x?xf32, #scores>, tensor<f32>) -> tensor<1x4x?x?xf32, #scores>
  %s2 = tfm.binary add %mask, %s1 : (tensor<?x?xf32, #square>, tensor<1x4x?x?xf32, #scores>) -> tensor<1x4x?x?xf32, #scores>
  %p = tfm.softmax %s2 {axis = 3 : i64} : (tensor<1x4x?x?xf32, #scores>) -> tensor<1x4x?x?xf32, #scores>
  %o = tfm.matmul %p, %vf : (tensor<1x4x?x?xf32, #scores>, tensor<1x4x?x4xf32, #heads>) -> tensor<1x4x?x4xf32, #heads>
  %o4 = tfm.transpose %o [0, 2, 1, 3] : (tensor<1x4x?x4xf32, #heads>) -> tensor<1x?x4x4xf32, #split>
  %r = tfm.reshape %o4 : (tensor<1x?x4x4xf32, #split>) -> tensor<1x?x16xf32, #rows>
  return %r : tensor<1x?x16xf32, #rows>
}

// -----

#row = affine_map<()[s0, s1, s2] -> (s0)>
#col = affine_map<()[s0, s1, s2] -> (s0, 1)>
#square = affine_map<()[s0, s1, s2] -> (s0, s0)>
#rows = affine_map<()[s0, s1, s2] -> (1, s0, 16)>
#kvrows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#split = affine_map<()[s0, s1, s2] -> (1, s0, 4, 4)>
#heads = affine_map<()[s0, s1, s2] -> (1, 4, s0, 4)>
#kvsplit = affine_map<()[s0, s1, s2] -> (1, s0, 2, 4)>
#kv = affine_map<()[s0, s1, s2] -> (1, 2, s0, 4)>
#kv1 = affine_map<()[s0, s1, s2] -> (1, 2, 1, s0, 4)>
#kvg = affine_map<()[s0, s1, s2] -> (1, 2, 2, s0, 4)>
#turned = affine_map<()[s0, s1, s2] -> (1, 4, 4, s0)>
#scores = affine_map<()[s0, s1, s2] -> (1, 4, s0, s0)>

// Only the whole context of 600 positions shows this window.
// CHECK-LABEL: func.func @main
// CHECK-NEXT: tfm.attention %arg0, %arg1, %arg2
// CHECK-SAME: causal
// CHECK-SAME: window = 300
module attributes {tfm.context = 600 : i64} {
func.func @main(%q: tensor<1x?x16xf32, #rows>, %k: tensor<1x?x8xf32, #kvrows>, %v: tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x16xf32, #rows> {
  %i = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>} : tensor<?xi64, #row>
  %j = tfm.reshape %i : (tensor<?xi64, #row>) -> tensor<?x1xi64, #col>
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %least = tfm.constant dense<-3.40282347E+38> : tensor<f32> -> tensor<f32>
  %scale = tfm.constant dense<2.0> : tensor<f32> -> tensor<f32>
  %three = tfm.constant dense<300> : tensor<i64> -> tensor<i64>
  %from = tfm.binary sub %j, %three : (tensor<?x1xi64, #col>, tensor<i64>) -> tensor<?x1xi64, #col>
  %a = tfm.binary less_equal %i, %j : (tensor<?xi64, #row>, tensor<?x1xi64, #col>) -> tensor<?x?xi1, #square>
  %b = tfm.binary greater %i, %from : (tensor<?xi64, #row>, tensor<?x1xi64, #col>) -> tensor<?x?xi1, #square>
  %c = tfm.binary and %a, %b : (tensor<?x?xi1, #square>, tensor<?x?xi1, #square>) -> tensor<?x?xi1, #square>
  %mask = tfm.select %c, %zero, %least : (tensor<?x?xi1, #square>, tensor<f32>, tensor<f32>) -> tensor<?x?xf32, #square>

  %q4 = tfm.reshape %q : (tensor<1x?x16xf32, #rows>) -> tensor<1x?x4x4xf32, #split>
  %qh = tfm.transpose %q4 [0, 2, 1, 3] : (tensor<1x?x4x4xf32, #split>) -> tensor<1x4x?x4xf32, #heads>
  %k4 = tfm.reshape %k : (tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x2x4xf32, #kvsplit>
  %kh = tfm.transpose %k4 [0, 2, 1, 3] : (tensor<1x?x2x4xf32, #kvsplit>) -> tensor<1x2x?x4xf32, #kv>
  %k5 = tfm.reshape %kh : (tensor<1x2x?x4xf32, #kv>) -> tensor<1x2x1x?x4xf32, #kv1>
  %kr = tfm.broadcast %k5 : (tensor<1x2x1x?x4xf32, #kv1>) -> tensor<1x2x2x?x4xf32, #kvg>
  %kf = tfm.reshape %kr : (tensor<1x2x2x?x4xf32, #kvg>) -> tensor<1x4x?x4xf32, #heads>
  %kt = tfm.transpose %kf [0, 1, 3, 2] : (tensor<1x4x?x4xf32, #heads>) -> tensor<1x4x4x?xf32, #turned>
  %v4 = tfm.reshape %v : (tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x2x4xf32, #kvsplit>
  %vh = tfm.transpose %v4 [0, 2, 1, 3] : (tensor<1x?x2x4xf32, #kvsplit>) -> tensor<1x2x?x4xf32, #kv>
  %v5 = tfm.reshape %vh : (tensor<1x2x?x4xf32, #kv>) -> tensor<1x2x1x?x4xf32, #kv1>
  %vr = tfm.broadcast %v5 : (tensor<1x2x1x?x4xf32, #kv1>) -> tensor<1x2x2x?x4xf32, #kvg>
  %vf = tfm.reshape %vr : (tensor<1x2x2x?x4xf32, #kvg>) -> tensor<1x4x?x4xf32, #heads>
  %s0 = tfm.matmul %qh, %kt : (tensor<1x4x?x4xf32, #heads>, tensor<1x4x4x?xf32, #turned>) -> tensor<1x4x?x?xf32, #scores>
  %s1 = tfm.binary div %s0, %scale : (tensor<1x4x?x?xf32, #scores>, tensor<f32>) -> tensor<1x4x?x?xf32, #scores>
  %s2 = tfm.binary add %mask, %s1 : (tensor<?x?xf32, #square>, tensor<1x4x?x?xf32, #scores>) -> tensor<1x4x?x?xf32, #scores>
  %p = tfm.softmax %s2 {axis = 3 : i64} : (tensor<1x4x?x?xf32, #scores>) -> tensor<1x4x?x?xf32, #scores>
  %o = tfm.matmul %p, %vf : (tensor<1x4x?x?xf32, #scores>, tensor<1x4x?x4xf32, #heads>) -> tensor<1x4x?x4xf32, #heads>
  %o4 = tfm.transpose %o [0, 2, 1, 3] : (tensor<1x4x?x4xf32, #heads>) -> tensor<1x?x4x4xf32, #split>
  %r = tfm.reshape %o4 : (tensor<1x?x4x4xf32, #split>) -> tensor<1x?x16xf32, #rows>
  return %r : tensor<1x?x16xf32, #rows>
}
}

// -----

#row = affine_map<()[s0, s1, s2] -> (s0)>
#col = affine_map<()[s0, s1, s2] -> (s0, 1)>
#square = affine_map<()[s0, s1, s2] -> (s0, s0)>
#rows = affine_map<()[s0, s1, s2] -> (1, s0, 16)>
#kvrows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#split = affine_map<()[s0, s1, s2] -> (1, s0, 4, 4)>
#heads = affine_map<()[s0, s1, s2] -> (1, 4, s0, 4)>
#kvsplit = affine_map<()[s0, s1, s2] -> (1, s0, 2, 4)>
#kv = affine_map<()[s0, s1, s2] -> (1, 2, s0, 4)>
#kv1 = affine_map<()[s0, s1, s2] -> (1, 2, 1, s0, 4)>
#kvg = affine_map<()[s0, s1, s2] -> (1, 2, 2, s0, 4)>
#turned = affine_map<()[s0, s1, s2] -> (1, 4, 4, s0)>
#scores = affine_map<()[s0, s1, s2] -> (1, 4, s0, s0)>

// A query that does not see its own position is not causal attention.
// CHECK-LABEL: func.func @main
// CHECK-NOT: tfm.attention
// CHECK: return
func.func @main(%q: tensor<1x?x16xf32, #rows>, %k: tensor<1x?x8xf32, #kvrows>, %v: tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x16xf32, #rows> {
  %i = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>} : tensor<?xi64, #row>
  %j = tfm.reshape %i : (tensor<?xi64, #row>) -> tensor<?x1xi64, #col>
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %least = tfm.constant dense<-3.40282347E+38> : tensor<f32> -> tensor<f32>
  %scale = tfm.constant dense<2.0> : tensor<f32> -> tensor<f32>
  %c = tfm.binary less %i, %j : (tensor<?xi64, #row>, tensor<?x1xi64, #col>) -> tensor<?x?xi1, #square>
  %mask = tfm.select %c, %zero, %least : (tensor<?x?xi1, #square>, tensor<f32>, tensor<f32>) -> tensor<?x?xf32, #square>

  %q4 = tfm.reshape %q : (tensor<1x?x16xf32, #rows>) -> tensor<1x?x4x4xf32, #split>
  %qh = tfm.transpose %q4 [0, 2, 1, 3] : (tensor<1x?x4x4xf32, #split>) -> tensor<1x4x?x4xf32, #heads>
  %k4 = tfm.reshape %k : (tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x2x4xf32, #kvsplit>
  %kh = tfm.transpose %k4 [0, 2, 1, 3] : (tensor<1x?x2x4xf32, #kvsplit>) -> tensor<1x2x?x4xf32, #kv>
  %k5 = tfm.reshape %kh : (tensor<1x2x?x4xf32, #kv>) -> tensor<1x2x1x?x4xf32, #kv1>
  %kr = tfm.broadcast %k5 : (tensor<1x2x1x?x4xf32, #kv1>) -> tensor<1x2x2x?x4xf32, #kvg>
  %kf = tfm.reshape %kr : (tensor<1x2x2x?x4xf32, #kvg>) -> tensor<1x4x?x4xf32, #heads>
  %kt = tfm.transpose %kf [0, 1, 3, 2] : (tensor<1x4x?x4xf32, #heads>) -> tensor<1x4x4x?xf32, #turned>
  %v4 = tfm.reshape %v : (tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x2x4xf32, #kvsplit>
  %vh = tfm.transpose %v4 [0, 2, 1, 3] : (tensor<1x?x2x4xf32, #kvsplit>) -> tensor<1x2x?x4xf32, #kv>
  %v5 = tfm.reshape %vh : (tensor<1x2x?x4xf32, #kv>) -> tensor<1x2x1x?x4xf32, #kv1>
  %vr = tfm.broadcast %v5 : (tensor<1x2x1x?x4xf32, #kv1>) -> tensor<1x2x2x?x4xf32, #kvg>
  %vf = tfm.reshape %vr : (tensor<1x2x2x?x4xf32, #kvg>) -> tensor<1x4x?x4xf32, #heads>
  %s0 = tfm.matmul %qh, %kt : (tensor<1x4x?x4xf32, #heads>, tensor<1x4x4x?xf32, #turned>) -> tensor<1x4x?x?xf32, #scores>
  %s1 = tfm.binary div %s0, %scale : (tensor<1x4x?x?xf32, #scores>, tensor<f32>) -> tensor<1x4x?x?xf32, #scores>
  %s2 = tfm.binary add %mask, %s1 : (tensor<?x?xf32, #square>, tensor<1x4x?x?xf32, #scores>) -> tensor<1x4x?x?xf32, #scores>
  %p = tfm.softmax %s2 {axis = 3 : i64} : (tensor<1x4x?x?xf32, #scores>) -> tensor<1x4x?x?xf32, #scores>
  %o = tfm.matmul %p, %vf : (tensor<1x4x?x?xf32, #scores>, tensor<1x4x?x4xf32, #heads>) -> tensor<1x4x?x4xf32, #heads>
  %o4 = tfm.transpose %o [0, 2, 1, 3] : (tensor<1x4x?x4xf32, #heads>) -> tensor<1x?x4x4xf32, #split>
  %r = tfm.reshape %o4 : (tensor<1x?x4x4xf32, #split>) -> tensor<1x?x16xf32, #rows>
  return %r : tensor<1x?x16xf32, #rows>
}

// -----

#row = affine_map<()[s0, s1, s2] -> (s0)>
#col = affine_map<()[s0, s1, s2] -> (s0, 1)>
#square = affine_map<()[s0, s1, s2] -> (s0, s0)>
#rows = affine_map<()[s0, s1, s2] -> (1, s0, 16)>
#kvrows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#split = affine_map<()[s0, s1, s2] -> (1, s0, 4, 4)>
#heads = affine_map<()[s0, s1, s2] -> (1, 4, s0, 4)>
#kvsplit = affine_map<()[s0, s1, s2] -> (1, s0, 2, 4)>
#kv = affine_map<()[s0, s1, s2] -> (1, 2, s0, 4)>
#kv1 = affine_map<()[s0, s1, s2] -> (1, 2, 1, s0, 4)>
#kvg = affine_map<()[s0, s1, s2] -> (1, 2, 2, s0, 4)>
#turned = affine_map<()[s0, s1, s2] -> (1, 4, 4, s0)>
#scores = affine_map<()[s0, s1, s2] -> (1, 4, s0, s0)>

// A bias by distance is no mask.
// CHECK-LABEL: func.func @main
// CHECK-NOT: tfm.attention
// CHECK: return
func.func @main(%q: tensor<1x?x16xf32, #rows>, %k: tensor<1x?x8xf32, #kvrows>, %v: tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x16xf32, #rows> {
  %i = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>} : tensor<?xi64, #row>
  %j = tfm.reshape %i : (tensor<?xi64, #row>) -> tensor<?x1xi64, #col>
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %least = tfm.constant dense<-3.40282347E+38> : tensor<f32> -> tensor<f32>
  %scale = tfm.constant dense<2.0> : tensor<f32> -> tensor<f32>
  %d = tfm.binary sub %i, %j : (tensor<?xi64, #row>, tensor<?x1xi64, #col>) -> tensor<?x?xi64, #square>
  %mask = tfm.cast %d : (tensor<?x?xi64, #square>) -> tensor<?x?xf32, #square>

  %q4 = tfm.reshape %q : (tensor<1x?x16xf32, #rows>) -> tensor<1x?x4x4xf32, #split>
  %qh = tfm.transpose %q4 [0, 2, 1, 3] : (tensor<1x?x4x4xf32, #split>) -> tensor<1x4x?x4xf32, #heads>
  %k4 = tfm.reshape %k : (tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x2x4xf32, #kvsplit>
  %kh = tfm.transpose %k4 [0, 2, 1, 3] : (tensor<1x?x2x4xf32, #kvsplit>) -> tensor<1x2x?x4xf32, #kv>
  %k5 = tfm.reshape %kh : (tensor<1x2x?x4xf32, #kv>) -> tensor<1x2x1x?x4xf32, #kv1>
  %kr = tfm.broadcast %k5 : (tensor<1x2x1x?x4xf32, #kv1>) -> tensor<1x2x2x?x4xf32, #kvg>
  %kf = tfm.reshape %kr : (tensor<1x2x2x?x4xf32, #kvg>) -> tensor<1x4x?x4xf32, #heads>
  %kt = tfm.transpose %kf [0, 1, 3, 2] : (tensor<1x4x?x4xf32, #heads>) -> tensor<1x4x4x?xf32, #turned>
  %v4 = tfm.reshape %v : (tensor<1x?x8xf32, #kvrows>) -> tensor<1x?x2x4xf32, #kvsplit>
  %vh = tfm.transpose %v4 [0, 2, 1, 3] : (tensor<1x?x2x4xf32, #kvsplit>) -> tensor<1x2x?x4xf32, #kv>
  %v5 = tfm.reshape %vh : (tensor<1x2x?x4xf32, #kv>) -> tensor<1x2x1x?x4xf32, #kv1>
  %vr = tfm.broadcast %v5 : (tensor<1x2x1x?x4xf32, #kv1>) -> tensor<1x2x2x?x4xf32, #kvg>
  %vf = tfm.reshape %vr : (tensor<1x2x2x?x4xf32, #kvg>) -> tensor<1x4x?x4xf32, #heads>
  %s0 = tfm.matmul %qh, %kt : (tensor<1x4x?x4xf32, #heads>, tensor<1x4x4x?xf32, #turned>) -> tensor<1x4x?x?xf32, #scores>
  %s1 = tfm.binary div %s0, %scale : (tensor<1x4x?x?xf32, #scores>, tensor<f32>) -> tensor<1x4x?x?xf32, #scores>
  %s2 = tfm.binary add %mask, %s1 : (tensor<?x?xf32, #square>, tensor<1x4x?x?xf32, #scores>) -> tensor<1x4x?x?xf32, #scores>
  %p = tfm.softmax %s2 {axis = 3 : i64} : (tensor<1x4x?x?xf32, #scores>) -> tensor<1x4x?x?xf32, #scores>
  %o = tfm.matmul %p, %vf : (tensor<1x4x?x?xf32, #scores>, tensor<1x4x?x4xf32, #heads>) -> tensor<1x4x?x4xf32, #heads>
  %o4 = tfm.transpose %o [0, 2, 1, 3] : (tensor<1x4x?x4xf32, #heads>) -> tensor<1x?x4x4xf32, #split>
  %r = tfm.reshape %o4 : (tensor<1x?x4x4xf32, #split>) -> tensor<1x?x16xf32, #rows>
  return %r : tensor<1x?x16xf32, #rows>
}

// -----

#row = affine_map<()[s0, s1, s2] -> (s0)>
#cells = affine_map<()[s0, s1, s2] -> (1, s0)>
#col = affine_map<()[s0, s1, s2] -> (s0, 1)>
#square = affine_map<()[s0, s1, s2] -> (s0, s0)>
#heads = affine_map<()[s0, s1, s2] -> (2, s0, 4)>
#turned = affine_map<()[s0, s1, s2] -> (2, 4, s0)>
#bias = affine_map<()[s0, s1, s2] -> (2, 1, s0)>
#scores = affine_map<()[s0, s1, s2] -> (2, s0, s0)>
#batched = affine_map<()[s0, s1, s2] -> (1, 2, s0, s0)>

// Scores are capped before the mask: 30 tanh(0.5 x / 30). One slope per head times the position is a linear bias. The mask comes with a batch.
// CHECK-LABEL: func.func @capped_with_slopes
// CHECK: tfm.attention
// CHECK-SAME: causal
// CHECK-SAME: scale = 5.000000e-01
// CHECK-SAME: slopes = array<f32: 2.500000e-01, 6.250000e-02>, softcap = 3.000000e+01
func.func @capped_with_slopes(%q: tensor<2x?x4xf32, #heads>, %k: tensor<2x4x?xf32, #turned>, %v: tensor<2x?x4xf32, #heads>) -> tensor<2x?x4xf32, #heads> {
  %i = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>} : tensor<?xi64, #row>
  %j = tfm.reshape %i : (tensor<?xi64, #row>) -> tensor<?x1xi64, #col>
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %least = tfm.constant dense<-3.40282347E+38> : tensor<f32> -> tensor<f32>
  %scale = tfm.constant dense<0.5> : tensor<f32> -> tensor<f32>
  %cap = tfm.constant dense<30.0> : tensor<f32> -> tensor<f32>
  %slopes = tfm.constant dense<[[[0.25]], [[0.0625]]]> : tensor<2x1x1xf32> -> tensor<2x1x1xf32>
  %c = tfm.binary less_equal %i, %j : (tensor<?xi64, #row>, tensor<?x1xi64, #col>) -> tensor<?x?xi1, #square>
  %mask = tfm.select %c, %zero, %least : (tensor<?x?xi1, #square>, tensor<f32>, tensor<f32>) -> tensor<?x?xf32, #square>
  %p = tfm.cast %i : (tensor<?xi64, #row>) -> tensor<?xf32, #row>
  %alibi = tfm.binary mul %slopes, %p : (tensor<2x1x1xf32>, tensor<?xf32, #row>) -> tensor<2x1x?xf32, #bias>
  %s0 = tfm.matmul %q, %k : (tensor<2x?x4xf32, #heads>, tensor<2x4x?xf32, #turned>) -> tensor<2x?x?xf32, #scores>
  %s1 = tfm.binary mul %s0, %scale : (tensor<2x?x?xf32, #scores>, tensor<f32>) -> tensor<2x?x?xf32, #scores>
  %s2 = tfm.binary div %s1, %cap : (tensor<2x?x?xf32, #scores>, tensor<f32>) -> tensor<2x?x?xf32, #scores>
  %s3 = tfm.unary tanh %s2 : (tensor<2x?x?xf32, #scores>) -> tensor<2x?x?xf32, #scores>
  %s4 = tfm.binary mul %s3, %cap : (tensor<2x?x?xf32, #scores>, tensor<f32>) -> tensor<2x?x?xf32, #scores>
  %s5 = tfm.binary add %s4, %alibi : (tensor<2x?x?xf32, #scores>, tensor<2x1x?xf32, #bias>) -> tensor<2x?x?xf32, #scores>
  %s6 = tfm.reshape %s5 : (tensor<2x?x?xf32, #scores>) -> tensor<1x2x?x?xf32, #batched>
  %s7 = tfm.binary add %s6, %mask : (tensor<1x2x?x?xf32, #batched>, tensor<?x?xf32, #square>) -> tensor<1x2x?x?xf32, #batched>
  %s8 = tfm.softmax %s7 {axis = 3 : i64} : (tensor<1x2x?x?xf32, #batched>) -> tensor<1x2x?x?xf32, #batched>
  %s9 = tfm.reshape %s8 : (tensor<1x2x?x?xf32, #batched>) -> tensor<2x?x?xf32, #scores>
  %o = tfm.matmul %s9, %v : (tensor<2x?x?xf32, #scores>, tensor<2x?x4xf32, #heads>) -> tensor<2x?x4xf32, #heads>
  return %o : tensor<2x?x4xf32, #heads>
}

// -----

#row = affine_map<()[s0, s1, s2] -> (s0)>
#col = affine_map<()[s0, s1, s2] -> (s0, 1)>
#square = affine_map<()[s0, s1, s2] -> (s0, s0)>
#heads = affine_map<()[s0, s1, s2] -> (2, s0, 4)>
#turned = affine_map<()[s0, s1, s2] -> (2, 4, s0)>
#scores = affine_map<()[s0, s1, s2] -> (2, s0, s0)>

// Megatron's mask: score * mask - 10000 * (1 - mask), held above the least number as older exporters do, and guarded against rows that hide all as newer ones.
// CHECK-LABEL: func.func @multiplied_mask
// CHECK: tfm.attention
// CHECK-SAME: causal
func.func @multiplied_mask(%q: tensor<2x?x4xf32, #heads>, %k: tensor<2x4x?xf32, #turned>, %v: tensor<2x?x4xf32, #heads>) -> tensor<2x?x4xf32, #heads> {
  %i = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>} : tensor<?xi64, #row>
  %j = tfm.reshape %i : (tensor<?xi64, #row>) -> tensor<?x1xi64, #col>
  %one = tfm.constant dense<1.0> : tensor<f32> -> tensor<f32>
  %large = tfm.constant dense<10000.0> : tensor<f32> -> tensor<f32>
  %c = tfm.binary less_equal %i, %j : (tensor<?xi64, #row>, tensor<?x1xi64, #col>) -> tensor<?x?xi1, #square>
  %mask = tfm.cast %c : (tensor<?x?xi1, #square>) -> tensor<?x?xf32, #square>
  %rest = tfm.binary sub %one, %mask : (tensor<f32>, tensor<?x?xf32, #square>) -> tensor<?x?xf32, #square>
  %hidden = tfm.binary mul %rest, %large : (tensor<?x?xf32, #square>, tensor<f32>) -> tensor<?x?xf32, #square>
  %s0 = tfm.matmul %q, %k : (tensor<2x?x4xf32, #heads>, tensor<2x4x?xf32, #turned>) -> tensor<2x?x?xf32, #scores>
  %s1 = tfm.binary mul %s0, %mask : (tensor<2x?x?xf32, #scores>, tensor<?x?xf32, #square>) -> tensor<2x?x?xf32, #scores>
  %s2 = tfm.binary sub %s1, %hidden : (tensor<2x?x?xf32, #scores>, tensor<?x?xf32, #square>) -> tensor<2x?x?xf32, #scores>
  %least = tfm.constant dense<-3.40282347E+38> : tensor<f32> -> tensor<f32>
  %s3 = tfm.binary max %s2, %least : (tensor<2x?x?xf32, #scores>, tensor<f32>) -> tensor<2x?x?xf32, #scores>
  %p = tfm.softmax %s3 {axis = 2 : i64} : (tensor<2x?x?xf32, #scores>) -> tensor<2x?x?xf32, #scores>
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %same = tfm.binary equal %p, %p : (tensor<2x?x?xf32, #scores>, tensor<2x?x?xf32, #scores>) -> tensor<2x?x?xi1, #scores>
  %nan = tfm.unary not %same : (tensor<2x?x?xi1, #scores>) -> tensor<2x?x?xi1, #scores>
  %guarded = tfm.select %nan, %zero, %p : (tensor<2x?x?xi1, #scores>, tensor<f32>, tensor<2x?x?xf32, #scores>) -> tensor<2x?x?xf32, #scores>
  %o = tfm.matmul %guarded, %v : (tensor<2x?x?xf32, #scores>, tensor<2x?x4xf32, #heads>) -> tensor<2x?x4xf32, #heads>
  return %o : tensor<2x?x4xf32, #heads>
}

// What a mask multiplies and does not hide is no attention: a score of 0 counts.
// CHECK-LABEL: func.func @scores_of_zero
// CHECK-NOT: tfm.attention
// CHECK: tfm.softmax
func.func @scores_of_zero(%q: tensor<2x?x4xf32, #heads>, %k: tensor<2x4x?xf32, #turned>, %v: tensor<2x?x4xf32, #heads>) -> tensor<2x?x4xf32, #heads> {
  %i = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>} : tensor<?xi64, #row>
  %j = tfm.reshape %i : (tensor<?xi64, #row>) -> tensor<?x1xi64, #col>
  %c = tfm.binary less_equal %i, %j : (tensor<?xi64, #row>, tensor<?x1xi64, #col>) -> tensor<?x?xi1, #square>
  %mask = tfm.cast %c : (tensor<?x?xi1, #square>) -> tensor<?x?xf32, #square>
  %s0 = tfm.matmul %q, %k : (tensor<2x?x4xf32, #heads>, tensor<2x4x?xf32, #turned>) -> tensor<2x?x?xf32, #scores>
  %s1 = tfm.binary mul %s0, %mask : (tensor<2x?x?xf32, #scores>, tensor<?x?xf32, #square>) -> tensor<2x?x?xf32, #scores>
  %p = tfm.softmax %s1 {axis = 2 : i64} : (tensor<2x?x?xf32, #scores>) -> tensor<2x?x?xf32, #scores>
  %o = tfm.matmul %p, %v : (tensor<2x?x?xf32, #scores>, tensor<2x?x4xf32, #heads>) -> tensor<2x?x4xf32, #heads>
  return %o : tensor<2x?x4xf32, #heads>
}

// -----

#row = affine_map<()[s0, s1, s2] -> (s0)>
#col = affine_map<()[s0, s1, s2] -> (s0, 1)>
#square = affine_map<()[s0, s1, s2] -> (s0, s0)>
#heads = affine_map<()[s0, s1, s2] -> (1, 4, s0, 4)>
#narrow = affine_map<()[s0, s1, s2] -> (1, 4, s0, 2)>
#turned = affine_map<()[s0, s1, s2] -> (1, 4, 4, s0)>
#scores = affine_map<()[s0, s1, s2] -> (1, 4, s0, s0)>

// Values narrower than keys, of multi-head latent attention, get zeros that the result goes without.
// CHECK-LABEL: func.func @main
// CHECK: %[[V:.*]] = tfm.concat %arg2, %{{.*}} {axis = 3 : i64} : (tensor<1x4x?x2xf32, {{.*}}>, tensor<1x4x?x2xf32, {{.*}}>) -> tensor<1x4x?x4xf32
// CHECK: tfm.attention
// CHECK-SAME: head_dim = 4 : i64, heads = 4 : i64, kv_heads = 4 : i64
// CHECK: %[[R:.*]] = tfm.slice %{{.*}} {axis = 3 : i64, begin = #{{.*}}} : {{.*}} -> tensor<1x4x?x2xf32
// CHECK: return %[[R]]
func.func @main(%q: tensor<1x4x?x4xf32, #heads>, %k: tensor<1x4x?x4xf32, #heads>, %v: tensor<1x4x?x2xf32, #narrow>) -> tensor<1x4x?x2xf32, #narrow> {
  %i = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>} : tensor<?xi64, #row>
  %j = tfm.reshape %i : (tensor<?xi64, #row>) -> tensor<?x1xi64, #col>
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %least = tfm.constant dense<-3.40282347E+38> : tensor<f32> -> tensor<f32>
  %c = tfm.binary less_equal %i, %j : (tensor<?xi64, #row>, tensor<?x1xi64, #col>) -> tensor<?x?xi1, #square>
  %mask = tfm.select %c, %zero, %least : (tensor<?x?xi1, #square>, tensor<f32>, tensor<f32>) -> tensor<?x?xf32, #square>
  %kt = tfm.transpose %k [0, 1, 3, 2] : (tensor<1x4x?x4xf32, #heads>) -> tensor<1x4x4x?xf32, #turned>
  %s0 = tfm.matmul %q, %kt : (tensor<1x4x?x4xf32, #heads>, tensor<1x4x4x?xf32, #turned>) -> tensor<1x4x?x?xf32, #scores>
  %s1 = tfm.binary add %s0, %mask : (tensor<1x4x?x?xf32, #scores>, tensor<?x?xf32, #square>) -> tensor<1x4x?x?xf32, #scores>
  %p = tfm.softmax %s1 {axis = 3 : i64} : (tensor<1x4x?x?xf32, #scores>) -> tensor<1x4x?x?xf32, #scores>
  %o = tfm.matmul %p, %v : (tensor<1x4x?x?xf32, #scores>, tensor<1x4x?x2xf32, #narrow>) -> tensor<1x4x?x2xf32, #narrow>
  return %o : tensor<1x4x?x2xf32, #narrow>
}
