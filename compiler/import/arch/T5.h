// Encoder-decoders that share T5's structure: pre-norm blocks whose attention has biases by the distance of key and query instead of positions.
#pragma once

#include "compiler/import/arch/Architectures.h"

namespace quantc {

struct T5Config {
  /// What all of them name alike in config.json; without experts.
  T5Config(const ConfigJson& config, const ImportOptions& options);

  int64_t hidden, inner, encoderLayers, decoderLayers, vocabulary;
  AttentionShape heads;
  int64_t buckets, farthest;
  double epsilon;
  bool tiedHead, scaledHead;
  int64_t start;
  int64_t context, source;
  tfm::UnaryKind activationKind;
  bool gated = false;
  bool biasInAllLayers = true;          ///< the first layer's biases by distance are those of all layers, else of that layer alone
  const char* mlp = "DenseReluDense.";  ///< what the name of a layer's MLP has before its weights'

  /// Experts of which every token takes one, in the last of every `sparseStep` layers; 0: none.
  int64_t experts = 0, encoderSparseStep = 0, decoderSparseStep = 0;
  bool routerBias = false;
};

ImportedModel importT5Family(HfBuilder& builder, const T5Config& config);

}  // namespace quantc
