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

/// Packs every kern.constant of the program at its offset, zeros between, `weightBytes` in all. A few megabytes are in memory at a time; `jobs`
/// threads pack, and the bytes do not depend on how many. Throws UserError for weights that are not finite and for constants whose offsets or
/// sizes do not fit.
void packWeights(kern::ProgramOp program, const WeightLayout& layout, const WeightReader& reader, const EmitOptions& options,
                 const ByteSink& sink);

/// `kern.weight_bytes` and `kern.arena_bytes` of a program. Throw UserError where it was not planned.
uint64_t weightBytesOf(kern::ProgramOp program);
uint64_t arenaBytesOf(kern::ProgramOp program);

}  // namespace quantc
