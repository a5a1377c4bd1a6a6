// The text encoder of CLIP (Radford et al. 2021), as Stable Diffusion uses it: pre-norm blocks of causal attention. It gives the states of all tokens; the
// pooled one is the row of the end-of-text token.
#include <cmath>

#include "compiler/import/arch/Architectures.h"
#include "compiler/import/arch/PostNormEncoder.h"

namespace quantc {

using mlir::Value;

namespace {

struct ClipTextConfig {
  explicit ClipTextConfig(const ConfigJson& config)
      : hidden(config.count("hidden_size")), intermediate(config.count("intermediate_size")), layers(config.count("num_hidden_layers")),
        vocabulary(config.count("vocab_size")), positions(config.count("max_position_embeddings")),
        attention(attentionShape(config, hidden)), epsilon(config.number("layer_norm_eps", 1e-5)),
        quickGelu(config.text("hidden_act", "quick_gelu") == "quick_gelu") {
    if (!quickGelu)
      activationKind = activation(config, "hidden_act", "quick_gelu");
  }

  int64_t hidden, intermediate, layers, vocabulary, positions;
  AttentionShape attention;
  double epsilon;
  bool quickGelu;
  tfm::UnaryKind activationKind = tfm::UnaryKind::gelu;
};

class ClipTextImport {
public:
  explicit ClipTextImport(HfBuilder& builder) : b_(builder), config_(builder.config()) {}

  ImportedModel run() {
    Value tokens = b_.embed("embeddings.token_embedding", matrix("embeddings.token_embedding", config_.vocabulary, "vocab_size"));
    Value positions = b_.positionRows("embeddings.position_embedding",
                                      matrix("embeddings.position_embedding", config_.positions, "max_position_embeddings"));
    b_.ignore("embeddings.position_ids");
    Value x = add("embeddings", tokens, positions);
    for (int64_t layer = 0; layer < config_.layers; ++layer)
      x = block(layer, x);
    b_.finish({{"last_hidden_state", b_.layerNorm("final_layer_norm", b_.tail(x), config_.epsilon)}});
    return {config_.positions};
  }

private:
  Value matrix(const std::string& name, int64_t rows, const char* rowsKey) {
    std::string reason = std::string(rowsKey) + " " + std::to_string(rows) + ", hidden_size " + std::to_string(config_.hidden);
    return b_.weight(name + ".weight", b_.stored(name + ".weight", {rows, config_.hidden}, reason));
  }

  Value add(const std::string& name, Value a, Value b) { return b_.binary(name, tfm::BinaryKind::add, a, b); }

  Value linear(const std::string& name, Value input, int64_t out) {
    return biasedLinear(b_, name, input, out,
                        "hidden_size " + std::to_string(config_.hidden) + ", intermediate_size " + std::to_string(config_.intermediate));
  }

  /// x * sigmoid(1.702 x)
  Value activate(const std::string& name, Value x) {
    if (!config_.quickGelu)
      return b_.unary(name, config_.activationKind, x);
    Value gate = b_.unary(name, tfm::UnaryKind::sigmoid, b_.binary(name, tfm::BinaryKind::mul, x, b_.scalar(name, 1.702f)));
    return b_.binary(name, tfm::BinaryKind::mul, x, gate);
  }

  Value block(int64_t layer, Value x) {
    std::string prefix = "encoder.layers." + std::to_string(layer) + ".", attention = prefix + "self_attn.";
    Value normed = b_.layerNorm(prefix + "layer_norm1", x, config_.epsilon);
    Value q = linear(attention + "q_proj", normed, config_.hidden), k = linear(attention + "k_proj", normed, config_.hidden),
          v = linear(attention + "v_proj", normed, config_.hidden);
    double scale = 1 / std::sqrt(static_cast<double>(config_.attention.headDim));
    Value attended = linear(attention + "out_proj", b_.attention(layer, q, k, v, config_.attention, scale), config_.hidden);
    x = add(prefix + "attention_residual", x, attended);
    Value inner = linear(prefix + "mlp.fc1", b_.layerNorm(prefix + "layer_norm2", x, config_.epsilon), config_.intermediate);
    Value outer = linear(prefix + "mlp.fc2", activate(prefix + "mlp.act", inner), config_.hidden);
    return add(prefix + "mlp_residual", x, outer);
  }

  HfBuilder& b_;
  ClipTextConfig config_;
};

}  // namespace

ImportedModel importClipText(HfBuilder& builder) { return ClipTextImport(builder).run(); }

}  // namespace quantc
