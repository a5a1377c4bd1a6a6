// RUN: quantc-opt %s --split-input-file --raise-rope --simplify | FileCheck %s

#ids = affine_map<()[s0, s1, s2] -> (s0)>
#column = affine_map<()[s0, s1, s2] -> (s0, 1)>
#half = affine_map<()[s0, s1, s2] -> (s0, 2)>
#factor = affine_map<()[s0, s1, s2] -> (s0, 4)>
#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>
#split = affine_map<()[s0, s1, s2] -> (1, s0, 2, 4)>
#heads = affine_map<()[s0, s1, s2] -> (1, 2, s0, 4)>
#halves = affine_map<()[s0, s1, s2] -> (1, 2, s0, 2)>
#past = affine_map<()[s0, s1, s2] -> (1, 2, s1, 4)>

// The rotation goes before the heads are moved; cosines are scaled by 2.
// CHECK-LABEL: func.func @main
// CHECK: %[[R:.*]] = tfm.rope %arg0
// CHECK-SAME: head_dim = 4 : i64
// CHECK-SAME: inv_freq = array<f32: 1.000000e+00, 1.000000e-01>
// CHECK-SAME: rotary_dim = 4 : i64
// CHECK-SAME: scale = 2.000000e+00
// CHECK-NEXT: return %[[R]]
func.func @main(%x: tensor<1x?x8xf32, #rows>, %cache: tensor<1x2x?x4xf32, #past>) -> tensor<1x?x8xf32, #rows> {
  %frequencies = tfm.constant dense<[1.0, 0.1]> : tensor<2xf32> -> tensor<2xf32>
  %two = tfm.constant dense<2.0> : tensor<f32> -> tensor<f32>
  %positions = tfm.iota {start = affine_map<()[s0, s1, s2] -> (s1)>} : tensor<?xf32, #ids>
  %column = tfm.reshape %positions : (tensor<?xf32, #ids>) -> tensor<?x1xf32, #column>
  %angles = tfm.binary mul %column, %frequencies : (tensor<?x1xf32, #column>, tensor<2xf32>) -> tensor<?x2xf32, #half>
  %both = tfm.concat %angles, %angles {axis = 1 : i64} : (tensor<?x2xf32, #half>, tensor<?x2xf32, #half>) -> tensor<?x4xf32, #factor>
  %cos = tfm.unary cos %both : (tensor<?x4xf32, #factor>) -> tensor<?x4xf32, #factor>
  %sin = tfm.unary sin %both : (tensor<?x4xf32, #factor>) -> tensor<?x4xf32, #factor>
  %cosine = tfm.binary mul %cos, %two : (tensor<?x4xf32, #factor>, tensor<f32>) -> tensor<?x4xf32, #factor>
  %sine = tfm.binary mul %sin, %two : (tensor<?x4xf32, #factor>, tensor<f32>) -> tensor<?x4xf32, #factor>

  %split = tfm.reshape %x : (tensor<1x?x8xf32, #rows>) -> tensor<1x?x2x4xf32, #split>
  %h = tfm.transpose %split [0, 2, 1, 3] : (tensor<1x?x2x4xf32, #split>) -> tensor<1x2x?x4xf32, #heads>
  %first = tfm.slice %h {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x2xf32, #halves>
  %second = tfm.slice %h {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (2)>} : (tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x2xf32, #halves>
  %neg = tfm.unary neg %second : (tensor<1x2x?x2xf32, #halves>) -> tensor<1x2x?x2xf32, #halves>
  %rotated = tfm.concat %neg, %first {axis = 3 : i64} : (tensor<1x2x?x2xf32, #halves>, tensor<1x2x?x2xf32, #halves>) -> tensor<1x2x?x4xf32, #heads>
  %0 = tfm.binary mul %sine, %rotated : (tensor<?x4xf32, #factor>, tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x4xf32, #heads>
  %1 = tfm.binary mul %h, %cosine : (tensor<1x2x?x4xf32, #heads>, tensor<?x4xf32, #factor>) -> tensor<1x2x?x4xf32, #heads>
  %2 = tfm.binary add %0, %1 : (tensor<1x2x?x4xf32, #heads>, tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x4xf32, #heads>
  %3 = tfm.transpose %2 [0, 2, 1, 3] : (tensor<1x2x?x4xf32, #heads>) -> tensor<1x?x2x4xf32, #split>
  %4 = tfm.reshape %3 : (tensor<1x?x2x4xf32, #split>) -> tensor<1x?x8xf32, #rows>
  return %4 : tensor<1x?x8xf32, #rows>
}

// -----

#ids = affine_map<()[s0, s1, s2] -> (s0)>
#column = affine_map<()[s0, s1, s2] -> (s0, 1)>
#factor = affine_map<()[s0, s1, s2] -> (s0, 4)>
#heads = affine_map<()[s0, s1, s2] -> (1, 2, s0, 4)>
#halves = affine_map<()[s0, s1, s2] -> (1, 2, s0, 2)>

// The two halves rotate by different angles: no rotation of pairs.
// CHECK-LABEL: func.func @main
// CHECK-NOT: tfm.rope
// CHECK: return
func.func @main(%h: tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x4xf32, #heads> {
  %frequencies = tfm.constant dense<[1.0, 0.1, 0.01, 0.001]> : tensor<4xf32> -> tensor<4xf32>
  %positions = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>} : tensor<?xf32, #ids>
  %column = tfm.reshape %positions : (tensor<?xf32, #ids>) -> tensor<?x1xf32, #column>
  %angles = tfm.binary mul %column, %frequencies : (tensor<?x1xf32, #column>, tensor<4xf32>) -> tensor<?x4xf32, #factor>
  %cosine = tfm.unary cos %angles : (tensor<?x4xf32, #factor>) -> tensor<?x4xf32, #factor>
  %sine = tfm.unary sin %angles : (tensor<?x4xf32, #factor>) -> tensor<?x4xf32, #factor>
  %first = tfm.slice %h {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x2xf32, #halves>
  %second = tfm.slice %h {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (2)>} : (tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x2xf32, #halves>
  %neg = tfm.unary neg %second : (tensor<1x2x?x2xf32, #halves>) -> tensor<1x2x?x2xf32, #halves>
  %rotated = tfm.concat %neg, %first {axis = 3 : i64} : (tensor<1x2x?x2xf32, #halves>, tensor<1x2x?x2xf32, #halves>) -> tensor<1x2x?x4xf32, #heads>
  %0 = tfm.binary mul %h, %cosine : (tensor<1x2x?x4xf32, #heads>, tensor<?x4xf32, #factor>) -> tensor<1x2x?x4xf32, #heads>
  %1 = tfm.binary mul %rotated, %sine : (tensor<1x2x?x4xf32, #heads>, tensor<?x4xf32, #factor>) -> tensor<1x2x?x4xf32, #heads>
  %2 = tfm.binary add %0, %1 : (tensor<1x2x?x4xf32, #heads>, tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x4xf32, #heads>
  return %2 : tensor<1x2x?x4xf32, #heads>
}

// -----

// Neighbours turn together, and only the first four of a head's six elements turn at all.

#x = affine_map<()[s0, s1, s2] -> (1, s0, 2, 6)>
#heads = affine_map<()[s0, s1, s2] -> (1, 2, s0, 6)>
#turned = affine_map<()[s0, s1, s2] -> (1, 2, s0, 4)>
#half = affine_map<()[s0, s1, s2] -> (1, 2, s0, 2)>
#column = affine_map<()[s0, s1, s2] -> (1, 2, s0, 2, 1)>
#pairs = affine_map<()[s0, s1, s2] -> (1, 2, s0, 2, 2)>
#positions = affine_map<()[s0, s1, s2] -> (s0, 1)>
#angles = affine_map<()[s0, s1, s2] -> (s0, 2)>
#angleColumn = affine_map<()[s0, s1, s2] -> (s0, 2, 1)>
#anglePairs = affine_map<()[s0, s1, s2] -> (s0, 2, 2)>
#factors = affine_map<()[s0, s1, s2] -> (s0, 4)>
#count = affine_map<()[s0, s1, s2] -> (s0)>

// CHECK-LABEL: func.func @main
// CHECK: tfm.rope {{.*}}head_dim = 6 : i64, interleaved = true, inv_freq = array<f32: 1.000000e+00, 2.500000e-01>, rotary_dim = 4 : i64
// CHECK-NOT: tfm.concat
func.func @main(%x: tensor<1x?x2x6xf32, #x>) -> tensor<1x2x?x6xf32, #heads> {
  %frequencies = tfm.constant dense<[1.0, 0.25]> : tensor<2xf32> -> tensor<2xf32>
  %iota = tfm.iota {start = affine_map<()[s0, s1, s2] -> (s1)>} : tensor<?xf32, #count>
  %column = tfm.reshape %iota : (tensor<?xf32, #count>) -> tensor<?x1xf32, #positions>
  %angles = tfm.binary mul %column, %frequencies : (tensor<?x1xf32, #positions>, tensor<2xf32>) -> tensor<?x2xf32, #angles>
  %angle = tfm.reshape %angles : (tensor<?x2xf32, #angles>) -> tensor<?x2x1xf32, #angleColumn>
  %both = tfm.concat %angle, %angle {axis = 2 : i64} : (tensor<?x2x1xf32, #angleColumn>, tensor<?x2x1xf32, #angleColumn>) -> tensor<?x2x2xf32, #anglePairs>
  %all = tfm.reshape %both : (tensor<?x2x2xf32, #anglePairs>) -> tensor<?x4xf32, #factors>
  %cos = tfm.unary cos %all : (tensor<?x4xf32, #factors>) -> tensor<?x4xf32, #factors>
  %sin = tfm.unary sin %all : (tensor<?x4xf32, #factors>) -> tensor<?x4xf32, #factors>
  %heads = tfm.transpose %x [0, 2, 1, 3] : (tensor<1x?x2x6xf32, #x>) -> tensor<1x2x?x6xf32, #heads>
  %part = tfm.slice %heads {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x2x?x6xf32, #heads>) -> tensor<1x2x?x4xf32, #turned>
  %rest = tfm.slice %heads {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (4)>} : (tensor<1x2x?x6xf32, #heads>) -> tensor<1x2x?x2xf32, #half>
  %even = tfm.slice %part {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>, step = 2 : i64} : (tensor<1x2x?x4xf32, #turned>) -> tensor<1x2x?x2xf32, #half>
  %odd = tfm.slice %part {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>, step = 2 : i64} : (tensor<1x2x?x4xf32, #turned>) -> tensor<1x2x?x2xf32, #half>
  %neg = tfm.unary neg %odd : (tensor<1x2x?x2xf32, #half>) -> tensor<1x2x?x2xf32, #half>
  %first = tfm.reshape %neg : (tensor<1x2x?x2xf32, #half>) -> tensor<1x2x?x2x1xf32, #column>
  %second = tfm.reshape %even : (tensor<1x2x?x2xf32, #half>) -> tensor<1x2x?x2x1xf32, #column>
  %stacked = tfm.concat %first, %second {axis = 4 : i64} : (tensor<1x2x?x2x1xf32, #column>, tensor<1x2x?x2x1xf32, #column>) -> tensor<1x2x?x2x2xf32, #pairs>
  %rotated = tfm.reshape %stacked : (tensor<1x2x?x2x2xf32, #pairs>) -> tensor<1x2x?x4xf32, #turned>
  %direct = tfm.binary mul %part, %cos : (tensor<1x2x?x4xf32, #turned>, tensor<?x4xf32, #factors>) -> tensor<1x2x?x4xf32, #turned>
  %turned = tfm.binary mul %rotated, %sin : (tensor<1x2x?x4xf32, #turned>, tensor<?x4xf32, #factors>) -> tensor<1x2x?x4xf32, #turned>
  %sum = tfm.binary add %direct, %turned : (tensor<1x2x?x4xf32, #turned>, tensor<1x2x?x4xf32, #turned>) -> tensor<1x2x?x4xf32, #turned>
  %y = tfm.concat %sum, %rest {axis = 3 : i64} : (tensor<1x2x?x4xf32, #turned>, tensor<1x2x?x2xf32, #half>) -> tensor<1x2x?x6xf32, #heads>
  return %y : tensor<1x2x?x6xf32, #heads>
}

// -----

// Cosines and sines of a table: their frequencies are found out from it. Turned backwards, concat(x[half:], -x[:half]), they are negative.

#ids = affine_map<()[s0, s1, s2] -> (s0)>
#rows = affine_map<()[s0, s1, s2] -> (s0, 4)>
#pair = affine_map<()[s0, s1, s2] -> (s0, 2)>
#heads = affine_map<()[s0, s1, s2] -> (1, 2, s0, 4)>
#halves = affine_map<()[s0, s1, s2] -> (1, 2, s0, 2)>

// CHECK-LABEL: func.func @main
// CHECK: tfm.rope {{.*}}inv_freq = array<f32: -1.000000e+00, -2.500000e-01>, rotary_dim = 4 : i64
func.func @main(%h: tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x4xf32, #heads> {
  %table = tfm.constant dense<[[1.0, 1.0, 0.0, 0.0], [0.540302277, 0.968912423, 0.841470957, 0.247403964],
    [-0.416146845, 0.87758255, 0.909297407, 0.47942555], [-0.989992499, 0.731688857, 0.141120002, 0.681638777],
    [-0.653643608, 0.540302277, -0.756802499, 0.841470957], [0.2836622, 0.315322369, -0.958924294, 0.948984623],
    [0.960170269, 0.070737198, -0.279415488, 0.997494996], [0.753902256, -0.178246051, 0.656986594, 0.98398596]]> : tensor<8x4xf32> -> tensor<8x4xf32>
  %positions = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>} : tensor<?xi64, #ids>
  %factors = tfm.gather %table, %positions {axis = 0 : i64} : (tensor<8x4xf32>, tensor<?xi64, #ids>) -> tensor<?x4xf32, #rows>
  %c = tfm.slice %factors {axis = 1 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<?x4xf32, #rows>) -> tensor<?x2xf32, #pair>
  %s = tfm.slice %factors {axis = 1 : i64, begin = affine_map<()[s0, s1, s2] -> (2)>} : (tensor<?x4xf32, #rows>) -> tensor<?x2xf32, #pair>
  %cosine = tfm.concat %c, %c {axis = 1 : i64} : (tensor<?x2xf32, #pair>, tensor<?x2xf32, #pair>) -> tensor<?x4xf32, #rows>
  %sine = tfm.concat %s, %s {axis = 1 : i64} : (tensor<?x2xf32, #pair>, tensor<?x2xf32, #pair>) -> tensor<?x4xf32, #rows>
  %first = tfm.slice %h {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x2xf32, #halves>
  %second = tfm.slice %h {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (2)>} : (tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x2xf32, #halves>
  %neg = tfm.unary neg %first : (tensor<1x2x?x2xf32, #halves>) -> tensor<1x2x?x2xf32, #halves>
  %rotated = tfm.concat %second, %neg {axis = 3 : i64} : (tensor<1x2x?x2xf32, #halves>, tensor<1x2x?x2xf32, #halves>) -> tensor<1x2x?x4xf32, #heads>
  %0 = tfm.binary mul %h, %cosine : (tensor<1x2x?x4xf32, #heads>, tensor<?x4xf32, #rows>) -> tensor<1x2x?x4xf32, #heads>
  %1 = tfm.binary mul %rotated, %sine : (tensor<1x2x?x4xf32, #heads>, tensor<?x4xf32, #rows>) -> tensor<1x2x?x4xf32, #heads>
  %2 = tfm.binary add %0, %1 : (tensor<1x2x?x4xf32, #heads>, tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x4xf32, #heads>
  return %2 : tensor<1x2x?x4xf32, #heads>
}

// -----

#ids = affine_map<()[s0, s1, s2] -> (s0)>
#column = affine_map<()[s0, s1, s2] -> (s0, 1)>
#half = affine_map<()[s0, s1, s2] -> (s0, 2)>
#heads = affine_map<()[s0, s1, s2] -> (1, 2, s0, 4)>
#halves = affine_map<()[s0, s1, s2] -> (1, 2, s0, 2)>
#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>

// Halves of a head that are turned one by one, and neighbours that become halves as they are.
// CHECK-LABEL: func.func @main
// CHECK: %[[H:.*]] = tfm.reshape {{.*}} -> tensor<1x?x8xf32
// CHECK: tfm.rope %[[H]]
// CHECK-SAME: head_dim = 4 : i64, interleaved = false, inv_freq = array<f32: 1.000000e+00, 1.000000e-01>
// CHECK: %[[EVEN:.*]] = tfm.slice %arg0 {{.*}}step = 2
// CHECK: %[[ODD:.*]] = tfm.slice %arg0 {{.*}}step = 2
// CHECK: tfm.concat %[[EVEN]], %[[ODD]]
// CHECK: tfm.rope
// CHECK-NOT: tfm.unary sin
func.func @main(%h: tensor<1x2x?x4xf32, #heads>) -> (tensor<1x2x?x4xf32, #heads>, tensor<1x2x?x4xf32, #heads>) {
  %frequencies = tfm.constant dense<[1.0, 0.1]> : tensor<2xf32> -> tensor<2xf32>
  %positions = tfm.iota {start = affine_map<()[s0, s1, s2] -> (s1)>} : tensor<?xf32, #ids>
  %column = tfm.reshape %positions : (tensor<?xf32, #ids>) -> tensor<?x1xf32, #column>
  %angles = tfm.binary mul %column, %frequencies : (tensor<?x1xf32, #column>, tensor<2xf32>) -> tensor<?x2xf32, #half>
  %cos = tfm.unary cos %angles : (tensor<?x2xf32, #half>) -> tensor<?x2xf32, #half>
  %sin = tfm.unary sin %angles : (tensor<?x2xf32, #half>) -> tensor<?x2xf32, #half>
  %ha = tfm.slice %h {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>} : (tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x2xf32, #halves>
  %hb = tfm.slice %h {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (2)>} : (tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x2xf32, #halves>
  %hac = tfm.binary mul %ha, %cos : (tensor<1x2x?x2xf32, #halves>, tensor<?x2xf32, #half>) -> tensor<1x2x?x2xf32, #halves>
  %hbs = tfm.binary mul %hb, %sin : (tensor<1x2x?x2xf32, #halves>, tensor<?x2xf32, #half>) -> tensor<1x2x?x2xf32, #halves>
  %hbc = tfm.binary mul %hb, %cos : (tensor<1x2x?x2xf32, #halves>, tensor<?x2xf32, #half>) -> tensor<1x2x?x2xf32, #halves>
  %has = tfm.binary mul %ha, %sin : (tensor<1x2x?x2xf32, #halves>, tensor<?x2xf32, #half>) -> tensor<1x2x?x2xf32, #halves>
  %hfirst = tfm.binary sub %hac, %hbs : (tensor<1x2x?x2xf32, #halves>, tensor<1x2x?x2xf32, #halves>) -> tensor<1x2x?x2xf32, #halves>
  %hsecond = tfm.binary add %hbc, %has : (tensor<1x2x?x2xf32, #halves>, tensor<1x2x?x2xf32, #halves>) -> tensor<1x2x?x2xf32, #halves>
  %hturned = tfm.concat %hfirst, %hsecond {axis = 3 : i64} : (tensor<1x2x?x2xf32, #halves>, tensor<1x2x?x2xf32, #halves>) -> tensor<1x2x?x4xf32, #heads>
  %pa = tfm.slice %h {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (0)>, step = 2 : i64} : (tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x2xf32, #halves>
  %pb = tfm.slice %h {axis = 3 : i64, begin = affine_map<()[s0, s1, s2] -> (1)>, step = 2 : i64} : (tensor<1x2x?x4xf32, #heads>) -> tensor<1x2x?x2xf32, #halves>
  %pac = tfm.binary mul %pa, %cos : (tensor<1x2x?x2xf32, #halves>, tensor<?x2xf32, #half>) -> tensor<1x2x?x2xf32, #halves>
  %pbs = tfm.binary mul %pb, %sin : (tensor<1x2x?x2xf32, #halves>, tensor<?x2xf32, #half>) -> tensor<1x2x?x2xf32, #halves>
  %pbc = tfm.binary mul %pb, %cos : (tensor<1x2x?x2xf32, #halves>, tensor<?x2xf32, #half>) -> tensor<1x2x?x2xf32, #halves>
  %pas = tfm.binary mul %pa, %sin : (tensor<1x2x?x2xf32, #halves>, tensor<?x2xf32, #half>) -> tensor<1x2x?x2xf32, #halves>
  %pfirst = tfm.binary sub %pac, %pbs : (tensor<1x2x?x2xf32, #halves>, tensor<1x2x?x2xf32, #halves>) -> tensor<1x2x?x2xf32, #halves>
  %psecond = tfm.binary add %pbc, %pas : (tensor<1x2x?x2xf32, #halves>, tensor<1x2x?x2xf32, #halves>) -> tensor<1x2x?x2xf32, #halves>
  %pturned = tfm.concat %pfirst, %psecond {axis = 3 : i64} : (tensor<1x2x?x2xf32, #halves>, tensor<1x2x?x2xf32, #halves>) -> tensor<1x2x?x4xf32, #heads>
  return %hturned, %pturned : tensor<1x2x?x4xf32, #heads>, tensor<1x2x?x4xf32, #heads>
}
