// The scheme that has the codes that a file holds.
// RUN: quantc-opt %s --quantize="linear=keep embedding=keep head=keep" | FileCheck %s

#x = affine_map<()[s0, s1, s2] -> (s0, 64)>
#y = affine_map<()[s0, s1, s2] -> (s0, 32)>

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x64xf32, #x>) -> (tensor<?x32xf32, #y>, tensor<?x32xf32, #y>, tensor<?x32xf32, #y>, tensor<?x32xf32, #y>, tensor<?x32xf32, #y>) {
  // Four bits around 8 and signed ones: int4.
  // CHECK: tfm.weight #tfm.dequantized<#tfm.stored<0, "a"
  // CHECK-NEXT: tfm.quantize {{.*}}!tfm.q<"int4">>
  %a = tfm.weight #tfm.dequantized<#tfm.stored<0, "a", tensor<32x64xui4>>, #tfm.stored<0, "s", tensor<32x2xf16>>, block = 32, zeros = #tfm.literal<dense<8> : tensor<1x1xui4>>> -> tensor<32x64xf32>
  // CHECK: tfm.weight #tfm.dequantized<#tfm.stored<0, "b"
  // CHECK-NEXT: tfm.quantize {{.*}}!tfm.q<"int4">>
  %b = tfm.weight #tfm.dequantized<#tfm.stored<0, "b", tensor<32x64xi4>>, #tfm.stored<0, "s", tensor<32x2xf16>>, block = 32> -> tensor<32x64xf32>
  // Around any zero point: int6.
  // CHECK: tfm.weight #tfm.dequantized<#tfm.stored<0, "c"
  // CHECK-NEXT: tfm.quantize {{.*}}!tfm.q<"int6">>
  %c = tfm.weight #tfm.dequantized<#tfm.stored<0, "c", tensor<32x64xui4>>, #tfm.stored<0, "s", tensor<32x2xf16>>, block = 32, zeros = #tfm.stored<0, "z", tensor<32x2xui4>>> -> tensor<32x64xf32>
  // Eight bits: int8, whose scales do not count.
  // CHECK: tfm.weight #tfm.dequantized<#tfm.stored<0, "d"
  // CHECK-NEXT: tfm.quantize {{.*}}!tfm.q<"int8">>
  %d = tfm.weight #tfm.dequantized<#tfm.stored<0, "d", tensor<32x64xi8>>, #tfm.stored<0, "t", tensor<1x1xf32>>, block = 1> -> tensor<32x64xf32>
  // Wider codes: binary16.
  // CHECK: tfm.weight #tfm.dequantized<#tfm.stored<0, "e"
  // CHECK-NEXT: tfm.quantize {{.*}}!tfm.q<"f16">>
  %e = tfm.weight #tfm.dequantized<#tfm.stored<0, "e", tensor<32x64xi16>>, #tfm.stored<0, "t", tensor<1x1xf32>>, block = 1> -> tensor<32x64xf32>
  %0 = tfm.linear %x, %a : (tensor<?x64xf32, #x>, tensor<32x64xf32>) -> tensor<?x32xf32, #y>
  %1 = tfm.linear %x, %b : (tensor<?x64xf32, #x>, tensor<32x64xf32>) -> tensor<?x32xf32, #y>
  %2 = tfm.linear %x, %c : (tensor<?x64xf32, #x>, tensor<32x64xf32>) -> tensor<?x32xf32, #y>
  %3 = tfm.linear %x, %d : (tensor<?x64xf32, #x>, tensor<32x64xf32>) -> tensor<?x32xf32, #y>
  %4 = tfm.linear %x, %e : (tensor<?x64xf32, #x>, tensor<32x64xf32>) -> tensor<?x32xf32, #y>
  return %0, %1, %2, %3, %4 : tensor<?x32xf32, #y>, tensor<?x32xf32, #y>, tensor<?x32xf32, #y>, tensor<?x32xf32, #y>, tensor<?x32xf32, #y>
}
