// Decoders that share Llama's structure: pre-norm blocks of attention with RoPE and a gated MLP. What differs is told by a few numbers and flags.
#pragma once

#include <optional>

#include "compiler/import/arch/Architectures.h"

namespace quantc {

struct DecoderConfig {
  /// What all of them name alike in config.json; flags as for Llama without biases.
  /// `rope` where the config has not one for all layers.
  explicit DecoderConfig(const ConfigJson& config, std::optional<RopeParameters> rope = std::nullopt);

  int64_t hidden, layers, intermediate, vocabulary;
  AttentionShape attention;
  RopeParameters rope;
  double epsilon;
  tfm::UnaryKind activationKind = tfm::UnaryKind::silu;
  bool tiedHead = false;
  int64_t maximumContext;

  bool queryKeyValueBias = false, outputBias = false, mlpBias = false;
  bool queryKeyNorm = false;                ///< an RMS norm of every query and key head before RoPE
  bool fusedQueryKeyValue = false;          ///< qkv_proj, rows one after another
  bool fusedGateUp = false;                 ///< gate_up_proj likewise
  bool interleavedRope = false;             ///< as in tfm.rope
  int64_t window = 0;                       ///< positions that a query sees; 0: all before it
  std::vector<bool> isLocal;                ///< by layer: the window is for these alone; empty: for all
  std::optional<RopeParameters> localRope;  ///< of these layers, where it is another
  double attentionScale;                    ///< of scores; 1 / sqrt(headDim) unless set
  double scoreCap = 0, logitCap = 0;        ///< cap * tanh(x / cap) of scores and logits; 0: none
  double embeddingScale = 1;                ///< of the token's row
  double normOffset = 0;                    ///< added to the weights of norms
  /// Norms of a layer. Those of outputs are behind attention and MLP, before the residual is added; null: none.
  const char *inputNorm = "input_layernorm", *attentionOutputNorm = nullptr, *mlpNorm = "post_attention_layernorm",
             *mlpOutputNorm = nullptr;
  /// Experts of which every token takes `expertsPerToken`, in place of one MLP; 0: none.
  int64_t experts = 0, expertsPerToken = 0;
};

ImportedModel importDecoder(HfBuilder& builder, const DecoderConfig& config);

}  // namespace quantc
