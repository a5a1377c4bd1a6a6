// GLM-4 (GLM Team 2024): Llama with RoPE of pairs in a part of every head, a fused gate, and norms behind attention and MLP.
#include "compiler/import/arch/Decoder.h"

namespace quantc {

ImportedModel importGlm4(HfBuilder& builder) {
  const ConfigJson& config = builder.config();
  DecoderConfig decoder(config);
  decoder.activationKind = activation(config, "hidden_act", "silu");
  decoder.queryKeyValueBias = config.flag("attention_bias", false);
  decoder.fusedGateUp = decoder.interleavedRope = true;
  decoder.attentionOutputNorm = "post_self_attn_layernorm";
  decoder.mlpOutputNorm = "post_mlp_layernorm";
  decoder.tiedHead = config.flag("tie_word_embeddings", false);
  return importDecoder(builder, decoder);
}

}  // namespace quantc
