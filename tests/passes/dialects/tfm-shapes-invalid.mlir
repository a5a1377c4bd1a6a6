// Shapes that no number can be computed of.
// RUN: quantc-opt %s -split-input-file -verify-diagnostics

func.func @no_encoding(%x: tensor<?x8xf32>) {
  // expected-error @below {{operand #0 must be tensor whose dimensions are constants or expressions of the step's symbols}}
  %0 = tfm.unary exp %x : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

#dims = affine_map<(d0) -> (d0, 8)>
func.func @dimension(%x: tensor<?x8xf32, #dims>) {
  // expected-error @below {{must be tensor whose dimensions}}
  %0 = tfm.unary exp %x : (tensor<?x8xf32, #dims>) -> tensor<?x8xf32, #dims>
  return
}

// -----

#few = affine_map<()[s0, s1, s2] -> (s0)>
func.func @rank(%x: tensor<?x8xf32, #few>) {
  // expected-error @below {{must be tensor whose dimensions}}
  %0 = tfm.unary exp %x : (tensor<?x8xf32, #few>) -> tensor<?x8xf32, #few>
  return
}

// -----

#division = affine_map<()[s0, s1, s2] -> (s0 floordiv s1, 8)>
func.func @division(%x: tensor<?x8xf32, #division>) {
  // expected-error @below {{must be tensor whose dimensions}}
  %0 = tfm.unary exp %x : (tensor<?x8xf32, #division>) -> tensor<?x8xf32, #division>
  return
}

// -----

func.func @large() {
  // expected-error @below {{has an expression that does not fit together}}
  %0 = tfm.weight #tfm.stored<0, "w", tensor<1099511627776x1099511627776xf32>> -> tensor<1099511627776x1099511627776xf32>
  return
}

// -----

func.func @negative() {
  // expected-error @below {{has an expression that does not fit together}}
  %0 = tfm.weight #tfm.reshaped<#tfm.stored<0, "w", tensor<12xf32>>, [-3, -4]> -> tensor<12xf32>
  return
}
