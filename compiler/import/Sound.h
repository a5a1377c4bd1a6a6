// How sound becomes an input (Audio and LogMel in artifact.fbs), as an import leaves it in the module.
#pragma once

#include <cstdint>
#include <string>

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace quantc {

struct SoundInput {
  std::string input;  ///< empty: the model does not hear
  int64_t sampleRate;
  bool whole;                ///< it always takes as many positions as there are
  int64_t frame, hop, mels;  ///< of log-mel features; a frame of 0: the samples themselves
  bool normalize = false;    ///< the samples get mean 0 and variance 1 first
};

inline void setSound(mlir::ModuleOp module, const SoundInput& sound) {
  if (sound.input.empty())
    return;
  mlir::Builder builder(module.getContext());
  module->setAttr("tfm.audio", builder.getStringAttr(sound.input));
  module->setAttr("tfm.sample_rate", builder.getI64IntegerAttr(sound.sampleRate));
  if (sound.frame)
    module->setAttr("tfm.log_mel", builder.getDenseI64ArrayAttr({sound.frame, sound.hop, sound.mels}));
  if (sound.normalize)
    module->setAttr("tfm.normalize", builder.getUnitAttr());
  if (sound.whole)
    module->setAttr("tfm.whole", builder.getUnitAttr());
}

}  // namespace quantc
