// RUN: quantc-opt %s --plan-memory | FileCheck %s
// RUN: quantc-opt %s --plan-memory --plan-memory | FileCheck %s

#none = affine_map<()[s0, s1, s2] -> (0)>
#eight = affine_map<()[s0, s1, s2] -> (8)>
#one = affine_map<()[s0, s1, s2] -> (1)>

kern.kernel @copy attributes {family = "append", params = {}} {}

// State, inputs and outputs come first, 64 bytes apart at least, then scratch: a and c share bytes, b lies beside both, because it is alive
// with either.
// CHECK: kern.program @x86_64 attributes {kern.arena_bytes = 512 : i64, kern.weight_bytes = 192 : i64}
// CHECK: kern.constant "small" {{.*}}offset = 0 : i64
// CHECK: kern.constant "next" {{.*}}offset = 64 : i64
// CHECK: kern.buffer "in" {{.*}}offset = 0 : i64
// CHECK: kern.buffer "state" {{.*}}offset = 64 : i64
// CHECK: kern.buffer "out" {{.*}}offset = 192 : i64
// CHECK: kern.buffer "a" {{.*}}offset = 256 : i64
// CHECK: kern.buffer "b" {{.*}}offset = 384 : i64
// CHECK: kern.buffer "c" {{.*}}offset = 256 : i64
// CHECK: kern.buffer "unread" {{.*}}offset = 256 : i64
kern.program @x86_64 {
  %w0 = kern.constant "small" {expr = #tfm.stored<0, "w", tensor<2xf32>>, scheme = "f32", packed = false, role = "norm", bytes = 8 : i64}
  %w1 = kern.constant "next" {expr = #tfm.stored<0, "v", tensor<17xf32>>, scheme = "f32", packed = false, role = "norm", bytes = 68 : i64}
  %in = kern.buffer "in" {space = #kern<space input>, bytes = 32 : i64}
  %state = kern.buffer "state" {space = #kern<space state>, bytes = 100 : i64}
  %out = kern.buffer "out" {space = #kern<space output>, bytes = 32 : i64}
  %a = kern.buffer "a" {space = #kern<space arena>, bytes = 100 : i64}
  %b = kern.buffer "b" {space = #kern<space arena>, bytes = 80 : i64}
  %c = kern.buffer "c" {space = #kern<space arena>, bytes = 70 : i64}
  %unread = kern.buffer "unread" {space = #kern<space arena>, bytes = 10 : i64}
  %vin = kern.view %in {element = f32, offset = 0 : i64, mins = #none, starts = #none, extents = #eight, strides = array<i64: 1>}
  %va = kern.view %a {element = f32, offset = 0 : i64, mins = #none, starts = #none, extents = #eight, strides = array<i64: 1>}
  %vb = kern.view %b {element = f32, offset = 0 : i64, mins = #none, starts = #none, extents = #eight, strides = array<i64: 1>}
  %vc = kern.view %c {element = f32, offset = 0 : i64, mins = #none, starts = #none, extents = #eight, strides = array<i64: 1>}
  %vout = kern.view %out {element = f32, offset = 0 : i64, mins = #none, starts = #none, extents = #eight, strides = array<i64: 1>}
  kern.call @copy(%vin, %va) {kernel_one = @copy, outputs = 1 : i64, units = #one, rows = #one, name = "1"}
  kern.call @copy(%va, %vb) {kernel_one = @copy, outputs = 1 : i64, units = #one, rows = #one, name = "2"}
  kern.call @copy(%vb, %vc) {kernel_one = @copy, outputs = 1 : i64, units = #one, rows = #one, name = "3"}
  kern.call @copy(%vc, %vout) {kernel_one = @copy, outputs = 1 : i64, units = #one, rows = #one, name = "4"}
}
