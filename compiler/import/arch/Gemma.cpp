// Gemma 1 to 3 (Gemma Team 2024, 2024, 2025): Llama with scaled embeddings, GELU, and norms that multiply by 1 + weight. Gemma 2 caps scores and
// logits, has norms behind attention and MLP, and windows in some layers; Gemma 3 norms of heads in place of caps, and two kinds of RoPE.
#include <algorithm>
#include <cmath>

#include "compiler/import/arch/Decoder.h"

namespace quantc {

namespace {

constexpr const char *kLocal = "sliding_attention", *kGlobal = "full_attention";

/// Where every layer has the same RoPE, or none that differ are told apart.
DecoderConfig gemmaConfig(const ConfigJson& config, std::optional<RopeParameters> rope = std::nullopt) {
  DecoderConfig decoder(config, std::move(rope));
  // The first configs said "gelu" and meant its tanh approximation.
  const char* key = config.has("hidden_activation") ? "hidden_activation" : "hidden_act";
  decoder.activationKind = activation(config, key, "gelu_pytorch_tanh");
  if (decoder.activationKind == tfm::UnaryKind::gelu)
    decoder.activationKind = tfm::UnaryKind::gelu_tanh;
  decoder.queryKeyValueBias = decoder.outputBias = config.flag("attention_bias", false);
  decoder.embeddingScale = std::sqrt(static_cast<double>(decoder.hidden));
  decoder.normOffset = config.number("norm_weight_offset", 1);
  decoder.tiedHead = config.flag("tie_word_embeddings", true);
  return decoder;
}

/// Layers with a window: those that `layer_types` says, or all but every `pattern`th.
std::vector<bool> localLayers(const ConfigJson& config, int64_t layers, int64_t pattern) {
  std::vector<std::string> types = config.texts("layer_types");
  std::vector<bool> local;
  for (int64_t layer = 0; layer < (types.empty() ? layers : 0); ++layer)
    local.push_back((layer + 1) % pattern != 0);
  for (const std::string& type : types) {
    if (type != kLocal && type != kGlobal)
      config.failUnknown("layer_types", type, {kGlobal, kLocal});
    local.push_back(type == kLocal);
  }
  if (static_cast<int64_t>(local.size()) != layers)
    config.fail("layer_types", "has " + std::to_string(local.size()) + " entries, expected " + std::to_string(layers), kCorrect);
  return local;
}

/// What Gemma 2 and 3 share.
void addWindowsAndNorms(DecoderConfig& decoder, const ConfigJson& config, int64_t pattern) {
  if (config.flag("use_bidirectional_attention", false))
    config.fail("use_bidirectional_attention", "is true, supported is false", "export the model to ONNX and compile that");
  decoder.window = config.count("sliding_window", 4096);
  decoder.isLocal = localLayers(config, decoder.layers, pattern);
  double scalar = config.number("query_pre_attn_scalar", static_cast<double>(decoder.attention.headDim));
  if (scalar <= 0)
    config.fail("query_pre_attn_scalar", "is " + std::to_string(scalar) + ", expected a positive number", kCorrect);
  decoder.attentionScale = 1 / std::sqrt(scalar);
  decoder.scoreCap = std::max(0.0, config.number("attn_logit_softcapping", 0));
  decoder.logitCap = std::max(0.0, config.number("final_logit_softcapping", 0));
  decoder.attentionOutputNorm = "post_attention_layernorm";
  decoder.mlpNorm = "pre_feedforward_layernorm";
  decoder.mlpOutputNorm = "post_feedforward_layernorm";
}

}  // namespace

ImportedModel importGemma(HfBuilder& builder) { return importDecoder(builder, gemmaConfig(builder.config())); }

ImportedModel importGemma2(HfBuilder& builder) {
  DecoderConfig decoder = gemmaConfig(builder.config());
  addWindowsAndNorms(decoder, builder.config(), 2);
  return importDecoder(builder, decoder);
}

ImportedModel importGemma3(HfBuilder& builder) {
  const ConfigJson& config = builder.config();
  int64_t headDim = attentionShape(config, config.count("hidden_size")).headDim;
  bool byLayer = config.section("rope_parameters").hasSections();
  DecoderConfig decoder = gemmaConfig(config, byLayer ? std::optional(ropeParameters(config, headDim, kGlobal)) : std::nullopt);
  decoder.localRope = byLayer ? ropeParameters(config, headDim, kLocal) : plainRope(config.number("rope_local_base_freq", 10000), headDim);
  decoder.queryKeyNorm = true;
  addWindowsAndNorms(decoder, config, config.count("sliding_window_pattern", config.count("_sliding_window_pattern", 6)));
  return importDecoder(builder, decoder);
}

}  // namespace quantc
