// RUN: quantc-opt %s --widen-floats | FileCheck %s
// RUN: quantc-opt %s --widen-floats --simplify --raise-linear | FileCheck %s --check-prefix=LINEAR

#rows = affine_map<()[s0, s1, s2] -> (1, s0, 4)>
#wide = affine_map<()[s0, s1, s2] -> (1, s0, 6)>

// The weight's expression says what the file stores, its value is float32.
// CHECK-LABEL: func.func @halves(%arg0: tensor<1x?x4xf32, {{.*}}>) -> tensor<1x?x6xf32
// CHECK: tfm.weight #tfm.stored<0, "w", tensor<4x6xf16>> -> tensor<4x6xf32>
// CHECK: tfm.constant dense<-6.550400e+04> : tensor<f32>
// CHECK: tfm.matmul {{.*}} -> tensor<1x?x6xf32
// CHECK: tfm.binary max {{.*}} -> tensor<1x?x6xf32
// CHECK-NOT: xf16
// LINEAR-LABEL: func.func @halves
// LINEAR: %[[W:.*]] = tfm.weight #tfm.permuted<#tfm.stored<0, "w", tensor<4x6xf16>>, [1, 0]> -> tensor<6x4xf32>
// LINEAR-NOT: tfm.cast
// LINEAR: tfm.linear %arg0, %[[W]]
func.func @halves(%x: tensor<1x?x4xf16, #rows>) -> tensor<1x?x6xf16, #wide> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<4x6xf16>> -> tensor<4x6xf16>
  %least = tfm.constant dense<-6.550400e+04> : tensor<f16> -> tensor<f16>
  %0 = tfm.matmul %x, %w : (tensor<1x?x4xf16, #rows>, tensor<4x6xf16>) -> tensor<1x?x6xf16, #wide>
  %1 = tfm.binary max %0, %least : (tensor<1x?x6xf16, #wide>, tensor<f16>) -> tensor<1x?x6xf16, #wide>
  return %1 : tensor<1x?x6xf16, #wide>
}

// What is rounded on the way is not rounded any more; integers stay.
// LINEAR-LABEL: func.func @rounded
// LINEAR-NEXT: %[[I:.*]] = tfm.cast %arg1 : (tensor<4xi32>) -> tensor<4xf32>
// LINEAR-NEXT: %[[Y:.*]] = tfm.binary add %arg0, %[[I]]
// LINEAR-NEXT: return %[[Y]]
func.func @rounded(%x: tensor<4xf32>, %i: tensor<4xi32>) -> tensor<4xf32> {
  %0 = tfm.cast %x : (tensor<4xf32>) -> tensor<4xbf16>
  %1 = tfm.cast %i : (tensor<4xi32>) -> tensor<4xbf16>
  %2 = tfm.binary add %0, %1 : (tensor<4xbf16>, tensor<4xbf16>) -> tensor<4xbf16>
  %3 = tfm.cast %2 : (tensor<4xbf16>) -> tensor<4xf32>
  return %3 : tensor<4xf32>
}

// CHECK-LABEL: func.func @doubles
// CHECK: tfm.constant dense<[1.500000e+00, -2.500000e-01]> : tensor<2xf32> -> tensor<2xf32>
func.func @doubles() -> tensor<2xf64> {
  %0 = tfm.constant dense<[1.5, -0.25]> : tensor<2xf64> -> tensor<2xf64>
  return %0 : tensor<2xf64>
}
