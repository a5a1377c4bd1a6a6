#include "compiler/kernels/RiscvModule.h"

#include <algorithm>

namespace quantc::kernels {

bool hasVectors(const TargetVariant& target) {
  return std::find(target.cpuFeatures.begin(), target.cpuFeatures.end(), "v") != target.cpuFeatures.end();
}

std::unique_ptr<llvm::Module> withoutFixedVectorLength(std::unique_ptr<llvm::Module> module, bool vectors) { return module; }

}  // namespace quantc::kernels
