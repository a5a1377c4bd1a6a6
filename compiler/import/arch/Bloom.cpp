// BLOOM (Le Scao et al. 2022): no positions but linear biases of attention (ALiBi, Press et al. 2022), LayerNorm also behind the embedding, GELU, and
// one matrix for queries, keys and values, head by head.
#include <cmath>

#include "compiler/import/arch/Architectures.h"

namespace quantc {

using mlir::Attribute;
using mlir::Value;

namespace {

/// 2^(-8/n), 2^(-16/n), ... for n heads, a power of two; of another number the rest are every other slope of twice as many.
std::vector<float> alibiSlopes(int64_t heads) {
  int64_t power = int64_t{1} << static_cast<int>(std::log2(static_cast<double>(heads)));
  std::vector<float> slopes;
  for (int64_t i = 1; i <= power; ++i)
    slopes.push_back(static_cast<float>(std::exp2(-8.0 * static_cast<double>(i) / static_cast<double>(power))));
  for (int64_t i = 1; static_cast<int64_t>(slopes.size()) < heads; i += 2)
    slopes.push_back(static_cast<float>(std::exp2(-4.0 * static_cast<double>(i) / static_cast<double>(power))));
  return slopes;
}

class BloomImport {
public:
  explicit BloomImport(HfBuilder& builder)
      : b_(builder), hidden_(config().count(config().has("hidden_size") ? "hidden_size" : "n_embed")), layers_(config().count("n_layer")),
        inner_(config().count("n_inner", 4 * hidden_)), vocabulary_(config().count("vocab_size")), heads_(config().count("n_head")),
        epsilon_(config().number("layer_norm_epsilon", 1e-5)), byHead_(config().flag("query_key_value_by_head", true)),
        residualIsNorm_(config().flag("apply_residual_connection_post_layernorm", false)) {
    if (hidden_ % heads_ != 0)
      config().fail("n_head", "is " + std::to_string(heads_) + ", expected a divisor of hidden_size, which is " + std::to_string(hidden_),
                    kCorrect);
    if (int64_t kvHeads = config().count("num_key_value_heads", heads_); kvHeads != heads_)
      config().fail("num_key_value_heads",
                    "is " + std::to_string(kvHeads) + ", expected as many as n_head, which is " + std::to_string(heads_),
                    "fetch the checkpoint again");
    slopes_ = alibiSlopes(heads_);
  }

  ImportedModel run() {
    Value table = matrix("word_embeddings", vocabulary_, hidden_);
    Value x = norm("word_embeddings_layernorm", b_.embed("word_embeddings", table));
    for (int64_t layer = 0; layer < layers_; ++layer)
      x = block(layer, x);
    x = norm("ln_f", b_.tail(x));
    bool tied = config().flag("tie_word_embeddings", true) || !b_.hasTensor("lm_head.weight");
    b_.ignore("lm_head.weight");
    b_.finish(b_.linear("lm_head", x, tied ? table : matrix("lm_head", vocabulary_, hidden_)));
    return {config().count("seq_length", kTrainedContext)};
  }

private:
  static constexpr int64_t kTrainedContext = 2048;

  const ConfigJson& config() const { return b_.config(); }
  std::string reason() const { return "hidden_size " + std::to_string(hidden_) + ", vocab_size " + std::to_string(vocabulary_); }
  Value norm(const std::string& name, Value x) { return b_.layerNorm(name, x, epsilon_); }

  Value matrix(const std::string& name, int64_t rows, int64_t columns) {
    return b_.weight(name + ".weight", b_.stored(name + ".weight", {rows, columns}, reason()));
  }

  Value linear(const std::string& name, Value input, int64_t out) {
    int64_t in = mlir::cast<mlir::RankedTensorType>(input.getType()).getShape().back();
    return b_.linear(name, input, matrix(name, out, in), b_.stored(name + ".bias", {out}, reason()));
  }

  Value block(int64_t layer, Value x) {
    const std::string prefix = "h." + std::to_string(layer) + ".";
    Value normed = norm(prefix + "input_layernorm", x);
    Value attended = attention(layer, prefix + "self_attention.", normed);
    x = b_.binary(prefix + "attention_residual", tfm::BinaryKind::add, attended, residualIsNorm_ ? normed : x);
    normed = norm(prefix + "post_attention_layernorm", x);
    Value inner = b_.unary(prefix + "mlp.gelu_impl", tfm::UnaryKind::gelu_tanh, linear(prefix + "mlp.dense_h_to_4h", normed, inner_));
    return b_.binary(prefix + "mlp_residual", tfm::BinaryKind::add, linear(prefix + "mlp.dense_4h_to_h", inner, hidden_),
                     residualIsNorm_ ? normed : x);
  }

  Value attention(int64_t layer, const std::string& prefix, Value x) {
    const std::string fused = prefix + "query_key_value";
    Attribute weights = b_.stored(fused + ".weight", {3 * hidden_, hidden_}, reason());
    Attribute biases = b_.stored(fused + ".bias", {3 * hidden_}, reason());
    auto third = [&](const char* name, int64_t i) {
      int64_t blocks = byHead_ ? heads_ : 1;
      Value weight = b_.weight(prefix + name + ".weight", b_.partOfRows(weights, blocks, 3, i));
      return b_.linear(prefix + name, x, weight, b_.partOfRows(biases, blocks, 3, i));
    };
    Value q = third("query", 0), k = third("key", 1), v = third("value", 2);
    int64_t headDim = hidden_ / heads_;
    double scale = 1 / std::sqrt(static_cast<double>(headDim));
    return linear(prefix + "dense", b_.attention(layer, q, k, v, {heads_, heads_, headDim}, scale, 0, 0, slopes_), hidden_);
  }

  HfBuilder& b_;
  int64_t hidden_, layers_, inner_, vocabulary_, heads_;
  double epsilon_;
  bool byHead_;  ///< rows of the fused matrix are [heads, 3, head_dim]; otherwise [3, heads, head_dim]
  bool residualIsNorm_;
  std::vector<float> slopes_;
};

}  // namespace

ImportedModel importBloom(HfBuilder& builder) { return BloomImport(builder).run(); }

}  // namespace quantc
