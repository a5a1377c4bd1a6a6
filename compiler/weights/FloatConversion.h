// Stored elements as float32.
#pragma once

#include <cstdint>

#include "compiler/weights/WeightFile.h"

namespace quantc {

/// Converts elements begin to begin + count - 1 of a tensor at `data` (which may be unaligned) to out[0], out[stride], ... f16 and bf16 exactly, f64
/// and wide integers rounded to nearest even. False when a converted value is infinite or not a number.
bool convertToFloat(StoredType type, const uint8_t* data, int64_t begin, int64_t count, float* out, int64_t stride = 1);

/// Element `index` of a tensor of whole numbers, a boolean as it is stored.
int64_t integerAt(StoredType type, const uint8_t* data, int64_t index);

/// Decodes elements begin to begin + count - 1 of blocks whose first begins at `data`, as above.
bool decodeBlocks(const BlockFormat& format, const uint8_t* data, int64_t begin, int64_t count, float* out, int64_t stride = 1);

}  // namespace quantc
