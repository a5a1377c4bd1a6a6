// Code images of a lowered module: for every variant the kernels that the programs of its architecture call.
#pragma once

#include <map>

#include "compiler/emit/Emit.h"
#include "compiler/kernels/Kernel.h"
#include "dialects/kern/Kern.h"

namespace quantc {

struct GeneratedVariant {
  TargetVariant target;
  kernels::CodeImage image;  ///< entries in the order of the architecture's kernels
};

struct GeneratedKernel {
  std::string name;  ///< of the kern.kernel
  kernels::KernelSpec spec;
  std::string symbol;
};

struct GeneratedCode {
  /// What the programs of an architecture call, steps and encoder together, in the order of the module. Another architecture's kernels may not
  /// even be possible: its tiles have another size.
  std::map<Architecture, std::vector<GeneratedKernel>> kernels;
  std::vector<GeneratedVariant> variants;
};

/// The plain description of a kern.kernel. Throws UserError when its region holds an operation that kernels cannot compute.
kernels::KernelSpec kernelSpecOf(kern::KernelOp kernel);

/// Architecture of a program: its symbol names it, whether it encodes or not.
Architecture architectureOf(kern::ProgramOp program);

GeneratedCode generateCode(mlir::ModuleOp module, const EmitOptions& options, EmitReport& report);

}  // namespace quantc
