// out(v) = op(operand 0 at v, operand 1 at v, ...) on arrays of any rank and strides: what has no kernel of its own.
// op=program computes with float32; every other operation with float32 or int32 by `type`, integers modulo 2^32.
#include "compiler/kernels/Strided.h"

#include "compiler/kernels/Scalar.h"

namespace quantc::kernels {

using namespace Halide;

std::vector<OperandForm> operandForms(const Params& params, const std::string& text) {
  std::vector<OperandForm> forms;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    forms.push_back({text[i] == 'f', text[i + 1]});
  bool known = text.size() % 2 == 0;
  for (size_t i = 0; i < forms.size(); ++i)
    known &= (text[2 * i] == 'f' || text[2 * i] == 'i') && std::string("10s").find(forms[i].stride) != std::string::npos;
  if (!known)
    params.fail("operands are '" + text + "'; use pairs of f or i and 1, 0 or s");
  return forms;
}

ImageParam declareInput(const OperandForm& form, int rank, const std::string& name) {
  ImageParam input(form.isFloat ? Type(Float(32)) : Type(Int(32)), rank, name);
  input.dim(0).set_stride(form.stride == 's' ? Expr() : Expr(form.stride - '0'));
  return input;
}

void declareOutput(Func out, const OperandForm& form) {
  if (!form.dense())
    out.output_buffer().dim(0).set_stride(Expr());
}

std::vector<Var> variables(int rank) {
  std::vector<Var> vars;
  for (int d = 0; d < rank; ++d)
    vars.emplace_back("d" + std::to_string(d));
  return vars;
}

Expr convertTo(bool toFloat, const Expr& value) {
  if (toFloat == value.type().is_float())
    return value;
  if (toFloat)
    return strict_float(cast<float>(value));
  // What targets do beyond the range of int32 differs.
  Expr inside = select(strict_float(value < -2147483648.0f), -2147483648.0f, value);
  inside = select(strict_float(inside > 2147483520.0f), 2147483520.0f, inside);
  return cast<int32_t>(select(strict_float(value == value), inside, 0.0f));
}

namespace {

Expr wrapped(const Expr& value) { return reinterpret<int32_t>(value); }
Expr bits(const Expr& value) { return reinterpret<uint32_t>(value); }
Expr truth(const Expr& condition) { return select(condition, 1, 0); }

Expr quotient(const Expr& a, const Expr& b) {
  Expr safe = select(b == 0 || b == -1, 1, b);  // -1 separately: the least number has no negative
  // Halide divides so that the remainder is never negative.
  Expr whole = a / safe, rest = a - whole * safe;
  Expr truncated = select(rest != 0 && a < 0, select(safe > 0, whole + 1, whole - 1), whole);
  return select(b == 0, 0, b == -1, wrapped(bits(Expr(0)) - bits(a)), truncated);
}

Expr modulus(const Expr& a, const Expr& b) {
  Expr safe = select(b == 0 || b == -1, 1, b);
  Expr rest = a - (a / safe) * safe;  // 0 to |b| - 1
  return select(b == 0 || b == -1, 0, safe < 0 && rest != 0, rest + safe, rest);
}

Expr power(const Expr& a, const Expr& b) {
  Expr result = bits(Expr(1)), base = bits(a);
  for (int bit = 0; bit < 31; ++bit) {
    result = select(((bits(b) >> bit) & bits(Expr(1))) != bits(Expr(0)), result * base, result);
    base = base * base;
  }
  return select(b < 0, 0, wrapped(result));
}

struct IntegerRow {
  const char* name;
  Expr (*apply)(const std::vector<Expr>&);
};
using Args = const std::vector<Expr>&;

const IntegerRow kIntegerOps[] = {
    {"neg", [](Args x) { return wrapped(bits(Expr(0)) - bits(x[0])); }},
    {"abs", [](Args x) { return select(x[0] < 0, wrapped(bits(Expr(0)) - bits(x[0])), x[0]); }},
    {"relu", [](Args x) { return max(x[0], 0); }},
    {"sign", [](Args x) { return select(x[0] > 0, 1, x[0] < 0, -1, 0); }},
    {"add", [](Args x) { return wrapped(bits(x[0]) + bits(x[1])); }},
    {"sub", [](Args x) { return wrapped(bits(x[0]) - bits(x[1])); }},
    {"mul", [](Args x) { return wrapped(bits(x[0]) * bits(x[1])); }},
    {"div", [](Args x) { return quotient(x[0], x[1]); }},
    {"mod", [](Args x) { return modulus(x[0], x[1]); }},
    {"pow", [](Args x) { return power(x[0], x[1]); }},
    {"max", [](Args x) { return max(x[0], x[1]); }},
    {"min", [](Args x) { return min(x[0], x[1]); }},
    {"and", [](Args x) { return truth(x[0] != 0 && x[1] != 0); }},
    {"or", [](Args x) { return truth(x[0] != 0 || x[1] != 0); }},
    {"xor", [](Args x) { return truth((x[0] != 0) != (x[1] != 0)); }},
    {"not", [](Args x) { return truth(x[0] == 0); }},
    {"wrap2", [](Args x) { return wrapped(bits(x[0]) << 30) >> 30; }},
    {"wrapu2", [](Args x) { return wrapped(bits(x[0]) & bits(Expr(0x3))); }},
    {"wrap4", [](Args x) { return wrapped(bits(x[0]) << 28) >> 28; }},
    {"wrapu4", [](Args x) { return wrapped(bits(x[0]) & bits(Expr(0xf))); }},
    {"wrap8", [](Args x) { return cast<int32_t>(cast<int8_t>(x[0])); }},
    {"wrapu8", [](Args x) { return wrapped(bits(x[0]) & bits(Expr(0xff))); }},
    {"wrap16", [](Args x) { return cast<int32_t>(cast<int16_t>(x[0])); }},
    {"wrapu16", [](Args x) { return wrapped(bits(x[0]) & bits(Expr(0xffff))); }},
};

/// Of float32 or int32 operands: an int32 that is 1 or 0.
const IntegerRow kComparisons[] = {
    {"less", [](Args x) { return strict_float(x[0] < x[1]); }},           {"less_equal", [](Args x) { return strict_float(x[0] <= x[1]); }},
    {"equal", [](Args x) { return strict_float(x[0] == x[1]); }},         {"greater", [](Args x) { return strict_float(x[0] > x[1]); }},
    {"greater_equal", [](Args x) { return strict_float(x[0] >= x[1]); }},
};

Expr apply(const Params& params, const std::string& op, const std::vector<Expr>& operands) {
  const bool isFloat = params.choice("type", {"f", "i"}) == "f";
  auto need = [&](size_t count) {
    if (operands.size() < count)
      params.fail("operation '" + op + "' takes " + std::to_string(count) + " operands, given " + std::to_string(operands.size()));
  };
  need(1);
  std::vector<Expr> x;
  for (const Expr& operand : operands)
    x.push_back(convertTo(isFloat, operand));
  if (op == "copy")
    return x[0];
  if (op == "bool")
    return truth(isFloat ? strict_float(x[0] != 0.0f) : x[0] != 0);
  if (op == "select") {
    need(3);
    return select(convertTo(false, operands[0]) != 0, x[1], x[2]);
  }
  for (const IntegerRow& row : kComparisons)
    if (op == row.name) {
      need(2);
      return truth(row.apply(x));
    }
  for (const IntegerRow& row : kIntegerOps)
    if (op == row.name && !isFloat) {
      const bool unary = op == "neg" || op == "abs" || op == "relu" || op == "sign" || op == "not" || op.rfind("wrap", 0) == 0;
      need(unary ? 1 : 2);
      return row.apply(x);
    }
  params.fail("operation '" + op + "' of type " + (isFloat ? "f" : "i") + " is not known");
}

}  // namespace

Family buildStrided(const Params& params, const Facts& facts) {
  const int rank = static_cast<int>(params.integer("rank", 1, 6));
  const std::vector<OperandForm> forms = operandForms(params, params.text("operands"));
  const std::vector<OperandForm> results = operandForms(params, params.text("result"));
  if (forms.empty() || results.size() != 1)
    params.fail("has " + std::to_string(forms.size()) + " operands and " + std::to_string(results.size()) + " results; give some and one");
  const std::vector<Var> vars = variables(rank);
  Family family;
  std::vector<Expr> operands;
  const std::string op = params.text("op");
  // Vectors of truth values are more than RVV's code generator can negate.
  bool vectors = results[0].dense() && (op == "program" || op == "copy" || op == "add" || op == "sub" || op == "mul");
  for (const OperandForm& form : forms) {
    family.inputs.push_back(declareInput(form, rank, "x" + std::to_string(family.inputs.size())));
    operands.push_back(family.inputs.back()(std::vector<Expr>(vars.begin(), vars.end())));
    vectors &= form.vectors();
  }
  Expr value;
  if (op == "program") {
    for (Expr& operand : operands)
      operand = convertTo(true, operand);
    value = evaluate(params, params.program(), operands);
  } else {
    value = apply(params, op, operands);
  }
  Func out("out");
  out(vars) = convertTo(results[0].isFloat, value);
  declareOutput(out, results[0]);
  if (vectors)
    vectorizeRows(out, vars[0], facts.lanes, facts);
  family.outputs = {out};
  return family;
}

}  // namespace quantc::kernels
