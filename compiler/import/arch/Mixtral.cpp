// Mixtral (Jiang et al. 2024): Mistral whose MLPs are mixtures of experts.
#include "compiler/import/arch/Decoder.h"

namespace quantc {

ImportedModel importMixtral(HfBuilder& builder) {
  const ConfigJson& config = builder.config();
  DecoderConfig decoder(config);
  decoder.activationKind = activation(config, "hidden_act", "silu");
  decoder.window = config.count("sliding_window", 0);
  decoder.experts = config.count("num_local_experts", 8);
  decoder.expertsPerToken = config.count("num_experts_per_tok", 2);
  if (decoder.expertsPerToken > decoder.experts)
    config.fail("num_experts_per_tok",
                "is " + std::to_string(decoder.expertsPerToken) + ", expected at most num_local_experts, which is " +
                    std::to_string(decoder.experts),
                kCorrect);
  decoder.tiedHead = config.flag("tie_word_embeddings", false);
  return importDecoder(builder, decoder);
}

}  // namespace quantc
