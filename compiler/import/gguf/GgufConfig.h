// The metadata of a GGUF file as the config.json that the architectures' code reads.
#pragma once

#include "compiler/import/gguf/GgufArchitectures.h"
#include "compiler/import/hf/ConfigJson.h"
#include "compiler/weights/GgufFile.h"

namespace quantc {

/// Divisors of the rotary frequencies: Llama 3's scaling as converters write it.
constexpr const char* kGgufRopeDivisors = "rope_freqs.weight";

/// Errors of the config's getters name the keys of the file. Throws UserError for keys that are missing, and one that lists all keys of the
/// architecture that change the arithmetic in a way that is not implemented.
ConfigJson ggufConfig(const GgufFile& file, const GgufArchitecture& architecture);

}  // namespace quantc
