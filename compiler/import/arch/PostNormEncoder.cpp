#include "compiler/import/arch/PostNormEncoder.h"

#include <cmath>

namespace quantc {

using mlir::Value;

Value biasedLinear(HfBuilder& builder, const std::string& name, Value input, int64_t out, const std::string& reason) {
  int64_t in = mlir::cast<mlir::RankedTensorType>(input.getType()).getShape().back();
  Value weight = builder.weight(name + ".weight", builder.stored(name + ".weight", {out, in}, reason));
  return builder.linear(name, input, weight, builder.stored(name + ".bias", {out}, reason));
}

Value postNormLayer(HfBuilder& builder, const std::string& prefix, const EncoderLayerNames& names, const EncoderShape& shape, Value x,
                    Value padding) {
  std::string reason = "hidden size " + std::to_string(shape.hidden) + ", intermediate size " + std::to_string(shape.intermediate);
  auto linear = [&](const char* name, Value input, int64_t out) { return biasedLinear(builder, prefix + name, input, out, reason); };
  Value q = linear(names.query, x, shape.hidden), k = linear(names.key, x, shape.hidden), v = linear(names.value, x, shape.hidden);
  double scale = 1 / std::sqrt(static_cast<double>(shape.attention.headDim));
  Value attended = builder.bidirectionalAttention(prefix + "attention", q, k, v, shape.attention, scale, padding);
  attended = linear(names.attentionOutput, attended, shape.hidden);
  x = builder.binary(prefix + "attention_residual", tfm::BinaryKind::add, attended, x);
  x = builder.layerNorm(prefix + names.attentionNorm, x, shape.epsilon);
  Value inner = builder.unary(prefix + "act", shape.activation, linear(names.inner, x, shape.intermediate));
  Value outer = linear(names.outer, inner, shape.hidden);
  return builder.layerNorm(prefix + names.outputNorm, builder.binary(prefix + "mlp_residual", tfm::BinaryKind::add, outer, x),
                           shape.epsilon);
}

}  // namespace quantc
