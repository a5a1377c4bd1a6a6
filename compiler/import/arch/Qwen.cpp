// Qwen 2 and 3 (Yang et al. 2024, 2025): Llama with biases on queries, keys and values, or with norms of their heads; with one MLP or mixtures of experts.
#include <cmath>

#include "compiler/import/arch/Decoder.h"

namespace quantc {

namespace {

DecoderConfig qwenConfig(const ConfigJson& config) {
  if (config.flag("use_sliding_window", false))
    config.fail("use_sliding_window", "is true, supported is false", "export the model to ONNX and compile that");
  DecoderConfig decoder(config);
  decoder.activationKind = activation(config, "hidden_act", "silu");
  decoder.tiedHead = config.flag("tie_word_embeddings", false);
  return decoder;
}

/// Experts in the layers that `decoder_sparse_step` counts, but for those of `mlp_only_layers`.
void readMixture(const ConfigJson& config, DecoderConfig& decoder, int64_t experts, int64_t perToken) {
  MixtureConfig& mixture = decoder.mixture;
  readExperts(config, config.has("num_local_experts") ? "num_local_experts" : "num_experts", experts, perToken, mixture);
  mixture.intermediate = config.count("moe_intermediate_size");
  mixture.normalized = config.flag("norm_topk_prob", false);
  mixture.sparseStep = config.count("decoder_sparse_step", 1);
  for (double layer : config.numbers("mlp_only_layers")) {
    if (!(layer >= 0 && layer < static_cast<double>(decoder.layers)) || layer != std::floor(layer))
      config.fail("mlp_only_layers", "has " + std::to_string(layer) + ", expected numbers of layers", kCorrect);
    mixture.denseLayers.push_back(static_cast<int64_t>(layer));
  }
}

DecoderConfig qwen2Config(const ConfigJson& config) {
  DecoderConfig decoder = qwenConfig(config);
  decoder.queryKeyValueBias = true;
  return decoder;
}

DecoderConfig qwen3Config(const ConfigJson& config) {
  DecoderConfig decoder = qwenConfig(config);
  decoder.queryKeyValueBias = decoder.outputBias = config.flag("attention_bias", false);
  decoder.queryKeyNorm = true;
  return decoder;
}

}  // namespace

ImportedModel importQwen2(HfBuilder& builder) { return importDecoder(builder, qwen2Config(builder.config())); }

ImportedModel importQwen3(HfBuilder& builder) { return importDecoder(builder, qwen3Config(builder.config())); }

ImportedModel importQwen2Moe(HfBuilder& builder) {
  const ConfigJson& config = builder.config();
  DecoderConfig decoder = qwen2Config(config);
  decoder.queryKeyValueBias = config.flag("qkv_bias", true);
  readMixture(config, decoder, 60, 4);
  decoder.mixture.sharedIntermediate = config.count("shared_expert_intermediate_size");
  return importDecoder(builder, decoder);
}

ImportedModel importQwen3Moe(HfBuilder& builder) {
  DecoderConfig decoder = qwen3Config(builder.config());
  readMixture(builder.config(), decoder, 128, 8);
  return importDecoder(builder, decoder);
}

}  // namespace quantc
