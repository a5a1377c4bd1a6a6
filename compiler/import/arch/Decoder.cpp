#include "compiler/import/arch/Decoder.h"

#include <cmath>

namespace quantc {

using mlir::Attribute;
using mlir::Value;

namespace {

class DecoderImport {
public:
  DecoderImport(HfBuilder& builder, const DecoderConfig& config) : b_(builder), config_(config) {}

  ImportedModel run() {
    const std::string embedding = "embed_tokens";
    bool embeddingIsHead = config_.tiedHead && !b_.hasTensor(embedding + ".weight");
    Value table = matrix(embeddingIsHead ? "lm_head" : embedding, {"vocab_size", config_.vocabulary}, {"hidden_size", config_.hidden});
    Value x = b_.embed(embedding, table);
    if (config_.embeddingScale != 1)
      x = b_.binary("embedding_scale", tfm::BinaryKind::mul, x, b_.scalar("embedding_scale", static_cast<float>(config_.embeddingScale)));
    for (int64_t layer = 0; layer < config_.layers; ++layer)
      x = block(layer, x);
    x = norm("norm", b_.tail(x));
    Value logits = b_.linear("lm_head", x, headWeight(table));
    b_.finish(config_.logitCap > 0 ? capped("logit_cap", logits, config_.logitCap) : logits);
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
    Value attended = attention(layer, prefix + "self_attn.", norm(prefix + config_.inputNorm, x));
    if (config_.attentionOutputNorm)
      attended = norm(prefix + config_.attentionOutputNorm, attended);
    x = b_.binary(prefix + "attention_residual", tfm::BinaryKind::add, x, attended);
    Value inner = norm(prefix + config_.mlpNorm, x);
    Value transformed = config_.mixture.isIn(layer) ? mixture(prefix + config_.mixture.prefix, inner)
                                                    : mlp(prefix + "mlp.", inner, {"intermediate_size", config_.intermediate});
    if (config_.mlpOutputNorm)
      transformed = norm(prefix + config_.mlpOutputNorm, transformed);
    return b_.binary(prefix + "mlp_residual", tfm::BinaryKind::add, x, transformed);
  }

  /// cap * tanh(x / cap)
  Value capped(const std::string& name, Value x, double cap) {
    Value divisor = b_.scalar(name, static_cast<float>(cap));
    Value bounded = b_.unary(name, tfm::UnaryKind::tanh, b_.binary(name, tfm::BinaryKind::div, x, divisor));
    return b_.binary(name, tfm::BinaryKind::mul, bounded, divisor);
  }

  Value norm(const std::string& name, Value x) { return b_.rmsNorm(name, x, config_.epsilon, config_.normOffset); }

  /// Rows begin to begin + out.size - 1 of a matrix that holds several layers' weights.
  Value part(const std::string& fused, const std::string& name, Value input, Dimension whole, int64_t begin, Dimension out, Dimension in) {
    Attribute expr = b_.stored(fused + ".weight", {whole.size, in.size}, describe(whole) + ", " + describe(in));
    return b_.linear(name, input, b_.weight(name + ".weight", b_.rows(expr, begin, begin + out.size)));
  }

  struct QueryKeyValue {
    Value q, k, v;
  };

  QueryKeyValue project(const std::string& prefix, Value x) {
    const AttentionShape& shape = config_.attention;
    Dimension in{"hidden_size", config_.hidden}, queries{"num_attention_heads * head_dim", shape.heads * shape.headDim},
        keys{"num_key_value_heads * head_dim", shape.kvHeads * shape.headDim};
    bool bias = config_.queryKeyValueBias;
    if (!config_.fusedQueryKeyValue)
      return {linear(prefix + "q_proj", x, queries, in, bias), linear(prefix + "k_proj", x, keys, in, bias),
              linear(prefix + "v_proj", x, keys, in, bias)};
    const std::string fused = prefix + "qkv_proj";
    Dimension whole{"(num_attention_heads + 2 * num_key_value_heads) * head_dim", queries.size + 2 * keys.size};
    return {part(fused, prefix + "q_proj", x, whole, 0, queries, in), part(fused, prefix + "k_proj", x, whole, queries.size, keys, in),
            part(fused, prefix + "v_proj", x, whole, queries.size + keys.size, keys, in)};
  }

