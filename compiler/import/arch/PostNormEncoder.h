// The encoder that BERT and DistilBERT share under different names: attention and MLP, each followed by its residual and LayerNorm.
#pragma once

#include <string>

#include "compiler/import/hf/HfBuilder.h"

namespace quantc {

/// What a checkpoint calls the parts of one layer, behind the layer's prefix.
struct EncoderLayerNames {
  const char *query, *key, *value, *attentionOutput, *attentionNorm, *inner, *outer, *outputNorm;
};

struct EncoderShape {
  int64_t hidden, intermediate;
  AttentionShape attention;
  double epsilon;
  tfm::UnaryKind activation;
};

/// A linear layer with bias: [..., in] -> [..., out]. `reason` tells, for errors, where the sizes come from.
mlir::Value biasedLinear(HfBuilder& builder, const std::string& name, mlir::Value input, int64_t out, const std::string& reason);

/// One layer. `padding` is [sequence] or null.
mlir::Value postNormLayer(HfBuilder& builder, const std::string& prefix, const EncoderLayerNames& names, const EncoderShape& shape,
                          mlir::Value x, mlir::Value padding);

}  // namespace quantc
