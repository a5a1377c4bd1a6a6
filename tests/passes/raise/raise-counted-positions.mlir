// RUN: quantc-opt %s --split-input-file --raise-counted-positions | FileCheck %s

#ids = affine_map<()[s0, s1, s2] -> (1, s0)>
#square = affine_map<()[s0, s1, s2] -> (s0, s0)>
#pairs = affine_map<()[s0, s1, s2] -> (1, s0, s0)>
#number = affine_map<()[s0, s1, s2] -> (s0)>
#column = affine_map<()[s0, s1, s2] -> (s0, 1)>
#row = affine_map<()[s0, s1, s2] -> (1, 1, s0)>
#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>

// Tokens of a causal model count; padding gets its row. The table ends the context.
// CHECK: module attributes {tfm.context = 32 : i64}
// CHECK-LABEL: func.func @main
// CHECK: %[[PADDING:.*]] = tfm.binary equal
// CHECK-DAG: %[[ROW:.*]] = tfm.weight {{.*}}1, 2
// CHECK-DAG: %[[IS:.*]] = tfm.reshape %[[PADDING]] : {{.*}} -> tensor<1x?x1xi1
// CHECK-DAG: %[[TABLE:.*]] = tfm.weight {{.*}}2, 34
// CHECK: %[[ROWS:.*]] = tfm.position_rows %[[TABLE]]
// CHECK: %[[SELECTED:.*]] = tfm.select %[[IS]], %[[ROW]], %[[ROWS]]
// CHECK-NOT: tfm.embed
// CHECK: tfm.attention %[[SELECTED]]
module attributes {tfm.context = 64 : i64} {
  func.func @main(%ids: tensor<1x?xi32, #ids>) -> tensor<1x?x8xf32, #rows> {
    %pad = tfm.constant dense<1> : tensor<i64> -> tensor<i64>
    %zero = tfm.constant dense<0> : tensor<i32> -> tensor<i32>
    %offset = tfm.constant dense<1> : tensor<i32> -> tensor<i32>
    %0 = tfm.cast %ids : (tensor<1x?xi32, #ids>) -> tensor<1x?xi64, #ids>
    %1 = tfm.binary equal %0, %pad : (tensor<1x?xi64, #ids>, tensor<i64>) -> tensor<1x?xi1, #ids>
    %2 = tfm.unary not %1 : (tensor<1x?xi1, #ids>) -> tensor<1x?xi1, #ids>
    %3 = tfm.cast %2 : (tensor<1x?xi1, #ids>) -> tensor<1x?xi32, #ids>
    %4 = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>, step = 1 : i64} : tensor<?xi64, #number>
    %5 = tfm.reshape %4 : (tensor<?xi64, #number>) -> tensor<?x1xi64, #column>
    %6 = tfm.reshape %4 : (tensor<?xi64, #number>) -> tensor<1x?xi64, #ids>
    %7 = tfm.binary less_equal %6, %5 : (tensor<1x?xi64, #ids>, tensor<?x1xi64, #column>) -> tensor<?x?xi1, #square>
    %8 = tfm.reshape %3 : (tensor<1x?xi32, #ids>) -> tensor<1x1x?xi32, #row>
    %9 = tfm.select %7, %8, %zero : (tensor<?x?xi1, #square>, tensor<1x1x?xi32, #row>, tensor<i32>) -> tensor<1x?x?xi32, #pairs>
    %10 = tfm.reduce sum %9 {axes = array<i64: 2>, keep_dims = false} : (tensor<1x?x?xi32, #pairs>) -> tensor<1x?xi32, #ids>
    %11 = tfm.binary mul %10, %3 : (tensor<1x?xi32, #ids>, tensor<1x?xi32, #ids>) -> tensor<1x?xi32, #ids>
    %12 = tfm.binary add %11, %offset : (tensor<1x?xi32, #ids>, tensor<i32>) -> tensor<1x?xi32, #ids>
    %table = tfm.weight #tfm.stored<0, "positions", tensor<34x8xf32>> -> tensor<34x8xf32>
    %13 = tfm.embed %12, %table : (tensor<1x?xi32, #ids>, tensor<34x8xf32>) -> tensor<1x?x8xf32, #rows>
    %14 = tfm.attention %13, %13, %13 {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind causal>}
      : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
    return %14 : tensor<1x?x8xf32, #rows>
  }
}

// -----

#ids = affine_map<()[s0, s1, s2] -> (1, s0)>
#square = affine_map<()[s0, s1, s2] -> (s0, s0)>
#pairs = affine_map<()[s0, s1, s2] -> (1, s0, s0)>
#number = affine_map<()[s0, s1, s2] -> (s0)>
#column = affine_map<()[s0, s1, s2] -> (s0, 1)>
#row = affine_map<()[s0, s1, s2] -> (1, 1, s0)>
#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>

// Where later tokens are seen, texts may have padding: it is counted.
// CHECK-LABEL: func.func @main
// CHECK-NOT: tfm.position_rows
// CHECK: tfm.embed
module attributes {tfm.context = 64 : i64} {
  func.func @main(%ids: tensor<1x?xi32, #ids>) -> tensor<1x?x8xf32, #rows> {
    %pad = tfm.constant dense<1> : tensor<i64> -> tensor<i64>
    %zero = tfm.constant dense<0> : tensor<i32> -> tensor<i32>
    %offset = tfm.constant dense<1> : tensor<i32> -> tensor<i32>
    %0 = tfm.cast %ids : (tensor<1x?xi32, #ids>) -> tensor<1x?xi64, #ids>
    %1 = tfm.binary equal %0, %pad : (tensor<1x?xi64, #ids>, tensor<i64>) -> tensor<1x?xi1, #ids>
    %2 = tfm.unary not %1 : (tensor<1x?xi1, #ids>) -> tensor<1x?xi1, #ids>
    %3 = tfm.cast %2 : (tensor<1x?xi1, #ids>) -> tensor<1x?xi32, #ids>
    %4 = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>, step = 1 : i64} : tensor<?xi64, #number>
    %5 = tfm.reshape %4 : (tensor<?xi64, #number>) -> tensor<?x1xi64, #column>
    %6 = tfm.reshape %4 : (tensor<?xi64, #number>) -> tensor<1x?xi64, #ids>
    %7 = tfm.binary less_equal %6, %5 : (tensor<1x?xi64, #ids>, tensor<?x1xi64, #column>) -> tensor<?x?xi1, #square>
    %8 = tfm.reshape %3 : (tensor<1x?xi32, #ids>) -> tensor<1x1x?xi32, #row>
    %9 = tfm.select %7, %8, %zero : (tensor<?x?xi1, #square>, tensor<1x1x?xi32, #row>, tensor<i32>) -> tensor<1x?x?xi32, #pairs>
    %10 = tfm.reduce sum %9 {axes = array<i64: 2>, keep_dims = false} : (tensor<1x?x?xi32, #pairs>) -> tensor<1x?xi32, #ids>
    %11 = tfm.binary mul %10, %3 : (tensor<1x?xi32, #ids>, tensor<1x?xi32, #ids>) -> tensor<1x?xi32, #ids>
    %12 = tfm.binary add %11, %offset : (tensor<1x?xi32, #ids>, tensor<i32>) -> tensor<1x?xi32, #ids>
    %table = tfm.weight #tfm.stored<0, "positions", tensor<34x8xf32>> -> tensor<34x8xf32>
    %13 = tfm.embed %12, %table : (tensor<1x?xi32, #ids>, tensor<34x8xf32>) -> tensor<1x?x8xf32, #rows>
    %14 = tfm.attention %13, %13, %13 {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind full>}
      : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
    return %14 : tensor<1x?x8xf32, #rows>
  }
}

// -----

#ids = affine_map<()[s0, s1, s2] -> (1, s0)>
#square = affine_map<()[s0, s1, s2] -> (s0, s0)>
#pairs = affine_map<()[s0, s1, s2] -> (1, s0, s0)>
#number = affine_map<()[s0, s1, s2] -> (s0)>
#column = affine_map<()[s0, s1, s2] -> (s0, 1)>
#row = affine_map<()[s0, s1, s2] -> (1, 1, s0)>
#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>

// Padding that is not set apart gets a row that depends on what is before it.
// CHECK-LABEL: func.func @main
// CHECK-NOT: tfm.position_rows
// CHECK: tfm.embed
module attributes {tfm.context = 64 : i64} {
  func.func @main(%ids: tensor<1x?xi32, #ids>) -> tensor<1x?x8xf32, #rows> {
    %pad = tfm.constant dense<1> : tensor<i64> -> tensor<i64>
    %zero = tfm.constant dense<0> : tensor<i32> -> tensor<i32>
    %offset = tfm.constant dense<1> : tensor<i32> -> tensor<i32>
    %0 = tfm.cast %ids : (tensor<1x?xi32, #ids>) -> tensor<1x?xi64, #ids>
    %1 = tfm.binary equal %0, %pad : (tensor<1x?xi64, #ids>, tensor<i64>) -> tensor<1x?xi1, #ids>
    %2 = tfm.unary not %1 : (tensor<1x?xi1, #ids>) -> tensor<1x?xi1, #ids>
    %3 = tfm.cast %2 : (tensor<1x?xi1, #ids>) -> tensor<1x?xi32, #ids>
    %4 = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>, step = 1 : i64} : tensor<?xi64, #number>
    %5 = tfm.reshape %4 : (tensor<?xi64, #number>) -> tensor<?x1xi64, #column>
    %6 = tfm.reshape %4 : (tensor<?xi64, #number>) -> tensor<1x?xi64, #ids>
    %7 = tfm.binary less_equal %6, %5 : (tensor<1x?xi64, #ids>, tensor<?x1xi64, #column>) -> tensor<?x?xi1, #square>
    %8 = tfm.reshape %3 : (tensor<1x?xi32, #ids>) -> tensor<1x1x?xi32, #row>
    %9 = tfm.select %7, %8, %zero : (tensor<?x?xi1, #square>, tensor<1x1x?xi32, #row>, tensor<i32>) -> tensor<1x?x?xi32, #pairs>
    %10 = tfm.reduce sum %9 {axes = array<i64: 2>, keep_dims = false} : (tensor<1x?x?xi32, #pairs>) -> tensor<1x?xi32, #ids>
    %12 = tfm.binary add %10, %offset : (tensor<1x?xi32, #ids>, tensor<i32>) -> tensor<1x?xi32, #ids>
    %table = tfm.weight #tfm.stored<0, "positions", tensor<34x8xf32>> -> tensor<34x8xf32>
    %13 = tfm.embed %12, %table : (tensor<1x?xi32, #ids>, tensor<34x8xf32>) -> tensor<1x?x8xf32, #rows>
    %14 = tfm.attention %13, %13, %13 {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind causal>}
      : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
    return %14 : tensor<1x?x8xf32, #rows>
  }
}

// -----

#ids = affine_map<()[s0, s1, s2] -> (1, s0)>
#square = affine_map<()[s0, s1, s2] -> (s0, s0)>
#pairs = affine_map<()[s0, s1, s2] -> (1, s0, s0)>
#number = affine_map<()[s0, s1, s2] -> (s0)>
#column = affine_map<()[s0, s1, s2] -> (s0, 1)>
#row = affine_map<()[s0, s1, s2] -> (1, 1, s0)>
#rows = affine_map<()[s0, s1, s2] -> (1, s0, 8)>

// Every text begins with padding, which does not count.
// CHECK-LABEL: func.func @main
// CHECK-NOT: tfm.position_rows
// CHECK: tfm.embed
module attributes {tfm.context = 64 : i64, tfm.start = array<i32: 1>} {
  func.func @main(%ids: tensor<1x?xi32, #ids>) -> tensor<1x?x8xf32, #rows> {
    %pad = tfm.constant dense<1> : tensor<i64> -> tensor<i64>
    %zero = tfm.constant dense<0> : tensor<i32> -> tensor<i32>
    %offset = tfm.constant dense<1> : tensor<i32> -> tensor<i32>
    %0 = tfm.cast %ids : (tensor<1x?xi32, #ids>) -> tensor<1x?xi64, #ids>
    %1 = tfm.binary equal %0, %pad : (tensor<1x?xi64, #ids>, tensor<i64>) -> tensor<1x?xi1, #ids>
    %2 = tfm.unary not %1 : (tensor<1x?xi1, #ids>) -> tensor<1x?xi1, #ids>
    %3 = tfm.cast %2 : (tensor<1x?xi1, #ids>) -> tensor<1x?xi32, #ids>
    %4 = tfm.iota {start = affine_map<()[s0, s1, s2] -> (0)>, step = 1 : i64} : tensor<?xi64, #number>
    %5 = tfm.reshape %4 : (tensor<?xi64, #number>) -> tensor<?x1xi64, #column>
    %6 = tfm.reshape %4 : (tensor<?xi64, #number>) -> tensor<1x?xi64, #ids>
    %7 = tfm.binary less_equal %6, %5 : (tensor<1x?xi64, #ids>, tensor<?x1xi64, #column>) -> tensor<?x?xi1, #square>
    %8 = tfm.reshape %3 : (tensor<1x?xi32, #ids>) -> tensor<1x1x?xi32, #row>
    %9 = tfm.select %7, %8, %zero : (tensor<?x?xi1, #square>, tensor<1x1x?xi32, #row>, tensor<i32>) -> tensor<1x?x?xi32, #pairs>
    %10 = tfm.reduce sum %9 {axes = array<i64: 2>, keep_dims = false} : (tensor<1x?x?xi32, #pairs>) -> tensor<1x?xi32, #ids>
    %11 = tfm.binary mul %10, %3 : (tensor<1x?xi32, #ids>, tensor<1x?xi32, #ids>) -> tensor<1x?xi32, #ids>
    %12 = tfm.binary add %11, %offset : (tensor<1x?xi32, #ids>, tensor<i32>) -> tensor<1x?xi32, #ids>
    %table = tfm.weight #tfm.stored<0, "positions", tensor<34x8xf32>> -> tensor<34x8xf32>
    %13 = tfm.embed %12, %table : (tensor<1x?xi32, #ids>, tensor<34x8xf32>) -> tensor<1x?x8xf32, #rows>
    %14 = tfm.attention %13, %13, %13 {heads = 2 : i64, kv_heads = 2 : i64, head_dim = 4 : i64, scale = 0.5 : f32, mask_kind = #tfm<mask_kind causal>}
      : (tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>, tensor<1x?x8xf32, #rows>) -> tensor<1x?x8xf32, #rows>
    return %14 : tensor<1x?x8xf32, #rows>
  }
}
