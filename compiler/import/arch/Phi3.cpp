// Phi-3 (Abdin et al. 2024): Llama with one matrix for queries, keys and values, one for the MLP's gate and input, and a window of attention.
#include "compiler/import/arch/Decoder.h"

namespace quantc {

ImportedModel importPhi3(HfBuilder& builder) {
  const ConfigJson& config = builder.config();
  DecoderConfig decoder(config);
  decoder.activationKind = activation(config, "hidden_act", "silu");
  decoder.fusedQueryKeyValue = decoder.fusedGateUp = true;
  decoder.window = config.count("sliding_window", 0);
  decoder.tiedHead = config.flag("tie_word_embeddings", false);
  return importDecoder(builder, decoder);
}

}  // namespace quantc
