// Llama (Touvron et al. 2023).
#include "compiler/import/arch/Decoder.h"

namespace quantc {

ImportedModel importLlama(HfBuilder& builder) {
  const ConfigJson& config = builder.config();
  DecoderConfig decoder(config);
  decoder.activationKind = activation(config, "hidden_act", "silu");
  decoder.queryKeyValueBias = decoder.outputBias = config.flag("attention_bias", false);
  decoder.mlpBias = config.flag("mlp_bias", false);
  // Of Mistral's models in GGUF files, whose architecture is called llama.
  decoder.window = config.count("sliding_window", 0);
  decoder.tiedHead = config.flag("tie_word_embeddings", false);
  return importDecoder(builder, decoder);
}

}  // namespace quantc
