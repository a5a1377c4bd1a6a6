// T5 (Raffel et al. 2020): an encoder and a decoder whose attention has biases by the distance of key and query instead of positions.
#include "compiler/import/arch/T5.h"

#include <algorithm>
#include <cmath>

namespace quantc {

using mlir::Attribute;
using mlir::Value;
using tfm::BinaryKind;

namespace {

constexpr int64_t kMostBuckets = 1 << 16, kMostPositions = 1 << 20;

/// The bucket of a key `distance` behind its query: one for each short distance, the others by its logarithm, in float32 as it was trained.
int64_t bucketOf(int64_t distance, bool bothWays, int64_t buckets, int64_t farthest) {
  int64_t first = 0;
  if (bothWays) {
    buckets /= 2;
    first = distance > 0 ? buckets : 0;
    distance = std::abs(distance);
  } else {
    distance = std::max<int64_t>(-distance, 0);
  }
  int64_t exact = buckets / 2;
  if (distance < exact)
    return first + distance;
  float far = std::log(static_cast<float>(distance) / static_cast<float>(exact));
  float share = far / static_cast<float>(std::log(static_cast<double>(farthest) / static_cast<double>(exact)));
  return first + std::min(exact + static_cast<int64_t>(share * static_cast<float>(buckets - exact)), buckets - 1);
}

class T5Import {
public:
  T5Import(HfBuilder& builder, const T5Config& config) : b_(builder), config_(config) {}

