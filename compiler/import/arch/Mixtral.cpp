// Mixtral (Jiang et al. 2024): Mistral whose MLPs are mixtures of experts.
#include "compiler/import/arch/Decoder.h"

namespace quantc {

ImportedModel importMixtral(HfBuilder& builder) {
  const ConfigJson& config = builder.config();
  DecoderConfig decoder(config);
  decoder.activationKind = activation(config, "hidden_act", "silu");
  decoder.window = config.count("sliding_window", 0);
  decoder.mixture.prefix = "block_sparse_moe.";
  decoder.mixture.gate = "w1";
  decoder.mixture.up = "w3";
  decoder.mixture.down = "w2";
  decoder.mixture.intermediate = decoder.intermediate;
  readExperts(config, "num_local_experts", 8, 2, decoder.mixture);
  decoder.tiedHead = config.flag("tie_word_embeddings", false);
  return importDecoder(builder, decoder);
}

}  // namespace quantc
