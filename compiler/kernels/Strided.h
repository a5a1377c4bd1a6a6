// Operands of the generic families: float32 or int32 arrays of any rank, whose innermost stride is a parameter.
#pragma once

#include "compiler/kernels/Family.h"

namespace quantc::kernels {

/// Two letters of parameter text: f (float32) or i (int32), then the innermost stride: 1, 0 (repeated) or s (any).
struct OperandForm {
  bool isFloat;
  char stride;
  bool dense() const { return stride == '1'; }
  /// Consecutive elements can be read as a vector.
  bool vectors() const { return stride != 's'; }
};

/// The forms that text such as "f1i0" names.
std::vector<OperandForm> operandForms(const Params& params, const std::string& text);

/// An input of this form and rank; strides but the innermost are free.
Halide::ImageParam declareInput(const OperandForm& form, int rank, const std::string& name);
/// The same for a result.
void declareOutput(Halide::Func out, const OperandForm& form);

/// One variable per dimension, innermost first.
std::vector<Halide::Var> variables(int rank);

/// Between float32 and int32: towards zero, clamped to what int32 holds, NaN to 0.
Halide::Expr convertTo(bool toFloat, const Halide::Expr& value);

}  // namespace quantc::kernels
