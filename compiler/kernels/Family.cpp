#include "compiler/kernels/Family.h"

#include <cerrno>
#include <cstdlib>

#include "compiler/support/Error.h"

namespace quantc::kernels {

using namespace Halide;

void Params::fail(const std::string& what) const { throw UserError("kernel " + spec.family, what); }

std::string Params::text(const std::string& name) const {
  auto found = spec.params.find(name);
  if (found == spec.params.end())
    fail("parameter '" + name + "' is missing; give it");
  return found->second;
}

std::string Params::textOr(const std::string& name, const std::string& otherwise) const {
  return spec.params.count(name) ? spec.params.at(name) : otherwise;
}

std::string Params::choice(const std::string& name, const std::vector<std::string>& choices) const {
  const std::string value = text(name);
  std::string known;
  for (const std::string& choice : choices) {
    if (choice == value)
      return value;
    known += (known.empty() ? "" : ", ") + choice;
  }
  fail("parameter '" + name + "' is '" + value + "'; use one of " + known);
}

bool Params::flag(const std::string& name) const { return choice(name, {"0", "1"}) == "1"; }

int64_t Params::integer(const std::string& name, int64_t lowest, int64_t highest) const {
  const std::string value = text(name);
  char* end = nullptr;
  errno = 0;
  const long long number = std::strtoll(value.c_str(), &end, 10);
  if (value.empty() || *end || errno || number < lowest || number > highest)
    fail("parameter '" + name + "' is '" + value + "'; use a number from " + std::to_string(lowest) + " to " + std::to_string(highest));
  return number;
}

float Params::number(const std::string& name) const {
  const std::string value = text(name);
  char* end = nullptr;
  const float number = std::strtof(value.c_str(), &end);
  if (value.empty() || *end)
    fail("parameter '" + name + "' is '" + value + "'; use a number");
  return number;
}

Stage vectorizeRows(Stage stage, const VarOrRVar& x, int count, const Facts& facts) {
  return facts.vectors() ? stage.vectorize(x, count, TailStrategy::GuardWithIf) : stage;
}

void keepOnStack(Func func) { func.store_in(MemoryType::Stack); }

Operands::Operands(const Params& params, const std::string& kinds, std::vector<ImageParam>& inputs) : kinds(kinds) {
  for (char kind : kinds) {
    if (kind != 'f' && kind != 'r' && kind != 'c')
      params.fail("parameter 'operands' has '" + std::string(1, kind) + "'; use f, r and c");
    this->params.emplace_back(Float(32), kind == 'f' ? 2 : 1, "operand" + std::to_string(this->params.size()));
  }
  inputs.insert(inputs.end(), this->params.begin(), this->params.end());
}

std::vector<Expr> Operands::at(const Expr& i, const Expr& t) const {
  std::vector<Expr> values;
  for (size_t n = 0; n < kinds.size(); ++n)
    values.push_back(kinds[n] == 'f' ? params[n](i, t) : kinds[n] == 'r' ? params[n](i) : params[n](0));
  return values;
}

Expr Operands::width() const {
  const size_t first = kinds.find('f');
  return first == std::string::npos ? Expr() : Expr(params[first].dim(0).extent());
}

}  // namespace quantc::kernels
