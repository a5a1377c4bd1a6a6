// RUN: quantc-opt %s --lower-to-kern="targets=x86_64" | FileCheck %s

// Zeros above, below and on the right, the image in the middle, then one copy of the patches: 3 x 3 places, 2 rows and 1 column apart, of a kernel of 3 x 2
// positions, the latter 2 columns apart, of 4 channels.
// CHECK: %[[OUT:.*]] = kern.buffer "patches" {{.*}}space = #kern<space output>}
// CHECK: %[[FRAMED:.*]] = kern.buffer "framed" {bytes = 576 : i64
// CHECK: kern.view %[[FRAMED]] {{.*}}offset = 0 : i64, {{.*}}strides = array<i64: 1>}
// CHECK-NEXT: kern.call
// CHECK: kern.view %[[FRAMED]] {{.*}}offset = 480 : i64, {{.*}}strides = array<i64: 1>}
// CHECK-NEXT: kern.call
// CHECK: kern.view %[[FRAMED]] {{.*}}offset = 144 : i64, {{.*}}strides = array<i64: 1, 20>}
// CHECK-NEXT: kern.call
// CHECK: kern.view %[[FRAMED]] {{.*}}offset = 80 : i64, {{.*}}strides = array<i64: 1, 20>}
// CHECK-NEXT: kern.call
// CHECK: %[[FROM:.*]] = kern.view %[[FRAMED]] {{.*}}strides = array<i64: 1, 8, 20, 4, 40>}
// CHECK-NEXT: %[[TO:.*]] = kern.view %[[OUT]] {{.*}}strides = array<i64: 1, 4, 8, 24, 72>}
// CHECK-NEXT: kern.call @strided_3(%[[FROM]], %[[TO]])
module attributes {tfm.context = 1 : i64} {
  func.func @main(%x: tensor<1x5x4x4xf32> {tfm.name = "x"}) -> (tensor<1x3x3x24xf32> {tfm.name = "y"}) {
    %0 = tfm.patches %x {kernel = array<i64: 3, 2>, strides = array<i64: 2, 1>, dilations = array<i64: 1, 2>, before = array<i64: 1, 0>, after = array<i64: 1, 1>} : (tensor<1x5x4x4xf32>) -> tensor<1x3x3x24xf32>
    return %0 : tensor<1x3x3x24xf32>
  }
}
