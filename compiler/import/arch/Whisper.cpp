// Whisper (Radford et al. 2022): two convolutions over log-mel features, an encoder and a decoder with learned positions.
#include <cmath>

#include "compiler/import/arch/Architectures.h"

namespace quantc {

using mlir::Attribute;
using mlir::Value;
using tfm::BinaryKind;

namespace {

constexpr double kEpsilon = 1e-5;  // of norms; no key of the config says otherwise

struct WhisperConfig {
  explicit WhisperConfig(const ConfigJson& config)
      : hidden(config.count("d_model")), encoderLayers(config.count("encoder_layers")), decoderLayers(config.count("decoder_layers")),
        encoderInner(config.count("encoder_ffn_dim")), decoderInner(config.count("decoder_ffn_dim")),
        encoderHeads(headsOf(config, "encoder_attention_heads")), decoderHeads(headsOf(config, "decoder_attention_heads")),
        vocabulary(config.count("vocab_size")), mels(config.count("num_mel_bins", 80)), source(config.count("max_source_positions", 1500)),
        context(config.count("max_target_positions", 448)), activationKind(activation(config, "activation_function", "gelu")),
        tiedHead(config.flag("tie_word_embeddings", true)),
        embeddingScale(config.flag("scale_embedding", false) ? std::sqrt(static_cast<double>(hidden)) : 1.0),
        start(config.number("decoder_start_token_id", 50257)) {
    if (start < 0 || start >= static_cast<double>(vocabulary))
      config.fail("decoder_start_token_id", "is not a token of the vocabulary of " + std::to_string(vocabulary), kCorrect);
  }

  AttentionShape headsOf(const ConfigJson& config, const char* key) const {
    int64_t heads = config.count(key);
    if (hidden % heads != 0)
      config.fail(key, "is " + std::to_string(heads) + ", expected a divisor of d_model, which is " + std::to_string(hidden), kCorrect);
    return {heads, heads, hidden / heads};
  }

  int64_t hidden, encoderLayers, decoderLayers, encoderInner, decoderInner;
  AttentionShape encoderHeads, decoderHeads;
  int64_t vocabulary, mels, source, context;
  tfm::UnaryKind activationKind;
  bool tiedHead;
  double embeddingScale;
  double start;
};

class WhisperImport {
public:
  explicit WhisperImport(HfBuilder& builder) : b_(builder), config_(builder.config()) {}

  ImportedModel run() {
    b_.beginEncode();
    encode();
    b_.endEncode();
    decode();
    ImportedModel model{config_.context, config_.source, {static_cast<int32_t>(config_.start)}};
    // Frames of 25 ms every 10 ms of 16 kHz, two for each position (feature_extraction_whisper of transformers).
    model.sound = {"input_features", 16000, true, 400, 160, config_.mels};
    return model;
  }

private:
  std::string reason() const { return "d_model " + std::to_string(config_.hidden); }
  Value add(const std::string& name, Value a, Value b) { return b_.binary(name, BinaryKind::add, a, b); }
  Value norm(const std::string& name, Value x) { return b_.layerNorm(name, x, kEpsilon); }

  Value linear(const std::string& name, Value input, int64_t out, bool hasBias = true) {
    int64_t in = mlir::cast<mlir::RankedTensorType>(input.getType()).getShape().back();
    std::string why = reason() + ", encoder_ffn_dim " + std::to_string(config_.encoderInner) + ", decoder_ffn_dim " +
                      std::to_string(config_.decoderInner);
    return b_.linear(name, input, b_.weight(name + ".weight", b_.stored(name + ".weight", {out, in}, why)),
                     hasBias ? b_.stored(name + ".bias", {out}, why) : Attribute());
  }

  Value table(const std::string& name, int64_t rows, const char* key) {
    return b_.weight(name, b_.stored(name, {rows, config_.hidden}, std::string(key) + " " + std::to_string(rows) + ", " + reason()));
  }

  Value feedForward(const std::string& prefix, Value x, int64_t inner) {
    x = linear(prefix + "fc1", norm(prefix + "final_layer_norm", x), inner);
    return linear(prefix + "fc2", b_.unary(prefix + "activation_fn", config_.activationKind, x), config_.hidden);
  }

  static double scaleOf(const AttentionShape& heads) { return 1 / std::sqrt(static_cast<double>(heads.headDim)); }

