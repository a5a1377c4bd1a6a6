// From a Halide module to an object file or assembly text for one variant of a target.
#pragma once

#include <vector>

#include "compiler/kernels/Family.h"

namespace quantc::kernels {

enum class Emit { object, assembly };

/// What floating point code may do: what docs/numerics.md says, or whatever Halide and LLVM know to be faster. Relaxed code never reaches an artifact;
/// bench/contract_cost.cpp weighs the contract with it.
enum class Rounding { strict, relaxed };

Facts factsOf(const TargetVariant& target);
Halide::Target halideTargetOf(const TargetVariant& target, Rounding rounding = Rounding::strict);
std::vector<char> emitModule(const Halide::Module& module, const TargetVariant& target, Emit emit, Rounding rounding = Rounding::strict);

/// compileKernel, relaxed: fused multiply-adds, other orders of sums, approximate reciprocals. Without a cache.
KernelObject compileRelaxed(const KernelSpec& spec, const TargetVariant& target);

}  // namespace quantc::kernels
