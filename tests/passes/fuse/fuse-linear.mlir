// RUN: quantc-opt %s --pass-pipeline="builtin.module(func.func(fuse-linear))" | FileCheck %s

!weight = tensor<8x32x!tfm.q<"int4">>
!activation = tensor<4x32x!tfm.q<"act8">>

// The product reads quantized operands; the residual is added where it is computed.
// CHECK-LABEL: func.func @residual(
// CHECK-SAME: %[[x:.*]]: tensor<4x32x!tfm.q<"act8">>, %[[r:.*]]: tensor<4x8xf32>
// CHECK: %[[w:.*]] = tfm.quantize
// CHECK-NOT: tfm.dequantize
// CHECK: %[[y:.*]] = tfm.fused %[[x]], %[[w]], %[[r]] attributes {producer = "linear"}
// CHECK: ^bb0(%[[dot:.*]]: f32, %[[a:.*]]: f32):
// CHECK: %[[sum:.*]] = arith.addf %[[a]], %[[dot]]
// CHECK: tfm.yield %[[sum]]
// CHECK: return %[[y]]
func.func @residual(%xq: !activation, %r: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<8x32xf32>> -> tensor<8x32xf32>
  %wq = tfm.quantize %w : (tensor<8x32xf32>) -> !weight
  %wd = tfm.dequantize %wq : (!weight) -> tensor<8x32xf32>
  %x = tfm.dequantize %xq : (!activation) -> tensor<4x32xf32>
  %0 = tfm.linear %x, %wd : (tensor<4x32xf32>, tensor<8x32xf32>) -> tensor<4x8xf32>
  %1 = tfm.fused %r, %0 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    tfm.yield %s : f32
  }
  return %1 : tensor<4x8xf32>
}

// Bias, activation and gate in one.
// CHECK-LABEL: func.func @bias(
// CHECK-SAME: %[[x:.*]]: tensor<4x32xf32>, %[[up:.*]]: tensor<4x8xf32>
// CHECK: tfm.fused %[[x]], %{{.*}}, %{{.*}}, %[[up]] attributes {producer = "linear"} : (tensor<4x32xf32>, tensor<8x32xf32>, tensor<8xf32>, tensor<4x8xf32>)
// CHECK: arith.addf
// CHECK: math.tanh
// CHECK: arith.mulf
// CHECK-NOT: tfm.fused
func.func @bias(%x: tensor<4x32xf32>, %up: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<8x32xf32>> -> tensor<8x32xf32>
  %bias = tfm.weight #tfm.stored<0, "b", tensor<8xf32>> -> tensor<8xf32>
  %0 = tfm.linear %x, %w : (tensor<4x32xf32>, tensor<8x32xf32>) -> tensor<4x8xf32>
  %1 = tfm.fused %0, %bias, %up : (tensor<4x8xf32>, tensor<8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %s = arith.addf %a, %b : f32
    %t = math.tanh %s : f32
    %m = arith.mulf %t, %c : f32
    tfm.yield %m : f32
  }
  return %1 : tensor<4x8xf32>
}

// A gate and what it gates, products of the same activations, are one kernel; its region gets them in the order of its weights.
// CHECK-LABEL: func.func @two_products(
// CHECK-SAME: %[[x:.*]]: tensor<4x32xf32>)
// CHECK: %[[w:.*]] = tfm.weight {{.*}}"w"
// CHECK: %[[v:.*]] = tfm.weight {{.*}}"v"
// CHECK: tfm.fused %[[x]], %[[w]], %[[v]] attributes {producer = "linear", products = 2 : i64}
// CHECK: ^bb0(%[[gate:.*]]: f32, %[[up:.*]]: f32):
// CHECK: arith.mulf %[[gate]], %[[up]]
// CHECK-NOT: tfm.fused
func.func @two_products(%x: tensor<4x32xf32>) -> tensor<4x8xf32> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<8x32xf32>> -> tensor<8x32xf32>
  %v = tfm.weight #tfm.stored<0, "v", tensor<8x32xf32>> -> tensor<8x32xf32>
  %0 = tfm.linear %x, %w : (tensor<4x32xf32>, tensor<8x32xf32>) -> tensor<4x8xf32>
  %1 = tfm.linear %x, %v : (tensor<4x32xf32>, tensor<8x32xf32>) -> tensor<4x8xf32>
  %2 = tfm.fused %0, %1 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32, %b: f32):
    %m = arith.mulf %a, %b : f32
    tfm.yield %m : f32
  }
  return %2 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @head(
// CHECK: %[[y:.*]] = tfm.fused
// CHECK: ^bb0(%[[dot:.*]]: f32):
// CHECK-NEXT: tfm.yield %[[dot]]
// CHECK: return %[[y]]
func.func @head(%x: tensor<4x32xf32>) -> tensor<4x8xf32> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<8x32xf32>> -> tensor<8x32xf32>
  %0 = tfm.linear %x, %w : (tensor<4x32xf32>, tensor<8x32xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// What others read, too, is not an epilogue's to take.
// CHECK-LABEL: func.func @second_use(
// CHECK: %[[y:.*]] = tfm.fused {{.*}}producer = "linear"
// CHECK: %[[z:.*]] = tfm.fused %[[y]] : (tensor<4x8xf32>) -> tensor<4x8xf32>
// CHECK: return %[[y]], %[[z]]
func.func @second_use(%x: tensor<4x32xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %w = tfm.weight #tfm.stored<0, "w", tensor<8x32xf32>> -> tensor<8x32xf32>
  %0 = tfm.linear %x, %w : (tensor<4x32xf32>, tensor<8x32xf32>) -> tensor<4x8xf32>
  %1 = tfm.fused %0 : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32):
    %t = math.tanh %a : f32
    tfm.yield %t : f32
  }
  return %0, %1 : tensor<4x8xf32>, tensor<4x8xf32>
}

