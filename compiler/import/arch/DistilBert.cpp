// DistilBERT (Sanh et al. 2019): BERT with half the layers, without segments and pooler.
#include "compiler/import/arch/Architectures.h"
#include "compiler/import/arch/PostNormEncoder.h"

namespace quantc {

using mlir::Value;

namespace {

constexpr EncoderLayerNames kNames = {"attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin",
                                      "sa_layer_norm",   "ffn.lin1",        "ffn.lin2",        "output_layer_norm"};
constexpr double kEpsilon = 1e-12;

struct DistilBertConfig {
  explicit DistilBertConfig(const ConfigJson& config)
      : layers(config.count("n_layers")), vocabulary(config.count("vocab_size")), positions(config.count("max_position_embeddings")) {
    shape.hidden = config.count("dim");
    shape.intermediate = config.count("hidden_dim");
    int64_t heads = config.count("n_heads");
    if (shape.hidden % heads != 0)
      config.fail("dim", "is " + std::to_string(shape.hidden) + ", expected a multiple of n_heads, which is " + std::to_string(heads),
                  kCorrect);
    shape.attention = {heads, heads, shape.hidden / heads};
    shape.epsilon = kEpsilon;
    shape.activation = activation(config, "activation", "gelu");
  }

  int64_t layers, vocabulary, positions;
  EncoderShape shape;
};

class DistilBertImport {
public:
  explicit DistilBertImport(HfBuilder& builder) : b_(builder), config_(builder.config()) {}

  ImportedModel run() {
    std::string head = b_.config().firstText("architectures", "DistilBertModel");
    Value padding = b_.integers("attention_mask", 1);
    Value table = matrix("embeddings.word_embeddings", config_.vocabulary, "vocab_size");
    Value positions = matrix("embeddings.position_embeddings", config_.positions, "max_position_embeddings");
    Value x = b_.binary("embeddings.position", tfm::BinaryKind::add, b_.embed("embeddings.word_embeddings", table),
                        b_.positionRows("embeddings.position_embeddings", positions));
    x = b_.layerNorm("embeddings.LayerNorm", x, kEpsilon);
    for (int64_t layer = 0; layer < config_.layers; ++layer)
      x = postNormLayer(b_, "transformer.layer." + std::to_string(layer) + ".", kNames, config_.shape, x, padding);
    if (head == "DistilBertModel")
      b_.finish({{"last_hidden_state", x}});
    else if (head == "DistilBertForSequenceClassification")
      finishClassifier(x);
    else if (head == "DistilBertForMaskedLM")
      finishMasked(x, table);
    else
      b_.config().failUnknown("architectures", head, {"DistilBertModel", "DistilBertForMaskedLM", "DistilBertForSequenceClassification"});
    return {config_.positions};
  }

private:
  Value matrix(const std::string& name, int64_t rows, const char* rowsKey) {
    std::string reason = std::string(rowsKey) + " " + std::to_string(rows) + ", dim " + std::to_string(config_.shape.hidden);
    return b_.weight(name + ".weight", b_.stored(name + ".weight", {rows, config_.shape.hidden}, reason));
  }

  std::string hiddenReason() const { return "dim " + std::to_string(config_.shape.hidden); }

  void finishClassifier(Value x) {
    Value dense = biasedLinear(b_, "pre_classifier", b_.row("first", x, 0), config_.shape.hidden, hiddenReason());
    Value inner = b_.unary("pre_classifier.activation", tfm::UnaryKind::relu, dense);
    b_.finish({{"logits", biasedLinear(b_, "classifier", inner, b_.rowsOf("classifier.weight"), "num_labels")}});
  }

  void finishMasked(Value x, Value table) {
    x = biasedLinear(b_, "vocab_transform", x, config_.shape.hidden, hiddenReason());
    x = b_.layerNorm("vocab_layer_norm", b_.unary("vocab_transform.act", config_.shape.activation, x), kEpsilon);
    bool tied = b_.config().flag("tie_word_embeddings", true) || !b_.hasTensor("vocab_projector.weight");
    Value weight = tied ? table : matrix("vocab_projector", config_.vocabulary, "vocab_size");
    b_.ignore("vocab_projector.weight");
    auto bias = b_.stored("vocab_projector.bias", {config_.vocabulary}, "vocab_size " + std::to_string(config_.vocabulary));
    b_.finish({{"logits", b_.linear("vocab_projector", x, weight, bias)}});
  }

  HfBuilder& b_;
  DistilBertConfig config_;
};

}  // namespace

ImportedModel importDistilBert(HfBuilder& builder) { return DistilBertImport(builder).run(); }

}  // namespace quantc
