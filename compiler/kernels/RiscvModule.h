#pragma once

#include <memory>

#include <llvm/IR/Module.h>

#include "targets/Target.h"

namespace quantc::kernels {

/// Whether the variant of riscv64 may use vector instructions.
bool hasVectors(const TargetVariant& target);

std::unique_ptr<llvm::Module> withoutFixedVectorLength(std::unique_ptr<llvm::Module> module, bool vectors);

}  // namespace quantc::kernels