  Value attention(int64_t layer, const std::string& prefix, Value x) {
    const AttentionShape& shape = config_.attention;
    auto [q, k, v] = project(prefix, x);
    if (config_.queryKeyNorm) {
      q = b_.headNorm(prefix + "q_norm", q, shape.headDim, config_.epsilon, config_.normOffset);
      k = b_.headNorm(prefix + "k_norm", k, shape.headDim, config_.epsilon, config_.normOffset);
    }
    bool local = config_.isLocal.empty() || config_.isLocal[static_cast<size_t>(layer)];
    const RopeParameters& rope = local && config_.localRope ? *config_.localRope : config_.rope;
    q = b_.rope(prefix + "q_rope", q, rope, shape.headDim, config_.interleavedRope);
    k = b_.rope(prefix + "k_rope", k, rope, shape.headDim, config_.interleavedRope);
    b_.ignore(prefix + "rotary_emb.inv_freq");
    Value attended = b_.attention(layer, q, k, v, shape, config_.attentionScale, local ? config_.window : 0, config_.scoreCap);
    Dimension out{"hidden_size", config_.hidden}, heads{"num_attention_heads * head_dim", shape.heads * shape.headDim};
    return linear(prefix + "o_proj", attended, out, heads, config_.outputBias);
  }

  Value mlp(const std::string& prefix, Value x, Dimension inner) {
    Dimension outer{"hidden_size", config_.hidden};
    Value gate, up;
    if (config_.fusedGateUp) {
      Dimension whole{"2 * intermediate_size", 2 * inner.size};
      gate = part(prefix + "gate_up_proj", prefix + "gate_proj", x, whole, 0, inner, outer);
      up = part(prefix + "gate_up_proj", prefix + "up_proj", x, whole, inner.size, inner, outer);
    } else {
      gate = linear(prefix + "gate_proj", x, inner, outer, config_.mlpBias);
      up = linear(prefix + "up_proj", x, inner, outer, config_.mlpBias);
    }
    Value gated = b_.binary(prefix + "gate", tfm::BinaryKind::mul, b_.unary(prefix + "act_fn", config_.activationKind, gate), up);
    return linear(prefix + "down_proj", gated, outer, inner, config_.mlpBias);
  }

  /// Every token's MLP is the weighted sum of those that its router chooses, and of one that all take.
  Value mixture(const std::string& prefix, Value x) {
    const MixtureConfig& config = config_.mixture;
    Dimension outer{"hidden_size", config_.hidden}, inner{"the experts' intermediate size", config.intermediate};
    Value scores = linear(prefix + "gate", x, {"the number of experts", config.experts}, outer, false);
    auto [factors, indices] = b_.topK(prefix + "top_k", scores, config.perToken, config.normalized);
    auto product = [&, chosen = indices](const std::string& name, Value input, Dimension out, Dimension in) {
      const std::string all = prefix + "experts.";
      Value weights = b_.expertWeights(
          all + name, [&](int64_t expert) { return all + std::to_string(expert) + "." + name; }, config.experts, out.size, in.size,
          "the number of experts " + std::to_string(config.experts) + ", " + describe(out) + ", " + describe(in));
      return b_.expertLinear(all + name, input, weights, chosen, config.experts);
    };
    Value gate = b_.unary(prefix + "act_fn", config_.activationKind, product(config.gate, x, inner, outer));
    Value gated = b_.binary(prefix + "gated", tfm::BinaryKind::mul, gate, product(config.up, x, inner, outer));
    Value sum = b_.combine(prefix + "combine", product(config.down, gated, outer, inner), factors);
    return config.sharedIntermediate ? b_.binary(prefix + "sum", tfm::BinaryKind::add, sum, shared(prefix, x)) : sum;
  }

  Value shared(const std::string& prefix, Value x) {
    const std::string gate = prefix + "shared_expert_gate";
    Value result = mlp(prefix + "shared_expert.", x, {"shared_expert_intermediate_size", config_.mixture.sharedIntermediate});
    Value factor = b_.unary(gate, tfm::UnaryKind::sigmoid, linear(gate, x, {"one gate", 1}, {"hidden_size", config_.hidden}, false));
    return b_.binary(gate, tfm::BinaryKind::mul, result, factor);
  }

  HfBuilder& b_;
  const DecoderConfig& config_;
};

}  // namespace

DecoderConfig::DecoderConfig(const ConfigJson& config, std::optional<RopeParameters> givenRope)
    : hidden(config.count("hidden_size")), layers(config.count("num_hidden_layers")), intermediate(config.count("intermediate_size")),
      vocabulary(config.count("vocab_size")), attention(attentionShape(config, hidden)),
      rope(givenRope ? std::move(*givenRope) : ropeParameters(config, attention.headDim)), epsilon(config.number("rms_norm_eps", 1e-6)),
      maximumContext(config.count("max_position_embeddings")), attentionScale(1 / std::sqrt(static_cast<double>(attention.headDim))) {}

void readExperts(const ConfigJson& config, const char* key, int64_t experts, int64_t perToken, MixtureConfig& out) {
  out.experts = config.count(key, experts);
  out.perToken = config.count("num_experts_per_tok", perToken);
  if (out.perToken > out.experts)
    config.fail("num_experts_per_tok",
                "is " + std::to_string(out.perToken) + ", expected at most " + key + ", which is " + std::to_string(out.experts), kCorrect);
}

ImportedModel importDecoder(HfBuilder& builder, const DecoderConfig& config) { return DecoderImport(builder, config).run(); }

}  // namespace quantc
