// OPT (Zhang et al. 2022): learned positions that begin at row 2, LayerNorm before or behind attention and MLP, ReLU, biases everywhere.
#include <cmath>

#include "compiler/import/arch/Architectures.h"

namespace quantc {

using mlir::Attribute;
using mlir::Value;

namespace {

constexpr int64_t kFirstPosition = 2;  // rows before it are left from padding

class OptImport {
public:
  explicit OptImport(HfBuilder& builder)
      : b_(builder), hidden_(config().count("hidden_size")), layers_(config().count("num_hidden_layers")),
        inner_(config().count("ffn_dim")), vocabulary_(config().count("vocab_size")), positions_(config().count("max_position_embeddings")),
        embedded_(config().count("word_embed_proj_dim", hidden_)), shape_(attentionShape(config(), hidden_)),
        activation_(activation(config(), "activation_function", "relu")), before_(config().flag("do_layer_norm_before", true)),
        finalNorm_(before_ && !config().flag("_remove_final_layer_norm", false)), biases_(config().flag("enable_bias", true)) {
    if (!config().flag("layer_norm_elementwise_affine", true))
      config().fail("layer_norm_elementwise_affine", "is false, supported is true", "export the model to ONNX and compile that");
  }

  ImportedModel run() {
    Value table = matrix("decoder.embed_tokens", vocabulary_, embedded_);
    Value x = b_.embed("decoder.embed_tokens", table);
    if (embedded_ != hidden_)
      x = b_.linear("decoder.project_in", x, matrix("decoder.project_in", hidden_, embedded_));
    int64_t rows = positions_ + kFirstPosition;
    Attribute stored =
        b_.stored("decoder.embed_positions.weight", {rows, hidden_}, "max_position_embeddings + 2 = " + std::to_string(rows));
    Value positions = b_.weight("decoder.embed_positions.weight", b_.rows(stored, kFirstPosition, rows));
    x = b_.binary("embedding", tfm::BinaryKind::add, x, b_.positionRows("decoder.embed_positions", positions));
    for (int64_t layer = 0; layer < layers_; ++layer)
      x = block(layer, x);
    x = b_.tail(x);
    if (finalNorm_)
      x = b_.layerNorm("decoder.final_layer_norm", x, kEpsilon);
    if (embedded_ != hidden_)
      x = b_.linear("decoder.project_out", x, matrix("decoder.project_out", embedded_, hidden_));
    bool tied = config().flag("tie_word_embeddings", true) || !b_.hasTensor("lm_head.weight");
    b_.ignore("lm_head.weight");
    b_.finish(b_.linear("lm_head", x, tied ? table : matrix("lm_head", vocabulary_, embedded_)));
    return {positions_};
  }

private:
  static constexpr double kEpsilon = 1e-5;

  const ConfigJson& config() const { return b_.config(); }

  Value matrix(const std::string& name, int64_t rows, int64_t columns) {
    return b_.weight(name + ".weight", b_.stored(name + ".weight", {rows, columns}, reason()));
  }

  std::string reason() const {
    return "hidden_size " + std::to_string(hidden_) + ", ffn_dim " + std::to_string(inner_) + ", word_embed_proj_dim " +
           std::to_string(embedded_) + ", vocab_size " + std::to_string(vocabulary_);
  }

  Value linear(const std::string& name, Value input, int64_t out) {
    int64_t in = mlir::cast<mlir::RankedTensorType>(input.getType()).getShape().back();
    return b_.linear(name, input, matrix(name, out, in), biases_ ? b_.stored(name + ".bias", {out}, reason()) : Attribute());
  }

  /// x + inner(norm(x)), or norm(x + inner(x)).
  template <typename Inner> Value residual(const std::string& name, const std::string& norm, Value x, Inner inner) {
    Value sum = b_.binary(name, tfm::BinaryKind::add, x, inner(before_ ? b_.layerNorm(norm, x, kEpsilon) : x));
    return before_ ? sum : b_.layerNorm(norm, sum, kEpsilon);
  }

  Value block(int64_t layer, Value x) {
    const std::string prefix = "decoder.layers." + std::to_string(layer) + ".", attention = prefix + "self_attn.";
    x = residual(prefix + "attention_residual", prefix + "self_attn_layer_norm", x, [&](Value input) {
      Value q = linear(attention + "q_proj", input, hidden_), k = linear(attention + "k_proj", input, hidden_),
            v = linear(attention + "v_proj", input, hidden_);
      double scale = 1 / std::sqrt(static_cast<double>(shape_.headDim));
      return linear(attention + "out_proj", b_.attention(layer, q, k, v, shape_, scale), hidden_);
    });
    return residual(prefix + "mlp_residual", prefix + "final_layer_norm", x, [&](Value input) {
      return linear(prefix + "fc2", b_.unary(prefix + "activation", activation_, linear(prefix + "fc1", input, inner_)), hidden_);
    });
  }

  HfBuilder& b_;
  int64_t hidden_, layers_, inner_, vocabulary_, positions_, embedded_;
  AttentionShape shape_;
  tfm::UnaryKind activation_;
  bool before_, finalNorm_, biases_;
};

}  // namespace

ImportedModel importOpt(HfBuilder& builder) { return OptImport(builder).run(); }

}  // namespace quantc
