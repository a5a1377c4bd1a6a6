// Decoders that share Llama's structure: pre-norm blocks of attention with RoPE and a gated MLP. What differs is told by a few numbers and flags.
#pragma once

#include "compiler/import/arch/Architectures.h"

namespace quantc {

struct DecoderConfig {
  /// What all of them name alike in config.json; flags as for Llama without biases.
  explicit DecoderConfig(const ConfigJson& config);

  int64_t hidden, layers, intermediate, vocabulary;
  AttentionShape attention;
  RopeParameters rope;
  double epsilon;
  tfm::UnaryKind activationKind = tfm::UnaryKind::silu;
  bool tiedHead = false;
  int64_t maximumContext;

  bool queryKeyValueBias = false, outputBias = false, mlpBias = false;
  bool queryKeyNorm = false;  ///< an RMS norm of every query and key head before RoPE
  bool fusedWeights = false;  ///< qkv_proj and gate_up_proj, rows one after another
  int64_t window = 0;         ///< positions that a query sees; 0: all before it
  double embeddingScale = 1;  ///< of the token's row
  double normOffset = 0;      ///< added to the weights of norms
};

ImportedModel importDecoder(HfBuilder& builder, const DecoderConfig& config);

}  // namespace quantc
