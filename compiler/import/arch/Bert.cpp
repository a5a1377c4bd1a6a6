// BERT (Devlin et al. 2019): token, position and segment embeddings, a post-norm encoder, a pooler over the first token.
#include "compiler/import/arch/Architectures.h"
#include "compiler/import/arch/PostNormEncoder.h"

namespace quantc {

using mlir::Value;

namespace {

constexpr EncoderLayerNames kNames = {"attention.self.query",       "attention.self.key", "attention.self.value", "attention.output.dense",
                                      "attention.output.LayerNorm", "intermediate.dense", "output.dense",         "output.LayerNorm"};
constexpr const char* kUseOnnx = "export the model to ONNX and compile that";

struct BertConfig {
  explicit BertConfig(const ConfigJson& config)
      : layers(config.count("num_hidden_layers")), vocabulary(config.count("vocab_size")),
        positions(config.count("max_position_embeddings")), segments(config.count("type_vocab_size", 2)) {
    shape.hidden = config.count("hidden_size");
    shape.intermediate = config.count("intermediate_size");
    shape.attention = attentionShape(config, shape.hidden);
    shape.epsilon = config.number("layer_norm_eps", 1e-12);
    shape.activation = activation(config, "hidden_act", "gelu");
    if (config.flag("is_decoder", false))
      config.fail("is_decoder", "is true, supported is false", kUseOnnx);
    std::string positionKind = config.text("position_embedding_type", "absolute");
    if (positionKind != "absolute")
      config.failUnknown("position_embedding_type", positionKind, {"absolute"});
  }

  int64_t layers, vocabulary, positions, segments;
  EncoderShape shape;
};

class BertImport {
public:
  explicit BertImport(HfBuilder& builder) : b_(builder), config_(builder.config()) {}

  ImportedModel run() {
    std::string head = b_.config().firstText("architectures", "BertModel");
    Value padding = b_.integers("attention_mask", 1), segments = b_.integers("token_type_ids", 0);
    Value table = matrix("embeddings.word_embeddings", config_.vocabulary, "vocab_size");
    Value x = b_.embed("embeddings.word_embeddings", table);
    x = add("embeddings.token_type", x,
            b_.embed("embeddings.token_type_embeddings", matrix("embeddings.token_type_embeddings", config_.segments, "type_vocab_size"),
                     segments));
    x = add("embeddings.position", x,
            b_.positionRows("embeddings.position_embeddings",
                            matrix("embeddings.position_embeddings", config_.positions, "max_position_embeddings")));
    b_.ignore("embeddings.position_ids");
    x = b_.layerNorm("embeddings.LayerNorm", x, config_.shape.epsilon);
    for (int64_t layer = 0; layer < config_.layers; ++layer)
      x = postNormLayer(b_, "encoder.layer." + std::to_string(layer) + ".", kNames, config_.shape, x, padding);
    if (head == "BertModel")
      finishModel(x);
    else if (head == "BertForSequenceClassification")
      b_.finish({{"logits", biasedLinear(b_, "classifier", pooled(x), b_.rowsOf("classifier.weight"), "num_labels")}});
    else if (head == "BertForMaskedLM")
      finishMasked(x, table);
    else
      b_.config().failUnknown("architectures", head, {"BertModel", "BertForMaskedLM", "BertForSequenceClassification"});
    return {config_.positions};
  }

private:
  Value matrix(const std::string& name, int64_t rows, const char* rowsKey) {
    std::string reason = std::string(rowsKey) + " " + std::to_string(rows) + ", hidden_size " + std::to_string(config_.shape.hidden);
    return b_.weight(name + ".weight", b_.stored(name + ".weight", {rows, config_.shape.hidden}, reason));
  }

  Value add(const std::string& name, Value a, Value b) { return b_.binary(name, tfm::BinaryKind::add, a, b); }

  std::string hiddenReason() const { return "hidden_size " + std::to_string(config_.shape.hidden); }

  Value pooled(Value x) {
    Value dense = biasedLinear(b_, "pooler.dense", b_.row("pooler.first", x, 0), config_.shape.hidden, hiddenReason());
    return b_.unary("pooler.activation", tfm::UnaryKind::tanh, dense);
  }

  void finishModel(Value x) {
    if (b_.hasTensor("pooler.dense.weight"))
      b_.finish({{"last_hidden_state", x}, {"pooler_output", pooled(x)}});
    else
      b_.finish({{"last_hidden_state", x}});
  }

  /// The head that predicts tokens. Checkpoints of the original training hold the one for sentence pairs too.
  void finishMasked(Value x, Value table) {
    x = biasedLinear(b_, "cls.predictions.transform.dense", x, config_.shape.hidden, hiddenReason());
    x = b_.unary("cls.predictions.transform.act", config_.shape.activation, x);
    x = b_.layerNorm("cls.predictions.transform.LayerNorm", x, config_.shape.epsilon);
    bool tied = b_.config().flag("tie_word_embeddings", true) || !b_.hasTensor("cls.predictions.decoder.weight");
    Value weight = tied ? table : matrix("cls.predictions.decoder", config_.vocabulary, "vocab_size");
    auto bias = b_.stored("cls.predictions.bias", {config_.vocabulary}, "vocab_size " + std::to_string(config_.vocabulary));
    for (const char* name : {"cls.predictions.decoder.weight", "cls.predictions.decoder.bias", "cls.seq_relationship.weight",
                             "cls.seq_relationship.bias", "pooler.dense.weight", "pooler.dense.bias"})
      b_.ignore(name);
    b_.finish({{"logits", b_.linear("cls.predictions.decoder", x, weight, bias)}});
  }

  HfBuilder& b_;
  BertConfig config_;
};

}  // namespace

ImportedModel importBert(HfBuilder& builder) { return BertImport(builder).run(); }

}  // namespace quantc
