// Mistral (Jiang et al. 2023): Llama with a window of attention.
#include "compiler/import/arch/Decoder.h"

namespace quantc {

ImportedModel importMistral(HfBuilder& builder) {
  const ConfigJson& config = builder.config();
  DecoderConfig decoder(config);
  decoder.activationKind = activation(config, "hidden_act", "silu");
  decoder.window = config.count("sliding_window", 0);
  decoder.tiedHead = config.flag("tie_word_embeddings", false);
  return importDecoder(builder, decoder);
}

}  // namespace quantc
