// The weights segment: constants of a program, packed and written in order.
#pragma once

#include <array>
#include <functional>

#include "compiler/emit/Emit.h"
#include "compiler/weights/WeightReader.h"
#include "dialects/kern/Kern.h"
#include "targets/Target.h"

namespace quantc {

/// Gets consecutive bytes of the segment.
using ByteSink = std::function<void(const void* data, size_t bytes)>;

/// Packs every kern.constant of the programs, which share a plan of weights, at its offset, zeros between, `kern.weight_bytes` in all. A few
/// megabytes are in memory at a time; `jobs` threads pack, and the bytes do not depend on how many. Throws UserError for weights that are not finite
/// and for constants whose offsets or sizes do not fit.
void packWeights(llvm::ArrayRef<kern::ProgramOp> programs, const WeightLayout& layout, const WeightReader& reader,
                 const EmitOptions& options, const ByteSink& sink);

/// The constants of programs that share a plan of weights, each once, in the order of their offsets where they have such.
std::vector<kern::ConstantOp> constantsOf(llvm::ArrayRef<kern::ProgramOp> programs);

/// `kern.weight_bytes` and `kern.arena_bytes` of a program. Throw UserError where it was not planned.
uint64_t weightBytesOf(kern::ProgramOp program);
uint64_t arenaBytesOf(kern::ProgramOp program);

}  // namespace quantc
