// The dot forms (docs/architecture.md), one a file: algorithm and schedule, but for the place, of a group's sums.
#pragma once

#include "compiler/kernels/Codes.h"
#include "compiler/kernels/IntegerDot.h"

namespace quantc::kernels {

/// maddubs: u8 * s8 pairs in 16 bits, then pairs in 32; int8 for many tokens: s16 * s16 pairs in 32 (x86).
IntegerDot pairs(const Codes& codes, bool many);
/// widen: products and a few sums in 16 bits, then pairwise sums in 32 (NEON without dotprod).
IntegerDot widening(const Codes& codes);
/// maddubs (paired) and widen for codes of 6 bits.
IntegerDot sixBits(const Codes& codes, bool paired);
/// dot4: four s8 * s8 in 32 bits (NEON with dotprod), for one token or many.
IntegerDot fours(const Codes& codes, bool many);
/// mmla: two rows by two tokens, eight s8 * s8 each in 32 bits (NEON with i8mm), for many tokens.
IntegerDot blocks(const Codes& codes);
/// dot4u: four u8 * s8 in 32 bits (x86 with VNNI).
IntegerDot raisedFours(const Codes& codes);
/// outer: lanes are rows (RVV, and no vectors at all).
IntegerDot outer(const Codes& codes, const Facts& facts, bool many);

/// The bits of a float32 whose last place is worth 1 / `times`, with room for sums of both signs: bits + times * n are those of the float + n.
Halide::Expr floatZero(int times);

/// Adds up neighbouring lanes (j, r) of `from`: sum(r) = from(0, r) + ... + from(count - 1, r).
Halide::Func sumLanes(const Codes& codes, const Halide::Func& from, int count);
/// Schedules a sum(r, g, u, t) over lanes along.x of parts along.y.
void scheduleSum(const Codes& codes, Halide::Func sum, const Halide::RDom& along);

}  // namespace quantc::kernels
