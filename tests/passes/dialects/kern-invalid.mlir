// Each verifier refuses what it must, with its reason.
// RUN: quantc-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{parameter 'width' is not a string}}
kern.kernel @k attributes {family = "map", params = {width = 64 : i64}} {
}

// -----

// expected-error @+1 {{region does not end with tfm.yield}}
kern.kernel @k attributes {family = "map", params = {}} {
^bb0(%x: f32):
  %y = arith.addf %x, %x : f32
}

// -----

kern.program @p {
  // expected-error @+1 {{names scheme 'int3', known are }}
  %c = kern.constant "w" {expr = #tfm.stored<0, "w", tensor<8x64xf32>>, scheme = "int3", packed = true, role = "linear", bytes = 256 : i64}
}

// -----

kern.program @p {
  // expected-error @+1 {{has an expression that does not fit together}}
  %c = kern.constant "w" {expr = #tfm.permuted<#tfm.stored<0, "w", tensor<8x64xf32>>, [0]>, scheme = "f32", packed = true, role = "linear", bytes = 2048 : i64}
}

// -----

kern.program @p {
  // expected-error @+1 {{expected a matrix}}
  %c = kern.constant "w" {expr = #tfm.stored<0, "w", tensor<64xf32>>, scheme = "f32", packed = true, role = "linear", bytes = 256 : i64}
}

// -----

kern.program @p {
  // expected-error @+1 {{only f32 can be stored unpacked}}
  %c = kern.constant "w" {expr = #tfm.stored<0, "w", tensor<8x64xf32>>, scheme = "int8", packed = false, role = "linear", bytes = 544 : i64}
}

// -----

kern.program @p {
  // expected-error @+1 {{has 255 bytes, expected 256}}
  %c = kern.constant "w" {expr = #tfm.stored<0, "w", tensor<64xf32>>, scheme = "f32", packed = false, role = "norm", bytes = 255 : i64}
}

// -----

kern.program @p {
  // expected-error @+1 {{has a negative size}}
  %b = kern.buffer "x" {space = #kern<space arena>, bytes = -1 : i64}
}

// -----

kern.program @p {
  // expected-error @+1 {{lies among the weights, which are kern.constant}}
  %b = kern.buffer "x" {space = #kern<space weights>, bytes = 64 : i64}
}

// -----

kern.program @p {
  %b = kern.buffer "x" {space = #kern<space arena>, bytes = 64 : i64}
  // expected-error @+1 {{has a map of 1 results, expected 2 results of the step's symbols}}
  %v = kern.view %b {element = f32, offset = 0 : i64, mins = affine_map<()[s0, s1, s2] -> (0, 0)>, starts = affine_map<()[s0, s1, s2] -> (0, 0)>,
                     extents = affine_map<()[s0, s1, s2] -> (16)>, strides = array<i64: 1, 16>}
}

// -----

kern.program @p {
  %b = kern.buffer "x" {space = #kern<space arena>, bytes = 64 : i64}
  // expected-error @+1 {{splits dimension 1 of 1}}
  %v = kern.view %b {element = f32, offset = 0 : i64, mins = affine_map<()[s0, s1, s2] -> (0)>, starts = affine_map<()[s0, s1, s2] -> (0)>,
                     extents = affine_map<()[s0, s1, s2] -> (16)>, strides = array<i64: 1>, split_dim = 1 : i64}
}

// -----

kern.program @p {
  %b = kern.buffer "x" {space = #kern<space arena>, bytes = 64 : i64}
  %v = kern.view %b {element = f32, offset = 0 : i64, mins = affine_map<()[s0, s1, s2] -> (0)>, starts = affine_map<()[s0, s1, s2] -> (0)>,
                     extents = affine_map<()[s0, s1, s2] -> (16)>, strides = array<i64: 1>}
  // expected-error @+1 {{which is not a kern.kernel of the module}}
  kern.call @absent(%v) {kernel_one = @absent, outputs = 1 : i64, units = affine_map<()[s0, s1, s2] -> (1)>, rows = affine_map<()[s0, s1, s2] -> (1)>, name = "c"}
}

// -----

kern.kernel @k attributes {family = "append", params = {}} {
}
kern.program @p {
  %b = kern.buffer "x" {space = #kern<space arena>, bytes = 64 : i64}
  %v = kern.view %b {element = f32, offset = 0 : i64, mins = affine_map<()[s0, s1, s2] -> (0)>, starts = affine_map<()[s0, s1, s2] -> (0)>,
                     extents = affine_map<()[s0, s1, s2] -> (16)>, strides = array<i64: 1>}
  // expected-error @+1 {{has 2 outputs among 1 views}}
  kern.call @k(%v) {kernel_one = @k, outputs = 2 : i64, units = affine_map<()[s0, s1, s2] -> (1)>, rows = affine_map<()[s0, s1, s2] -> (1)>, name = "c"}
}

// -----

kern.kernel @k attributes {family = "append", params = {}} {
}
kern.program @p {
  %b = kern.buffer "x" {space = #kern<space arena>, bytes = 64 : i64}
  %v = kern.view %b {element = f32, offset = 0 : i64, mins = affine_map<()[s0, s1, s2] -> (0)>, starts = affine_map<()[s0, s1, s2] -> (0)>,
                     extents = affine_map<()[s0, s1, s2] -> (16)>, strides = array<i64: 1>}
  // expected-error @+1 {{has -1 and 0 multiply-adds and a window of 0, expected none below 0}}
  kern.call @k(%v) {kernel_one = @k, outputs = 1 : i64, units = affine_map<()[s0, s1, s2] -> (1)>, rows = affine_map<()[s0, s1, s2] -> (1)>, name = "c", row_multiply_adds = -1 : i64}
}

// -----

kern.program @p {
  %b = kern.buffer "x" {space = #kern<space arena>, bytes = 64 : i64}
  // expected-error @+1 {{expected linear expressions of the step's 3 symbols}}
  %v = kern.view %b {element = f32, offset = 0 : i64, mins = affine_map<()[s0, s1, s2] -> (0)>, starts = affine_map<()[s0, s1, s2] -> (0)>,
                     extents = affine_map<()[s0, s1, s2] -> (s0 floordiv 2)>, strides = array<i64: 1>}
}

// -----

kern.program @p {
  %b = kern.buffer "x" {space = #kern<space arena>, bytes = 64 : i64}
  // expected-error @+1 {{is divided into units of 0, expected 1 to}}
  %v = kern.view %b {element = f32, offset = 0 : i64, mins = affine_map<()[s0, s1, s2] -> (0)>, starts = affine_map<()[s0, s1, s2] -> (0)>,
                     extents = affine_map<()[s0, s1, s2] -> (16)>, strides = array<i64: 1>, split_dim = 0 : i64, split_unit = 0 : i64}
}

// -----

kern.program @p {
  %b = kern.buffer "x" {space = #kern<space arena>, bytes = 64 : i64}
  // expected-error @+1 {{'logits' is not of an output buffer}}
  kern.port "logits" %b {element = f32, shape = affine_map<()[s0, s1, s2] -> (s2)>, is_output = true}
}
