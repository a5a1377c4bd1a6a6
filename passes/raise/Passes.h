// Passes that recognize transformer building blocks in primitive operations.
#pragma once

#include <memory>

#include "dialects/tfm/Tfm.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace quantc {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "passes/raise/Passes.h.inc"
}  // namespace quantc
