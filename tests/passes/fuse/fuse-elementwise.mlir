// RUN: quantc-opt %s --pass-pipeline="builtin.module(func.func(fuse-elementwise))" | FileCheck %s

// CHECK-LABEL: func.func @gate(
// CHECK-SAME: %[[gate:.*]]: tensor<4x8xf32>, %[[up:.*]]: tensor<4x8xf32>
// CHECK: tfm.fused %[[gate]], %[[up]]
// CHECK: ^bb0(%[[g:.*]]: f32, %[[u:.*]]: f32):
// CHECK: %[[minus:.*]] = arith.negf %[[g]]
// CHECK: %[[exp:.*]] = math.exp %[[minus]]
// CHECK: %[[sum:.*]] = arith.addf %{{.*}}, %[[exp]]
// CHECK: %[[silu:.*]] = arith.divf %[[g]], %[[sum]]
// CHECK: %[[product:.*]] = arith.mulf %[[silu]], %[[u]]
// CHECK: tfm.yield %[[product]]
// CHECK-NOT: tfm.fused
func.func @gate(%gate: tensor<4x8xf32>, %up: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = tfm.unary silu %gate : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = tfm.binary mul %0, %up : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// A chain of three becomes one; a value that it reads twice is one input.
// CHECK-LABEL: func.func @chain(
// CHECK-SAME: %[[x:.*]]: tensor<4x8xf32>, %[[bias:.*]]: tensor<8xf32>
// CHECK: tfm.fused %[[x]], %[[bias]] : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
// CHECK: math.erf
// CHECK: return
func.func @chain(%x: tensor<4x8xf32>, %bias: tensor<8xf32>) -> tensor<4x8xf32> {
  %0 = tfm.binary add %x, %bias : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %1 = tfm.unary gelu %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = tfm.binary add %x, %1 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %2 : tensor<4x8xf32>
}

// What has a second user stays an operation of its own.
// CHECK-LABEL: func.func @second_user(
// CHECK: %[[exp:.*]] = tfm.fused
// CHECK: %[[sum:.*]] = tfm.fused %[[exp]]
// CHECK: return %[[exp]], %[[sum]]
func.func @second_user(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %0 = tfm.unary exp %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = tfm.unary tanh %0 : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0, %1 : tensor<4x8xf32>, tensor<4x8xf32>
}

// Read twice by one operation is a second use too.
// CHECK-LABEL: func.func @square_of(
// CHECK-COUNT-2: tfm.fused
func.func @square_of(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = tfm.unary exp %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = tfm.binary mul %0, %0 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// A row is computed once, not once per token.
// CHECK-LABEL: func.func @other_shape(
// CHECK-COUNT-2: tfm.fused
func.func @other_shape(%x: tensor<4x8xf32>, %row: tensor<8xf32>) -> tensor<4x8xf32> {
  %0 = tfm.unary exp %row : (tensor<8xf32>) -> tensor<8xf32>
  %1 = tfm.binary add %x, %0 : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @splat(
// CHECK-SAME: %[[x:.*]]: tensor<4x8xf32>
// CHECK: tfm.fused %[[x]] : (tensor<4x8xf32>)
// CHECK: %[[cap:.*]] = arith.constant 3.000000e+01 : f32
// CHECK: arith.divf %{{.*}}, %[[cap]]
func.func @splat(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %cap = tfm.constant dense<30.0> : tensor<1xf32> -> tensor<1xf32>
  %0 = tfm.binary div %x, %cap : (tensor<4x8xf32>, tensor<1xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @powers(
// CHECK: arith.mulf %[[a:.*]], %[[a]]
// CHECK: %[[b:.*]] = arith.mulf %[[c:.*]], %[[c]]
// CHECK: arith.mulf %[[b]], %[[c]]
// CHECK: math.sqrt
// CHECK: %[[root:.*]] = math.sqrt
// CHECK: arith.divf %{{.*}}, %[[root]]
// A general exponent: by the logarithm of the absolute value, with the signs and poles of C's pow.
// CHECK: math.log
// CHECK: math.exp
func.func @powers(%x: tensor<4x8xf32>)
    -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  %two = tfm.constant dense<2.0> : tensor<f32> -> tensor<f32>
  %three = tfm.constant dense<3.0> : tensor<f32> -> tensor<f32>
  %half = tfm.constant dense<0.5> : tensor<f32> -> tensor<f32>
  %minus = tfm.constant dense<-0.5> : tensor<f32> -> tensor<f32>
  %other = tfm.constant dense<1.7> : tensor<f32> -> tensor<f32>
  %0 = tfm.binary pow %x, %two : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %1 = tfm.binary pow %x, %three : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %2 = tfm.binary pow %x, %half : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %3 = tfm.binary pow %x, %minus : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  %4 = tfm.binary pow %x, %other : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xf32>
  return %0, %1, %2, %3, %4 : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}

// A select takes its comparison in; kernels compare with "less" and "equal" alone.
// CHECK-LABEL: func.func @select(
// CHECK-SAME: %[[x:.*]]: tensor<4x8xf32>, %[[y:.*]]: tensor<4x8xf32>
// CHECK-NOT: tfm.binary
// CHECK: tfm.fused %[[x]], %[[x]], %[[y]]
// CHECK: ^bb0(%[[a:.*]]: f32, %[[l:.*]]: f32, %[[r:.*]]: f32):
// CHECK: %[[zero:.*]] = arith.constant 0.0
// CHECK: %[[equal:.*]] = arith.cmpf oeq, %[[a]], %[[zero]]
// CHECK: %[[otherwise:.*]] = arith.select %[[equal]], %[[l]], %[[r]]
// CHECK: %[[less:.*]] = arith.cmpf olt, %[[zero]], %[[a]]
// CHECK: %[[result:.*]] = arith.select %[[less]], %[[l]], %[[otherwise]]
// CHECK: tfm.yield %[[result]]
func.func @select(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = tfm.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %0 = tfm.binary greater_equal %x, %zero : (tensor<4x8xf32>, tensor<f32>) -> tensor<4x8xi1>
  %1 = tfm.select %0, %x, %y : (tensor<4x8xi1>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// What kernels do not compute in float32 stays.
// CHECK-LABEL: func.func @unsupported(
// CHECK: tfm.binary mod
// CHECK: tfm.binary add {{.*}}i32
// CHECK: tfm.select
// CHECK-NOT: tfm.fused
func.func @unsupported(%x: tensor<4x8xf32>, %i: tensor<4x8xi32>, %c: tensor<4x8xi1>)
    -> (tensor<4x8xf32>, tensor<4x8xi32>, tensor<4x8xf32>) {
  %0 = tfm.binary mod %x, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = tfm.binary add %i, %i : (tensor<4x8xi32>, tensor<4x8xi32>) -> tensor<4x8xi32>
  %2 = tfm.select %c, %x, %x : (tensor<4x8xi1>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0, %1, %2 : tensor<4x8xf32>, tensor<4x8xi32>, tensor<4x8xf32>
}

// A kernel has a bounded number of arguments: the ninth input is another operation's.
// CHECK-LABEL: func.func @many_inputs(
// CHECK: %[[first:.*]] = tfm.fused %{{[^:]*}} : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
// CHECK: tfm.fused %[[first]], %{{.*}} : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
// CHECK-NOT: tfm.fused
// CHECK: return
func.func @many_inputs(%a: tensor<4x8xf32>, %b: tensor<4x8xf32>, %c: tensor<4x8xf32>, %d: tensor<4x8xf32>, %e: tensor<4x8xf32>,
                       %f: tensor<4x8xf32>, %g: tensor<4x8xf32>, %h: tensor<4x8xf32>, %i: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = tfm.binary add %a, %b : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = tfm.binary add %0, %c : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %2 = tfm.binary add %1, %d : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %3 = tfm.binary add %2, %e : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %4 = tfm.binary add %3, %f : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %5 = tfm.binary add %4, %g : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %6 = tfm.binary add %5, %h : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %7 = tfm.binary add %6, %i : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %7 : tensor<4x8xf32>
}
