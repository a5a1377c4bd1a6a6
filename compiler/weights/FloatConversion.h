// Stored elements as float32.
#pragma once

#include <cstdint>

#include "compiler/weights/WeightFile.h"

namespace quantc {

/// Converts `count` elements from `data` (which may be unaligned) to out[0], out[stride], ... f16 and bf16 exactly, f64 and wide integers rounded to
/// nearest even. False when a converted value is infinite or not a number.
bool convertToFloat(StoredType type, const uint8_t* data, int64_t count, float* out, int64_t stride = 1);

/// Decodes elements begin to begin + count - 1 of blocks whose first begins at `data`, as above.
bool decodeBlocks(const BlockFormat& format, const uint8_t* data, int64_t begin, int64_t count, float* out, int64_t stride = 1);

}  // namespace quantc
