// RUN: quantc-opt %s --quantize="linear=int4 embedding=int8 head=int8" | FileCheck %s
// RUN: quantc-opt %s --quantize="linear=int4 embedding=int8 head=int8" --cse | FileCheck %s --check-prefix=CSE
// RUN: quantc-opt %s --quantize="linear=f16 embedding=f32 head=f16" | FileCheck %s --check-prefix=FLOAT

#ids = affine_map<()[s0, s1, s2] -> (s0)>
#wide = affine_map<()[s0, s1, s2] -> (s0, 40)>
#logits = affine_map<()[s0, s1, s2] -> (s0, 16)>

// One scheme per role; norm weights stay as they are.
// CHECK-LABEL: func.func @main
// CHECK: tfm.quantize %[[table:.*]] : (tensor<16x40xf32>) -> tensor<16x40x!tfm.q<"int8">>
// CHECK: tfm.quantize %{{.*}} : (tensor<40x40xf32>) -> tensor<40x40x!tfm.q<"int4">>
// CHECK: tfm.quantize %{{.*}} : (tensor<40x40xf32>) -> tensor<40x40x!tfm.q<"int4">>
// CHECK: %[[norm:.*]] = tfm.weight #tfm.stored<0, "n"
// CHECK: tfm.rms_norm %{{.*}}, %[[norm]] {epsilon

// Two linears read one quantized input, the head another.
// CHECK: %[[aq:.*]] = tfm.quantize {{.*}} -> tensor<?x40x!tfm.q<"act8">
// CHECK-NEXT: %[[ad:.*]] = tfm.dequantize %[[aq]]
// CHECK-NEXT: tfm.linear %[[ad]],
// CHECK-NEXT: tfm.linear %[[ad]],
// CHECK: tfm.quantize {{.*}} -> tensor<?x40x!tfm.q<"act8">

// The tied table is stored once.
// CSE-COUNT-1: -> tensor<16x40x!tfm.q<"int8">>
// CSE-NOT: -> tensor<16x40x!tfm.q<"int8">>

// Floating point schemes leave activations alone.
// FLOAT-DAG: tensor<16x40x!tfm.q<"f32">>
// FLOAT-DAG: tensor<16x40x!tfm.q<"f16">>
// FLOAT-DAG: tensor<40x40x!tfm.q<"f16">>
// FLOAT-NOT: act8
func.func @main(%ids: tensor<?xi32, #ids>) -> tensor<?x16xf32, #logits> {
  %table = tfm.weight #tfm.stored<0, "table", tensor<16x40xf32>> -> tensor<16x40xf32>
  %q = tfm.weight #tfm.stored<0, "q", tensor<40x40xf32>> -> tensor<40x40xf32>
  %k = tfm.weight #tfm.stored<0, "k", tensor<40x40xf32>> -> tensor<40x40xf32>
  %n = tfm.weight #tfm.stored<0, "n", tensor<40xf32>> -> tensor<40xf32>
  %x = tfm.embed %ids, %table : (tensor<?xi32, #ids>, tensor<16x40xf32>) -> tensor<?x40xf32, #wide>
  %y = tfm.rms_norm %x, %n {epsilon = 1.0e-5 : f32} : (tensor<?x40xf32, #wide>, tensor<40xf32>) -> tensor<?x40xf32, #wide>
  %a = tfm.linear %y, %q : (tensor<?x40xf32, #wide>, tensor<40x40xf32>) -> tensor<?x40xf32, #wide>
  %b = tfm.linear %y, %k : (tensor<?x40xf32, #wide>, tensor<40x40xf32>) -> tensor<?x40xf32, #wide>
  %c = tfm.binary mul %a, %b : (tensor<?x40xf32, #wide>, tensor<?x40xf32, #wide>) -> tensor<?x40xf32, #wide>
  %logits = tfm.linear %c, %table : (tensor<?x40xf32, #wide>, tensor<16x40xf32>) -> tensor<?x16xf32, #logits>
  return %logits : tensor<?x16xf32, #logits>
}

// What experts are chosen by stays float32.
// CHECK-LABEL: func.func @router
// CHECK: tfm.quantize %{{.*}} : (tensor<40x40xf32>) -> tensor<40x40x!tfm.q<"f32">>
func.func @router(%x: tensor<?x40xf32, #wide>) -> tensor<?x40xf32, #wide> {
  %r = tfm.weight #tfm.stored<0, "r", tensor<40x40xf32>> -> tensor<40x40xf32>
  %y = tfm.linear %x, %r {tfm.router} : (tensor<?x40xf32, #wide>, tensor<40x40xf32>) -> tensor<?x40xf32, #wide>
  return %y : tensor<?x40xf32, #wide>
}
