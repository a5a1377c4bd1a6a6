// Code images of a lowered module: every kernel for every variant of the programs' architectures.
#pragma once

#include "compiler/emit/Emit.h"
#include "compiler/kernels/Kernel.h"
#include "dialects/kern/Kern.h"

namespace quantc {

struct GeneratedVariant {
  TargetVariant target;
  kernels::CodeImage image;  ///< entries in the order of the module's kern.kernel operations
};

struct GeneratedCode {
  std::vector<kernels::KernelSpec> specs;
  std::vector<std::string> symbols;
  std::vector<GeneratedVariant> variants;
};

/// The plain description of a kern.kernel. Throws UserError when its region holds an operation that kernels cannot compute.
kernels::KernelSpec kernelSpecOf(kern::KernelOp kernel);

/// Architecture of a program: its symbol names it, whether it encodes or not.
Architecture architectureOf(kern::ProgramOp program);

GeneratedCode generateCode(mlir::ModuleOp module, const EmitOptions& options, EmitReport& report);

}  // namespace quantc