  void encode() {
    // Features have room for the longest sound; shorter ones take the first of them.
    const int64_t positions = b_.options().source ? b_.options().source : config_.source;
    Value features = b_.encodeFloats("input_features", {b_.number(config_.mels), b_.number(2 * positions)});
    Value x = b_.channelsLast("encoder.input", features, b_.symbol(tfm::Symbol::sequence) * 2);
    std::string why = reason() + ", num_mel_bins " + std::to_string(config_.mels);
    for (int i : {1, 2}) {
      std::string name = "encoder.conv" + std::to_string(i);
      x = b_.unary(name + ".gelu", tfm::UnaryKind::gelu, b_.convolution(name, x, config_.hidden, 3, i, 1, why));
    }
    x = add("encoder.embedding", x,
            b_.positionRows("encoder.embed_positions", table("encoder.embed_positions.weight", config_.source, "max_source_positions")));
    const AttentionShape& heads = config_.encoderHeads;
    for (int64_t layer = 0; layer < config_.encoderLayers; ++layer) {
      std::string block = "encoder.layers." + std::to_string(layer) + ".", attention = block + "self_attn.";
      Value normed = norm(block + "self_attn_layer_norm", x);
      Value q = linear(attention + "q_proj", normed, config_.hidden), k = linear(attention + "k_proj", normed, config_.hidden, false),
            v = linear(attention + "v_proj", normed, config_.hidden);
      Value attended = b_.bidirectionalAttention(attention + "attention", q, k, v, heads, scaleOf(heads), {});
      x = add(block + "attention_residual", x, linear(attention + "out_proj", attended, config_.hidden));
      x = add(block + "mlp_residual", x, feedForward(block, x, config_.encoderInner));
    }
    x = norm("encoder.layer_norm", x);
    for (int64_t layer = 0; layer < config_.decoderLayers; ++layer) {
      std::string cross = crossOf(layer);
      b_.sourceWrite(cross + "key", linear(cross + "k_proj", x, config_.hidden, false), true, config_.decoderHeads);
      b_.sourceWrite(cross + "value", linear(cross + "v_proj", x, config_.hidden), false, config_.decoderHeads);
    }
  }

  static std::string crossOf(int64_t layer) { return "decoder.layers." + std::to_string(layer) + ".encoder_attn."; }

  void decode() {
    Value tokens = table("decoder.embed_tokens.weight", config_.vocabulary, "vocab_size");
    Value x = b_.embed("decoder.embed_tokens", tokens);
    if (config_.embeddingScale != 1)
      x = b_.binary("embedding_scale", BinaryKind::mul, x, b_.scalar("embedding_scale", static_cast<float>(config_.embeddingScale)));
    x = add("decoder.embedding", x,
            b_.positionRows("decoder.embed_positions", table("decoder.embed_positions.weight", config_.context, "max_target_positions")));
    const AttentionShape& heads = config_.decoderHeads;
    for (int64_t layer = 0; layer < config_.decoderLayers; ++layer) {
      std::string block = "decoder.layers." + std::to_string(layer) + ".", attention = block + "self_attn.", cross = crossOf(layer);
      Value normed = norm(block + "self_attn_layer_norm", x);
      Value q = linear(attention + "q_proj", normed, config_.hidden), k = linear(attention + "k_proj", normed, config_.hidden, false),
            v = linear(attention + "v_proj", normed, config_.hidden);
      Value attended = b_.attention(layer, q, k, v, heads, scaleOf(heads));
      x = add(block + "attention_residual", x, linear(attention + "out_proj", attended, config_.hidden));

      Value query = linear(cross + "q_proj", norm(block + "encoder_attn_layer_norm", x), config_.hidden);
      Value keys = b_.sourceRead(cross + "key", true, heads), values = b_.sourceRead(cross + "value", false, heads);
      Value seen = b_.bidirectionalAttention(cross + "attention", query, keys, values, heads, scaleOf(heads), {});
      x = add(block + "cross_residual", x, linear(cross + "out_proj", seen, config_.hidden));
      x = add(block + "mlp_residual", x, feedForward(block, x, config_.decoderInner));
    }
    x = norm("decoder.layer_norm", b_.tail(x));
    Value head = !config_.tiedHead && b_.hasTensor("proj_out.weight") ? table("proj_out.weight", config_.vocabulary, "vocab_size") : tokens;
    b_.ignore("proj_out.weight");
    b_.finish(b_.linear("proj_out", x, head));
  }

  HfBuilder& b_;
  WhisperConfig config_;
};

}  // namespace

ImportedModel importWhisper(HfBuilder& builder) { return WhisperImport(builder).run(); }

}  // namespace quantc
