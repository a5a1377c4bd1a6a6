#include "compiler/kernels/Scalar.h"

#include "compiler/kernels/Math.h"

namespace quantc::kernels {

using namespace Halide;

Expr evaluate(const Params& params, const ScalarProgram& program, const std::vector<Expr>& inputs) {
  if (program.empty()) {
    if (inputs.size() != 1)
      params.fail("an empty program takes 1 input, given " + std::to_string(inputs.size()) + "; write the program out");
    return inputs.front();
  }
  std::vector<Expr> values;
  auto operand = [&](int index) {
    if (index < 0 || index >= static_cast<int>(values.size()))
      params.fail("operand " + std::to_string(index) + " of value " + std::to_string(values.size()) +
                  " is not an earlier one; reorder the program");
    return values[index];
  };
  for (const ScalarOp& op : program.ops) {
    using Kind = ScalarOp::Kind;
    Expr value;
    switch (op.kind) {
    case Kind::input:
      if (op.a < 0 || op.a >= static_cast<int>(inputs.size()))
        params.fail("the program reads input " + std::to_string(op.a) + " of " + std::to_string(inputs.size()) +
                    "; give that many operands");
      value = inputs[op.a];
      break;
    case Kind::constant: value = op.value; break;
    case Kind::add: value = operand(op.a) + operand(op.b); break;
    case Kind::sub: value = operand(op.a) - operand(op.b); break;
    case Kind::mul: value = operand(op.a) * operand(op.b); break;
    case Kind::div: value = operand(op.a) / operand(op.b); break;
    case Kind::max: value = largerOf(operand(op.a), operand(op.b)); break;
    case Kind::min: value = smallerOf(operand(op.a), operand(op.b)); break;
    case Kind::neg: value = negated(operand(op.a)); break;
    case Kind::abs: value = magnitudeOf(operand(op.a)); break;
    case Kind::sqrt: value = sqrt(operand(op.a)); break;
    case Kind::exp: value = expOf(operand(op.a)); break;
    case Kind::log: value = logOf(operand(op.a)); break;
    case Kind::tanh: value = tanhOf(operand(op.a)); break;
    case Kind::erf: value = erfOf(operand(op.a)); break;
    case Kind::floor: value = floorOf(operand(op.a)); break;
    case Kind::ceil: value = ceilOf(operand(op.a)); break;
    case Kind::round: value = roundOf(operand(op.a)); break;
    case Kind::less: value = select(strict_float(operand(op.a) < operand(op.b)), 1.0f, 0.0f); break;
    case Kind::equal: value = select(strict_float(operand(op.a) == operand(op.b)), 1.0f, 0.0f); break;
    case Kind::select: value = select(strict_float(operand(op.a) != 0.0f), operand(op.b), operand(op.c)); break;
    }
    values.push_back(value);
  }
  return values.back();
}

}  // namespace quantc::kernels