// The result may be quantized where it is computed.
// CHECK-LABEL: func.func @quantizing(
// CHECK: tfm.fused {{.*}}producer = "linear"{{.*}} -> tensor<4x8x!tfm.q<"act8">>
// CHECK-NOT: tfm.fused
func.func @quantizing(%x: tensor<4x32xf32>) -> tensor<4x8x!tfm.q<"act8">> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<8x32xf32>> -> tensor<8x32xf32>
  %0 = tfm.linear %x, %w : (tensor<4x32xf32>, tensor<8x32xf32>) -> tensor<4x8xf32>
  %1 = tfm.fused %0 : (tensor<4x8xf32>) -> tensor<4x8x!tfm.q<"act8">> {
  ^bb0(%a: f32):
    tfm.yield %a : f32
  }
  return %1 : tensor<4x8x!tfm.q<"act8">>
}

// Nor does it broadcast.
// CHECK-LABEL: func.func @broadcast(
// CHECK: %[[y:.*]] = tfm.fused {{.*}}producer = "linear"{{.*}} -> tensor<1x8xf32>
// CHECK: tfm.fused %[[y]], %{{.*}} : (tensor<1x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
func.func @broadcast(%x: tensor<1x32xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %w = tfm.weight #tfm.stored<0, "w", tensor<8x32xf32>> -> tensor<8x32xf32>
  %0 = tfm.linear %x, %w : (tensor<1x32xf32>, tensor<8x32xf32>) -> tensor<1x8xf32>
  %1 = tfm.fused %0, %y : (tensor<1x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32> {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    tfm.yield %s : f32
  }
  return %1 : tensor<4x8xf32>
}

// Products with chosen experts' weights take in what reads nothing else; a bias of each stays a computation of its own.
// CHECK-LABEL: func.func @chosen_experts(
// CHECK: %[[products:.*]] = tfm.fused %{{.*}}, %{{.*}}, %{{.*}} attributes {producer = "experts"}
// CHECK: tfm.yield
// CHECK: tfm.fused %[[products]], %{{.*}} : (tensor<4x2x16xf32>, tensor<4x2x16xf32>) -> tensor<4x2x16xf32>
// CHECK: tfm.fused %{{.*}} attributes {producer = "experts"}
// CHECK: math.tanh
func.func @chosen_experts(%x: tensor<4x32xf32>, %i: tensor<4x2xi32>, %bias: tensor<4x2x16xf32>) -> (tensor<4x2x16xf32>, tensor<4x2x16xf32>) {
  %w = tfm.weight #tfm.stored<0, "w", tensor<64x32xf32>> -> tensor<64x32xf32>
  %v = tfm.weight #tfm.stored<0, "v", tensor<64x32xf32>> -> tensor<64x32xf32>
  %0 = tfm.expert_linear %x, %w, %i {experts = 4 : i64} : (tensor<4x32xf32>, tensor<64x32xf32>, tensor<4x2xi32>) -> tensor<4x2x16xf32>
  %1 = tfm.fused %0, %bias : (tensor<4x2x16xf32>, tensor<4x2x16xf32>) -> tensor<4x2x16xf32> {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    tfm.yield %s : f32
  }
  %2 = tfm.expert_linear %x, %v, %i {experts = 4 : i64} : (tensor<4x32xf32>, tensor<64x32xf32>, tensor<4x2xi32>) -> tensor<4x2x16xf32>
  %3 = tfm.fused %2 : (tensor<4x2x16xf32>) -> tensor<4x2x16xf32> {
  ^bb0(%a: f32):
    %t = math.tanh %a : f32
    tfm.yield %t : f32
  }
  return %1, %3 : tensor<4x2x16xf32>, tensor<4x2x16xf32>
}
