// Every operation of kern prints as it parses, in its own form and in the generic one.
// RUN: quantc-opt %s | FileCheck %s
// RUN: quantc-opt %s --mlir-print-op-generic | quantc-opt | FileCheck %s

module attributes {tfm.context = 128 : i64} {
  // CHECK: kern.kernel @relu attributes {family = "map", params = {width = "64"}} {
  // CHECK: tfm.yield
  kern.kernel @relu attributes {family = "map", params = {width = "64"}} {
  ^bb0(%x: f32):
    %zero = arith.constant 0.0 : f32
    %y = arith.maximumf %x, %zero : f32
    tfm.yield %y : f32
  }
  // CHECK: kern.kernel @plain attributes {family = "append", params = {}} {
  // CHECK-NEXT: }
  kern.kernel @plain attributes {family = "append", params = {}} {
  }
  // CHECK: kern.program @x86_64
  kern.program @x86_64 attributes {kern.layout = "x86_64"} {
    // CHECK: kern.constant "norm" {{.*}}bytes = 256 : i64
    %c = kern.constant "norm" {expr = #tfm.stored<0, "norm", tensor<64xf32>>, scheme = "f32", packed = false, role = "norm", bytes = 256 : i64}
    // CHECK: kern.buffer "x" {bytes = 16384 : i64, offset = 0 : i64, space = #kern<space arena>}
    %x = kern.buffer "x" {space = #kern<space arena>, bytes = 16384 : i64, offset = 0 : i64}
    // CHECK: kern.view {{.*}}split_dim = 1 : i64, {{.*}}strides = array<i64: 1, 64>
    %v = kern.view %x {element = f32, offset = 0 : i64, mins = affine_map<()[s0, s1, s2] -> (0, 0)>, starts = affine_map<()[s0, s1, s2] -> (0, 0)>,
                       extents = affine_map<()[s0, s1, s2] -> (64, s0)>, strides = array<i64: 1, 64>, split_dim = 1 : i64}
    // CHECK: kern.call @relu({{.*}}, {{.*}}) {kernel_one = @relu, name = "act", outputs = 1 : i64, rows = {{.*}}, units = {{.*}}}
    kern.call @relu(%v, %v) {kernel_one = @relu, outputs = 1 : i64, units = affine_map<()[s0, s1, s2] -> (s0)>, rows = affine_map<()[s0, s1, s2] -> (s0)>, name = "act"}
    // CHECK: kern.buffer "out" {{.*}}space = #kern<space output>
    %o = kern.buffer "out" {space = #kern<space output>, bytes = 16384 : i64, offset = 16384 : i64}
    // CHECK: kern.port "logits" {{.*}} {element = f32, is_output = true, shape = {{.*}}}
    kern.port "logits" %o {element = f32, shape = affine_map<()[s0, s1, s2] -> (s2, 64)>, is_output = true}
  }
}
