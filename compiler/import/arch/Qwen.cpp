// Qwen 2 and 3 (Yang et al. 2024, 2025): Llama with biases on queries, keys and values, or with norms of their heads.
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

}  // namespace

ImportedModel importQwen2(HfBuilder& builder) {
  DecoderConfig decoder = qwenConfig(builder.config());
  decoder.queryKeyValueBias = true;
  return importDecoder(builder, decoder);
}

ImportedModel importQwen3(HfBuilder& builder) {
  DecoderConfig decoder = qwenConfig(builder.config());
  decoder.queryKeyValueBias = decoder.outputBias = builder.config().flag("attention_bias", false);
  decoder.queryKeyNorm = true;
  return importDecoder(builder, decoder);
}

}  // namespace quantc
