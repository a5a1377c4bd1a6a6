// Features of sound as Whisper takes them (Radford et al. 2022).
#pragma once

#include "artifact_generated.h"
#include "quantc/audio.h"

namespace quantc::rt {

/// Whether its tables have the sizes that it says, none of them absurd.
bool check_log_mel(const schema::LogMel& tables);

/// Row m, column t of `out` [mels, frames]: filter m of frame t. The same bits on every machine: binary64 additions, products and quotients in a
/// written order, and a logarithm of our own.
void log_mel(const schema::LogMel& tables, const qc_wav& wav, uint64_t frames, float* out);

}  // namespace quantc::rt
