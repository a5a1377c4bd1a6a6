// From a Halide module to an object file or assembly text for one variant of a target.
#pragma once

#include <vector>

#include "compiler/kernels/Family.h"

namespace quantc::kernels {

enum class Emit { object, assembly };

Facts factsOf(const TargetVariant& target);
Halide::Target halideTargetOf(const TargetVariant& target);
std::vector<char> emitModule(const Halide::Module& module, const TargetVariant& target, Emit emit);

}  // namespace quantc::kernels
