// Llama (Touvron et al. 2023) and what shares its code: pre-norm blocks of attention with RoPE and a gated MLP.
#include <cmath>

#include "compiler/import/arch/Architectures.h"

namespace quantc {

using mlir::Attribute;
using mlir::Value;

namespace {

struct LlamaConfig {
  explicit LlamaConfig(const ConfigJson& config)
      : hidden(config.count("hidden_size")), layers(config.count("num_hidden_layers")), intermediate(config.count("intermediate_size")),
        vocabulary(config.count("vocab_size")), attention(attentionShape(config, hidden)), rope(ropeParameters(config, attention.headDim)),
        epsilon(config.number("rms_norm_eps", 1e-6)), activationKind(activation(config, "hidden_act", "silu")),
        attentionBias(config.flag("attention_bias", false)), mlpBias(config.flag("mlp_bias", false)),
        tiedHead(config.flag("tie_word_embeddings", false)), maximumContext(config.count("max_position_embeddings")) {}

  int64_t hidden, layers, intermediate, vocabulary;
  AttentionShape attention;
  RopeParameters rope;
  double epsilon;
  tfm::UnaryKind activationKind;
  bool attentionBias, mlpBias, tiedHead;
  int64_t maximumContext;
};

class LlamaImport {
public:
  explicit LlamaImport(HfBuilder& builder) : b_(builder), config_(builder.config()) {}

  ImportedModel run() {
    const std::string embedding = "embed_tokens";
    bool embeddingIsHead = config_.tiedHead && !b_.hasTensor(embedding + ".weight");
    Value table = matrix(embeddingIsHead ? "lm_head" : embedding, {"vocab_size", config_.vocabulary}, {"hidden_size", config_.hidden});
    Value x = b_.embed(embedding, table);
    for (int64_t layer = 0; layer < config_.layers; ++layer)
      x = block(layer, x);
    x = b_.rmsNorm("norm", b_.tail(x), config_.epsilon);
    b_.finish(b_.linear("lm_head", x, headWeight(table)));
    return {config_.maximumContext};
  }

private:
  struct Dimension {
    const char* key;
    int64_t size;
  };

  Value matrix(const std::string& name, Dimension out, Dimension in) {
    std::string reason = describe(out) + ", " + describe(in);
    return b_.weight(name + ".weight", b_.stored(name + ".weight", {out.size, in.size}, reason));
  }

  Value linear(const std::string& name, Value input, Dimension out, Dimension in, bool hasBias) {
    Value weight = matrix(name, out, in);
    return b_.linear(name, input, weight, hasBias ? b_.stored(name + ".bias", {out.size}, describe(out)) : Attribute());
  }

  static std::string describe(Dimension dimension) { return std::string(dimension.key) + " " + std::to_string(dimension.size); }

  Value headWeight(Value table) {
    if (!config_.tiedHead && b_.hasTensor("lm_head.weight"))
      return matrix("lm_head", {"vocab_size", config_.vocabulary}, {"hidden_size", config_.hidden});
    b_.ignore("lm_head.weight");
    return table;
  }

  Value block(int64_t layer, Value x) {
    std::string prefix = "layers." + std::to_string(layer) + ".";
    Value attended = attention(layer, prefix + "self_attn.", b_.rmsNorm(prefix + "input_layernorm", x, config_.epsilon));
    x = b_.binary(prefix + "attention_residual", tfm::BinaryKind::add, x, attended);
    Value transformed = mlp(prefix + "mlp.", b_.rmsNorm(prefix + "post_attention_layernorm", x, config_.epsilon));
    return b_.binary(prefix + "mlp_residual", tfm::BinaryKind::add, x, transformed);
  }

  Value attention(int64_t layer, const std::string& prefix, Value x) {
    const AttentionShape& shape = config_.attention;
    Dimension in{"hidden_size", config_.hidden}, queries{"num_attention_heads * head_dim", shape.heads * shape.headDim},
        keys{"num_key_value_heads * head_dim", shape.kvHeads * shape.headDim};
    Value q = linear(prefix + "q_proj", x, queries, in, config_.attentionBias);
    Value k = linear(prefix + "k_proj", x, keys, in, config_.attentionBias);
    Value v = linear(prefix + "v_proj", x, keys, in, config_.attentionBias);
    q = b_.rope(prefix + "q_rope", q, config_.rope, shape.headDim);
    k = b_.rope(prefix + "k_rope", k, config_.rope, shape.headDim);
    b_.ignore(prefix + "rotary_emb.inv_freq");
    Value attended = b_.attention(layer, q, k, v, shape, 1 / std::sqrt(static_cast<double>(shape.headDim)));
    return linear(prefix + "o_proj", attended, in, queries, config_.attentionBias);
  }

  Value mlp(const std::string& prefix, Value x) {
    Dimension outer{"hidden_size", config_.hidden}, inner{"intermediate_size", config_.intermediate};
    Value gate = linear(prefix + "gate_proj", x, inner, outer, config_.mlpBias);
    Value up = linear(prefix + "up_proj", x, inner, outer, config_.mlpBias);
    Value gated = b_.binary(prefix + "gate", tfm::BinaryKind::mul, b_.unary(prefix + "act_fn", config_.activationKind, gate), up);
    return linear(prefix + "down_proj", gated, outer, inner, config_.mlpBias);
  }

  HfBuilder& b_;
  LlamaConfig config_;
};

}  // namespace

ImportedModel importLlama(HfBuilder& builder) { return LlamaImport(builder).run(); }

}  // namespace quantc
