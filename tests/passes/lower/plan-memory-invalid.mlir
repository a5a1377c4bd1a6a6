// RUN: quantc-opt %s --split-input-file --verify-diagnostics --plan-memory

kern.program @x86_64 {
  // expected-error @below {{'a' has 9223372036854775807 bytes, at most 70368744177664 are possible}}
  %a = kern.buffer "a" {space = #kern<space arena>, bytes = 9223372036854775807 : i64}
}

// -----

#none = affine_map<()[s0, s1, s2] -> (0)>
kern.program @x86_64 {
  %b = builtin.unrealized_conversion_cast to !kern.buffer
  // expected-error @below {{is not of a kern.constant or kern.buffer}}
  %v = kern.view %b {element = f32, offset = 0 : i64, mins = #none, starts = #none, extents = #none, strides = array<i64: 1>}
}

// -----

#one = affine_map<()[s0, s1, s2] -> (1)>
kern.kernel @copy attributes {family = "append", params = {}} {}
kern.program @x86_64 {
  %v = builtin.unrealized_conversion_cast to !kern.view
  // expected-error @below {{has an argument that is not of a kern.view}}
  kern.call @copy(%v) {kernel_one = @copy, outputs = 1 : i64, units = #one, rows = #one, name = "1"}
}
