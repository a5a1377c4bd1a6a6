// Halide's code for riscv64, freed from a fixed vector length.
//
// Halide 19 writes scalable vectors under the promise that registers have exactly `vector_bits` bits; on a processor with longer ones the code
// reads and writes beyond its data. It also writes vector-predicated operations, whose memory accesses LLVM keeps in memory. Both are undone here:
// scalable types become fixed ones (which LLVM compiles for any length from 128 bits on), predicated operations that have nothing to predicate
// become plain ones, and the result is optimised again. For the variant without vectors the feature is taken away as well.
#pragma once

#include <memory>

#include <llvm/IR/Module.h>

#include "targets/Target.h"

namespace quantc::kernels {

/// Whether the variant of riscv64 may use vector instructions.
bool hasVectors(const TargetVariant& target);

/// The module belongs to the context of the one given. Throws UserError when it contains something that cannot be converted.
std::unique_ptr<llvm::Module> withoutVectorLength(const llvm::Module& module, bool vectors);

}  // namespace quantc::kernels
