// Vision Transformer (Dosovitskiy et al. 2021): patches of an image behind a class token, learned positions, pre-norm blocks of attention to all positions.
#include <cmath>

#include "compiler/import/arch/Architectures.h"
#include "compiler/import/arch/PostNormEncoder.h"

namespace quantc {

using mlir::Value;

namespace {

struct VitConfig {
  explicit VitConfig(const ConfigJson& config)
      : hidden(config.count("hidden_size")), intermediate(config.count("intermediate_size")), layers(config.count("num_hidden_layers")),
        image(config.count("image_size", 224)), patch(config.count("patch_size", 16)), channels(config.count("num_channels", 3)),
        attention(attentionShape(config, hidden)), epsilon(config.number("layer_norm_eps", 1e-12)),
        activationKind(activation(config, "hidden_act", "gelu")), hasBiases(config.flag("qkv_bias", true)) {
    constexpr int64_t kLargestSide = 1 << 13, kMostChannels = 1 << 10;
    if (image > kLargestSide)
      config.fail("image_size", "is " + std::to_string(image) + ", expected at most " + std::to_string(kLargestSide), kCorrect);
    if (channels > kMostChannels)
      config.fail("num_channels", "is " + std::to_string(channels) + ", expected at most " + std::to_string(kMostChannels), kCorrect);
    if (patch > image)
      config.fail("patch_size", "is " + std::to_string(patch) + ", expected at most image_size, which is " + std::to_string(image),
                  kCorrect);
    std::string pooling = config.text("pooler_act", "tanh");
    if (pooling != "tanh")
      config.failUnknown("pooler_act", pooling, {"tanh"});
  }

  int64_t hidden, intermediate, layers, image, patch, channels;
  AttentionShape attention;
  double epsilon;
  tfm::UnaryKind activationKind;
  bool hasBiases;  ///< of queries, keys and values
};

class VitImport {
public:
  explicit VitImport(HfBuilder& builder) : b_(builder), config_(builder.config()) {}

  ImportedModel run() {
    std::string head = b_.config().firstText("architectures", "ViTModel");
    Value x = embeddings();
    for (int64_t layer = 0; layer < config_.layers; ++layer)
      x = block("encoder.layer." + std::to_string(layer) + ".", x);
    if (head == "ViTForImageClassification") {
      // A norm of rows: the class token's is all that is read.
      Value first = b_.layerNorm("layernorm", b_.row("class_token", x, 0), config_.epsilon);
      b_.finish({{"logits", biasedLinear(b_, "classifier", first, b_.rowsOf("classifier.weight"), "num_labels")}});
    } else if (head == "ViTModel") {
      finishModel(b_.layerNorm("layernorm", x, config_.epsilon));
    } else {
      b_.config().failUnknown("architectures", head, {"ViTModel", "ViTForImageClassification"});
    }
    return {1};
  }

private:
  std::string reason() const {
    return "hidden_size " + std::to_string(config_.hidden) + ", intermediate_size " + std::to_string(config_.intermediate) +
           ", image_size " + std::to_string(config_.image) + ", patch_size " + std::to_string(config_.patch) + ", num_channels " +
           std::to_string(config_.channels);
  }

  Value add(const std::string& name, Value a, Value b) { return b_.binary(name, tfm::BinaryKind::add, a, b); }
  Value linear(const std::string& name, Value input, int64_t out) { return biasedLinear(b_, name, input, out, reason()); }

  Value embeddings() {
    Value image = b_.image("pixel_values", config_.channels, config_.image, config_.image);
    Value patches = b_.patchEmbedding("embeddings.patch_embeddings.projection", image, config_.hidden, config_.patch, reason());
    int64_t side = config_.image / config_.patch, positions = side * side + 1;
    b_.ignore("embeddings.mask_token");
    Value token = b_.matrixOf("embeddings.cls_token", {1, 1, config_.hidden}, reason());
    Value x = b_.rowsBehind("embeddings", {token, patches});
    return add("embeddings.position", x, b_.matrixOf("embeddings.position_embeddings", {1, positions, config_.hidden}, reason()));
  }

  /// A projection to queries, keys or values.
  Value project(const std::string& name, Value input) {
    if (config_.hasBiases)
      return linear(name, input, config_.hidden);
    return b_.linear(name, input, b_.weight(name + ".weight", b_.stored(name + ".weight", {config_.hidden, config_.hidden}, reason())));
  }

  Value block(const std::string& prefix, Value x) {
    std::string attention = prefix + "attention.";
    Value normed = b_.layerNorm(prefix + "layernorm_before", x, config_.epsilon);
    Value q = project(attention + "attention.query", normed), k = project(attention + "attention.key", normed),
          v = project(attention + "attention.value", normed);
    double scale = 1 / std::sqrt(static_cast<double>(config_.attention.headDim));
    Value attended = b_.bidirectionalAttention(prefix + "attention", q, k, v, config_.attention, scale, Value());
    x = add(prefix + "attention_residual", linear(attention + "output.dense", attended, config_.hidden), x);
    Value inner = linear(prefix + "intermediate.dense", b_.layerNorm(prefix + "layernorm_after", x, config_.epsilon), config_.intermediate);
    return add(prefix + "mlp_residual",
               linear(prefix + "output.dense", b_.unary(prefix + "act", config_.activationKind, inner), config_.hidden), x);
  }

  void finishModel(Value x) {
    if (!b_.hasTensor("pooler.dense.weight"))
      return b_.finish({{"last_hidden_state", x}});
    Value dense = linear("pooler.dense", b_.row("pooler.first", x, 0), b_.rowsOf("pooler.dense.weight"));
    b_.finish({{"last_hidden_state", x}, {"pooler_output", b_.unary("pooler.activation", tfm::UnaryKind::tanh, dense)}});
  }

  HfBuilder& b_;
  VitConfig config_;
};

}  // namespace

ImportedModel importVit(HfBuilder& builder) { return VitImport(builder).run(); }

}  // namespace quantc
