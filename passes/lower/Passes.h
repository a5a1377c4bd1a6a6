// Passes that turn a fused model into calls of kernels on planned memory.
#pragma once

#include <memory>

#include "dialects/kern/Kern.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace quantc {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/lower/Passes.h.inc"
}  // namespace quantc