  ImportedModel run() {
    table_ = b_.stored("shared.weight", {config_.vocabulary, config_.hidden}, reason("vocab_size", config_.vocabulary));
    for (const char* copy : {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"})
      b_.ignore(copy);
    b_.beginEncode();
    encode();
    b_.endEncode();
    decode();
    return {config_.context, config_.source, {static_cast<int32_t>(config_.start)}};
  }

private:
  std::string reason(const char* key, int64_t value) const {
    return std::string(key) + " " + std::to_string(value) + ", d_model " + std::to_string(config_.hidden);
  }

  Value table() { return b_.weight("shared.weight", table_); }

  Value linear(const std::string& name, Value input, int64_t out, int64_t in) {
    std::string reason = "d_model " + std::to_string(config_.hidden) + ", num_heads * d_kv " + std::to_string(width()) + ", d_ff " +
                         std::to_string(config_.inner);
    return b_.linear(name, input, b_.weight(name + ".weight", b_.stored(name + ".weight", {out, in}, reason)));
  }

  int64_t width() const { return config_.heads.heads * config_.heads.headDim; }
  Value norm(const std::string& name, Value x) { return b_.rmsNorm(name, x, config_.epsilon); }
  Value add(const std::string& name, Value a, Value b) { return b_.binary(name, BinaryKind::add, a, b); }

  /// [heads, distances] from -before to after, of the buckets that the first layer's table [buckets, heads] has.
  Attribute biasTable(const std::string& stack, bool bothWays, int64_t before, int64_t after) {
    std::string name = stack + "block.0.layer.0.SelfAttention.relative_attention_bias.weight";
    Attribute table = b_.transposed(b_.stored(name, {config_.buckets, config_.heads.heads},
                                              "relative_attention_num_buckets " + std::to_string(config_.buckets) + ", num_heads " +
                                                  std::to_string(config_.heads.heads)));
    std::vector<int64_t> buckets;
    for (int64_t distance = -before; distance <= after; ++distance)
      buckets.push_back(bucketOf(distance, bothWays, config_.buckets, config_.farthest));
    return b_.columns(table, buckets);
  }

  Value feedForward(const std::string& prefix, Value x, bool sparse) {
    x = norm(prefix + "layer_norm", x);
    std::string dense = prefix + config_.mlp;
    if (sparse)
      return mixture(dense, x);
    Value inner = linear(dense + (config_.gated ? "wi_0" : "wi"), x, config_.inner, config_.hidden);
    inner = b_.unary(dense + "act", config_.activationKind, inner);
    if (config_.gated)
      inner = b_.binary(dense + "gate", BinaryKind::mul, inner, linear(dense + "wi_1", x, config_.inner, config_.hidden));
    return linear(dense + "wo", inner, config_.hidden, config_.inner);
  }

  /// Every token's MLP is the one that its router finds most likely, times how likely that is.
  Value mixture(const std::string& prefix, Value x) {
    std::string why = reason("num_experts", config_.experts), router = prefix + "router.classifier";
    Value scores =
        b_.linear(router, x, b_.weight(router + ".weight", b_.stored(router + ".weight", {config_.experts, config_.hidden}, why)),
                  config_.routerBias ? b_.stored(router + ".bias", {config_.experts}, why) : Attribute());
    auto [factors, indices] = b_.topK(prefix + "top_k", scores, 1, false);
    auto product = [&, chosen = indices](const char* name, Value input, int64_t out, int64_t in) {
      Value weights = b_.expertWeights(
          prefix + name, [&](int64_t expert) { return prefix + "experts.expert_" + std::to_string(expert) + "." + name; }, config_.experts,
          out, in, why + ", d_ff " + std::to_string(config_.inner));
      return b_.expertLinear(prefix + name, input, weights, chosen, config_.experts);
    };
    Value inner = b_.unary(prefix + "act", config_.activationKind, product("wi", x, config_.inner, config_.hidden));
    return b_.combine(prefix + "combine", product("wo", inner, config_.hidden, config_.inner), factors);
  }

  bool isBiased(int64_t layer) const { return layer == 0 || config_.biasInAllLayers; }
  bool isSparse(int64_t layer, int64_t step) const { return config_.experts > 0 && step > 0 && layer % step == step - 1; }

  void encode() {
    const int64_t most = config_.source - 1;
    Attribute bias = biasTable("encoder.", true, most, most);
    Value x = b_.embed("encoder.embed_tokens", table(), b_.encodeIds("input_ids"));
    for (int64_t layer = 0; layer < config_.encoderLayers; ++layer) {
      std::string block = "encoder.block." + std::to_string(layer) + ".", attention = block + "layer.0.SelfAttention.";
      Value normed = norm(block + "layer.0.layer_norm", x);
      auto [q, k, v] = project(attention, normed, normed);
      // Scores are not scaled: the initialization of the projections accounts for that.
      Value attended = b_.bidirectionalAttention(attention + "attention", q, k, v, config_.heads, 1, {});
      if (isBiased(layer))
        b_.addBias(attended, bias, most);
      x = add(block + "attention_residual", x, linear(attention + "o", attended, config_.hidden, width()));
      x = add(block + "mlp_residual", x, feedForward(block + "layer.1.", x, isSparse(layer, config_.encoderSparseStep)));
    }
    x = norm("encoder.final_layer_norm", x);
    for (int64_t layer = 0; layer < config_.decoderLayers; ++layer) {
      std::string cross = crossOf(layer);
      b_.sourceWrite(cross + "key", linear(cross + "k", x, width(), config_.hidden), true, config_.heads);
      b_.sourceWrite(cross + "value", linear(cross + "v", x, width(), config_.hidden), false, config_.heads);
    }
  }

  static std::string crossOf(int64_t layer) { return "decoder.block." + std::to_string(layer) + ".layer.1.EncDecAttention."; }

  struct QueryKeyValue {
    Value q, k, v;
  };
  QueryKeyValue project(const std::string& prefix, Value x, Value y) {
    return {linear(prefix + "q", x, width(), config_.hidden), linear(prefix + "k", y, width(), config_.hidden),
            linear(prefix + "v", y, width(), config_.hidden)};
  }

  void decode() {
    const int64_t before = config_.context - 1;
    Attribute bias = biasTable("decoder.", false, before, before);
    Value x = b_.embed("decoder.embed_tokens", table());
    for (int64_t layer = 0; layer < config_.decoderLayers; ++layer) {
      std::string block = "decoder.block." + std::to_string(layer) + ".", attention = block + "layer.0.SelfAttention.";
      Value normed = norm(block + "layer.0.layer_norm", x);
      auto [q, k, v] = project(attention, normed, normed);
      Value attended = b_.attention(layer, q, k, v, config_.heads, 1);
      if (isBiased(layer))
        b_.addBias(attended, bias, before);
      x = add(block + "attention_residual", x, linear(attention + "o", attended, config_.hidden, width()));

      std::string cross = crossOf(layer);
      Value query = linear(cross + "q", norm(block + "layer.1.layer_norm", x), width(), config_.hidden);
      Value keys = b_.sourceRead(cross + "key", true, config_.heads), values = b_.sourceRead(cross + "value", false, config_.heads);
      Value seen = b_.bidirectionalAttention(cross + "attention", query, keys, values, config_.heads, 1, {});
      x = add(block + "cross_residual", x, linear(cross + "o", seen, config_.hidden, width()));
      x = add(block + "mlp_residual", x, feedForward(block + "layer.2.", x, isSparse(layer, config_.decoderSparseStep)));
    }
    x = norm("decoder.final_layer_norm", b_.tail(x));
    if (config_.scaledHead)
      x = b_.binary("head_scale", BinaryKind::mul, x, b_.scalar("head_scale", static_cast<float>(1 / std::sqrt(double(config_.hidden)))));
    bool ownHead = !config_.tiedHead && b_.hasTensor("lm_head.weight");
    Value head = ownHead ? b_.weight("lm_head.weight", b_.stored("lm_head.weight", {config_.vocabulary, config_.hidden},
                                                                 reason("vocab_size", config_.vocabulary)))
                         : table();
    b_.ignore("lm_head.weight");
    b_.finish(b_.linear("lm_head", x, head));
  }

  HfBuilder& b_;
  const T5Config& config_;
  Attribute table_;
};

[[noreturn]] void refuse(const ConfigJson& config, const char* key, int64_t value, const std::string& expected) {
  config.fail(key, "is " + std::to_string(value) + ", expected " + expected, kCorrect);
}

}  // namespace

T5Config::T5Config(const ConfigJson& config, const ImportOptions& options)
    : hidden(config.count("d_model")), inner(config.count("d_ff")), encoderLayers(config.count("num_layers")),
      decoderLayers(config.count("num_decoder_layers", encoderLayers)), vocabulary(config.count("vocab_size")),
      heads{config.count("num_heads"), config.count("num_heads"), config.count("d_kv")},
      buckets(config.count("relative_attention_num_buckets", 32)), farthest(config.count("relative_attention_max_distance", 128)),
      epsilon(config.number("layer_norm_epsilon", 1e-6)), tiedHead(config.flag("tie_word_embeddings", true)),
      scaledHead(config.flag("scale_decoder_outputs", tiedHead)) {
  // There is no bound on positions, only what the model was trained on.
  int64_t usual = config.count("n_positions", 512);
  context = options.context ? options.context : usual;
  source = options.source ? options.source : usual;
  if (context > kMostPositions || source > kMostPositions)
    refuse(config, "n_positions", std::max(context, source), "at most " + std::to_string(kMostPositions));
  if (buckets < 4 || buckets % 2 != 0 || buckets > kMostBuckets)
    refuse(config, "relative_attention_num_buckets", buckets, "an even number from 4 to " + std::to_string(kMostBuckets));
  if (farthest <= buckets)
    refuse(config, "relative_attention_max_distance", farthest, "more than relative_attention_num_buckets");
  double first = config.number("decoder_start_token_id", 0);
  if (first < 0 || first >= static_cast<double>(vocabulary))
    refuse(config, "decoder_start_token_id", static_cast<int64_t>(first), "a token of the vocabulary");
  start = static_cast<int64_t>(first);
  activationKind = tfm::UnaryKind::relu;
}

ImportedModel importT5Family(HfBuilder& builder, const T5Config& config) { return T5Import(builder, config).run(); }

ImportedModel importT5(HfBuilder& builder) {
  const ConfigJson& config = builder.config();
  T5Config model(config, builder.options());
  std::string projection = config.text("feed_forward_proj", "relu");
  model.gated = projection.rfind("gated-", 0) == 0;
  std::string function = model.gated ? projection.substr(6) : projection;
  model.activationKind = activation(config, "dense_act_fn", model.gated && function == "gelu" ? "gelu_new" : function);
  return importT5Family(builder, model);
}

}  // namespace quantc
