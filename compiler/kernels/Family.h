// What the files of the kernel families share: their parameters, the facts of a target that schedules ask for, and how arguments are declared.
#pragma once

#include <string>
#include <vector>

#include <Halide.h>

#include "compiler/kernels/Kernel.h"

namespace quantc::kernels {

/// Facts of a target that schedules depend on. Results never do.
struct Facts {
  DotForm dotForm;
  WeightLayout layout;
  int lanes;            ///< float32 values of a vector register; 1: no vectors
  int registers;        ///< vector registers, or float registers where there are no vectors
  bool halfConversion;  ///< binary16 to float32 and back in hardware
  bool vectors() const { return lanes > 1; }
};

/// A pipeline before it has a name: arguments in the order of Kernel.h.
struct Family {
  std::vector<Halide::ImageParam> inputs;
  std::vector<Halide::Func> outputs;
};

/// Typed access to a spec's parameters. Throws UserError for a missing or malformed one.
class Params {
public:
  explicit Params(const KernelSpec& spec) : spec(spec) {}
  const ScalarProgram& program() const { return spec.program; }
  std::string text(const std::string& name) const;
  /// A parameter that may be missing.
  std::string textOr(const std::string& name, const std::string& otherwise) const;
  /// One of `choices`.
  std::string choice(const std::string& name, const std::vector<std::string>& choices) const;
  bool flag(const std::string& name) const;
  int64_t integer(const std::string& name, int64_t lowest, int64_t highest) const;
  float number(const std::string& name) const;
  [[noreturn]] void fail(const std::string& what) const;

private:
  const KernelSpec& spec;
};

#define KERNEL(name, function, summary) Family function(const Params& params, const Facts& facts);
#include "compiler/kernels/kernels.inc"
#undef KERNEL

/// Vectorizes dimension `x` by `count` where the target has vectors; a rest narrower than that is done one by one.
Halide::Stage vectorizeRows(Halide::Stage stage, const Halide::VarOrRVar& x, int count, const Facts& facts);

/// Keeps a small intermediate of constant size out of the heap, of which kernels have none.
void keepOnStack(Halide::Func func);

/// The inputs that a string such as "ffr" names (Kernel.h): f (width, tokens), r (width), c (1).
class Operands {
public:
  /// Declares them and appends them to `inputs`.
  Operands(const Params& params, const std::string& kinds, std::vector<Halide::ImageParam>& inputs);
  /// Their values at column i of token t.
  std::vector<Halide::Expr> at(const Halide::Expr& i, const Halide::Expr& t) const;
  /// Columns of the first `f`, or undefined without one.
  Halide::Expr width() const;

private:
  std::string kinds;
  std::vector<Halide::ImageParam> params;
};

}  // namespace quantc::kernels
