// GPT-2 (Radford et al. 2019). Its linear layers are stored as [in, out], and query, key and value as one.
#include <cmath>

#include "compiler/import/arch/Architectures.h"

namespace quantc {

using mlir::Attribute;
using mlir::Value;

namespace {

constexpr const char* kUseOnnx = "export the model to ONNX and compile that";

struct Gpt2Config {
  explicit Gpt2Config(const ConfigJson& config)
      : hidden(config.count("n_embd")), layers(config.count("n_layer")), intermediate(config.count("n_inner", 4 * hidden)),
        vocabulary(config.count("vocab_size")), positions(config.count("n_positions")), heads(config.count("n_head")),
        epsilon(config.number("layer_norm_epsilon", 1e-5)), activationKind(activation(config, "activation_function", "gelu_new")),
        scaleByHeadDim(config.flag("scale_attn_weights", true)), scaleByLayer(config.flag("scale_attn_by_inverse_layer_idx", false)),
        tiedHead(config.flag("tie_word_embeddings", true)) {
    if (hidden % heads != 0)
      config.fail("n_embd", "is " + std::to_string(hidden) + ", expected a multiple of n_head, which is " + std::to_string(heads),
                  kCorrect);
    if (config.flag("add_cross_attention", false))
      config.fail("add_cross_attention", "is true, supported is false", kUseOnnx);
  }

  int64_t hidden, layers, intermediate, vocabulary, positions, heads;
  double epsilon;
  tfm::UnaryKind activationKind;
  bool scaleByHeadDim, scaleByLayer, tiedHead;
};

class Gpt2Import {
public:
  explicit Gpt2Import(HfBuilder& builder) : b_(builder), config_(builder.config()) {}

  ImportedModel run() {
    Value table = matrix("wte", config_.vocabulary, config_.hidden, "vocab_size");
    Value positions = matrix("wpe", config_.positions, config_.hidden, "n_positions");
    Value tokens = b_.embed("wte", table);
    Value x = b_.binary("embedding", tfm::BinaryKind::add, tokens, b_.positionRows("wpe", positions));
    for (int64_t layer = 0; layer < config_.layers; ++layer)
      x = block(layer, x);
    x = b_.layerNorm("ln_f", b_.tail(x), config_.epsilon);
    b_.finish(b_.linear("lm_head", x, headWeight(table)));
    return {config_.positions};
  }

private:
  Value matrix(const std::string& name, int64_t rows, int64_t columns, const std::string& rowsKey) {
    std::string reason = rowsKey + " " + std::to_string(rows) + ", n_embd " + std::to_string(columns);
    return b_.weight(name + ".weight", b_.stored(name + ".weight", {rows, columns}, reason));
  }

  Value headWeight(Value table) {
    if (!config_.tiedHead && b_.hasTensor("lm_head.weight"))
      return matrix("lm_head", config_.vocabulary, config_.hidden, "vocab_size");
    b_.ignore("lm_head.weight");
    return table;
  }

  Value block(int64_t layer, Value x) {
    std::string prefix = "h." + std::to_string(layer) + ".";
    Value attended = attention(layer, prefix + "attn.", b_.layerNorm(prefix + "ln_1", x, config_.epsilon));
    x = b_.binary(prefix + "attention_residual", tfm::BinaryKind::add, x, attended);
    Value transformed = mlp(prefix + "mlp.", b_.layerNorm(prefix + "ln_2", x, config_.epsilon));
    return b_.binary(prefix + "mlp_residual", tfm::BinaryKind::add, x, transformed);
  }

  Value attention(int64_t layer, const std::string& prefix, Value x) {
    int64_t width = config_.hidden;
    std::string reason = "n_embd " + std::to_string(width);
    Attribute weights = b_.transposed(b_.stored(prefix + "c_attn.weight", {width, 3 * width}, reason));
    Attribute biases = b_.stored(prefix + "c_attn.bias", {3 * width}, reason);
    auto third = [&](const char* name, int64_t i) {
      Value weight = b_.weight(prefix + name + ".weight", b_.rows(weights, i * width, (i + 1) * width));
      return b_.linear(prefix + name, x, weight, b_.rows(biases, i * width, (i + 1) * width));
    };
    Value q = third("query", 0), k = third("key", 1), v = third("value", 2);
    // Some checkpoints hold the causal mask.
    b_.ignore(prefix + "bias");
    b_.ignore(prefix + "masked_bias");
    int64_t headDim = width / config_.heads;
    double scale = config_.scaleByHeadDim ? 1 / std::sqrt(static_cast<double>(headDim)) : 1.0;
    if (config_.scaleByLayer)
      scale /= static_cast<double>(layer + 1);
    return conv1d(prefix + "c_proj", b_.attention(layer, q, k, v, {config_.heads, config_.heads, headDim}, scale), width);
  }

  Value mlp(const std::string& prefix, Value x) {
    Value inner = b_.unary(prefix + "act", config_.activationKind, conv1d(prefix + "c_fc", x, config_.intermediate));
    return conv1d(prefix + "c_proj", inner, config_.hidden);
  }

  /// GPT-2's code calls a linear layer with weight [in, out] a Conv1D.
  Value conv1d(const std::string& name, Value input, int64_t out) {
    int64_t in = mlir::cast<mlir::RankedTensorType>(input.getType()).getShape().back();
    std::string reason = "n_embd " + std::to_string(config_.hidden) + ", n_inner " + std::to_string(config_.intermediate);
    Value weight = b_.weight(name + ".weight", b_.transposed(b_.stored(name + ".weight", {in, out}, reason)));
    return b_.linear(name, input, weight, b_.stored(name + ".bias", {out}, reason));
  }

  HfBuilder& b_;
  Gpt2Config config_;
};

}  // namespace

ImportedModel importGpt2(HfBuilder& builder) { return Gpt2Import(builder).run(); }

}  // namespace quantc
