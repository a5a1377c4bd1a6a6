// Gemma (Mesnard et al. 2024): Llama with scaled embeddings, GELU, and norms that multiply by 1 + weight.
#include <cmath>

#include "compiler/import/arch/Decoder.h"

namespace quantc {

ImportedModel importGemma(HfBuilder& builder) {
  const ConfigJson& config = builder.config();
  DecoderConfig decoder(config);
  // The first configs said "gelu" and meant its tanh approximation.
  const char* key = config.has("hidden_activation") ? "hidden_activation" : "hidden_act";
  decoder.activationKind = activation(config, key, "gelu_pytorch_tanh");
  if (decoder.activationKind == tfm::UnaryKind::gelu)
    decoder.activationKind = tfm::UnaryKind::gelu_tanh;
  decoder.queryKeyValueBias = decoder.outputBias = config.flag("attention_bias", false);
  decoder.embeddingScale = std::sqrt(static_cast<double>(decoder.hidden));
  decoder.normOffset = config.number("norm_weight_offset", 1);
  decoder.tiedHead = config.flag("tie_word_embeddings", true);
  return importDecoder(builder, decoder);
}

}  // namespace quantc
