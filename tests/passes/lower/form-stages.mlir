// RUN: quantc-opt %s --form-stages | FileCheck %s
// RUN: quantc-opt %s --form-stages --form-stages | FileCheck %s
// RUN: quantc-opt %s --form-stages --plan-memory | FileCheck %s --check-prefix=PLAN

#none = affine_map<()[s0, s1, s2] -> (0)>
#eight = affine_map<()[s0, s1, s2] -> (8)>
#one = affine_map<()[s0, s1, s2] -> (1)>

kern.kernel @copy attributes {family = "append", params = {}} {}

// Two calls read "in" at the same time. The third reads what the first wrote, the fourth writes what the third reads, the fifth reads and writes
// nothing that the fourth does, the sixth writes what the fifth writes.
// CHECK: name = "first"
// CHECK-NOT: with_previous
// CHECK: name = "second"{{.*}}with_previous
// CHECK: name = "third"
// CHECK-NOT: with_previous
// CHECK: name = "fourth"
// CHECK-NOT: with_previous
// CHECK: name = "fifth"{{.*}}with_previous
// CHECK: name = "sixth"
// CHECK-NOT: with_previous

// "b" is read for the last time in the stage in which "d" is written for the first time, so they do not share bytes.
// PLAN: kern.buffer "a" {{.*}}offset = 128 : i64
// PLAN: kern.buffer "b" {{.*}}offset = 192 : i64
// PLAN: kern.buffer "d" {{.*}}offset = 256 : i64
kern.program @x86_64 {
  %in = kern.buffer "in" {space = #kern<space input>, bytes = 32 : i64}
  %out = kern.buffer "out" {space = #kern<space output>, bytes = 32 : i64}
  %a = kern.buffer "a" {space = #kern<space arena>, bytes = 32 : i64}
  %b = kern.buffer "b" {space = #kern<space arena>, bytes = 32 : i64}
  %d = kern.buffer "d" {space = #kern<space arena>, bytes = 32 : i64}
  %vin = kern.view %in {element = f32, offset = 0 : i64, mins = #none, starts = #none, extents = #eight, strides = array<i64: 1>}
  %vout = kern.view %out {element = f32, offset = 0 : i64, mins = #none, starts = #none, extents = #eight, strides = array<i64: 1>}
  %va = kern.view %a {element = f32, offset = 0 : i64, mins = #none, starts = #none, extents = #eight, strides = array<i64: 1>}
  %vb = kern.view %b {element = f32, offset = 0 : i64, mins = #none, starts = #none, extents = #eight, strides = array<i64: 1>}
  %vd = kern.view %d {element = f32, offset = 0 : i64, mins = #none, starts = #none, extents = #eight, strides = array<i64: 1>}
  kern.call @copy(%vin, %va) {kernel_one = @copy, outputs = 1 : i64, units = #one, rows = #one, name = "first"}
  kern.call @copy(%vin, %vb) {kernel_one = @copy, outputs = 1 : i64, units = #one, rows = #one, name = "second"}
  kern.call @copy(%va, %vout) {kernel_one = @copy, outputs = 1 : i64, units = #one, rows = #one, name = "third"}
  kern.call @copy(%vb, %va) {kernel_one = @copy, outputs = 1 : i64, units = #one, rows = #one, name = "fourth"}
  kern.call @copy(%vin, %vd) {kernel_one = @copy, outputs = 1 : i64, units = #one, rows = #one, name = "fifth"}
  kern.call @copy(%vin, %vd) {kernel_one = @copy, outputs = 1 : i64, units = #one, rows = #one, name = "sixth"}
}
