// Decoders that share Llama's structure: pre-norm blocks of attention with RoPE and a gated MLP. What differs is told by a few numbers and flags.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "compiler/import/arch/Architectures.h"

namespace quantc {

/// Experts of which every token takes `perToken`, in place of one MLP.
struct MixtureConfig {
  int64_t experts = 0, perToken = 0;  ///< 0: none
  int64_t intermediate = 0;           ///< the inner width of an expert
  bool normalized = true;             ///< the chosen ones' factors are divided by their sum
  int64_t sharedIntermediate = 0;     ///< of an expert that every token takes too, times the sigmoid of a gate; 0: none
  int64_t sparseStep = 1;             ///< the last of every so many layers has experts
  std::vector<int64_t> denseLayers;   ///< layers that have none in any case
  const char *prefix = "mlp.", *gate = "gate_proj", *up = "up_proj", *down = "down_proj";

  bool isIn(int64_t layer) const {
    return experts && (layer + 1) % sparseStep == 0 && std::find(denseLayers.begin(), denseLayers.end(), layer) == denseLayers.end();
  }
};

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
  MixtureConfig mixture;
};

/// Reads how many experts there are, under `key`, and of how many a token takes; defaults where a config does not say.
void readExperts(const ConfigJson& config, const char* key, int64_t experts, int64_t perToken, MixtureConfig& out);

ImportedModel importDecoder(HfBuilder& builder, const DecoderConfig& config);

}  // namespace quantc
