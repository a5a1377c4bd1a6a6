#include "compiler/import/gguf/GgufConfig.h"

#include "compiler/support/Error.h"
#include "compiler/weights/FloatConversion.h"

namespace quantc {

using nlohmann::json;

namespace {

constexpr int64_t kMostFrequencies = 1 << 16;
constexpr const char* kConvertAnew = "convert the model anew";
constexpr const char* kUseOnnx = "export the original model to ONNX and compile that";

class ConfigReader {
public:
  ConfigReader(const GgufFile& file, const GgufArchitecture& architecture)
      : file_(file), metadata_(file.metadata()), architecture_(architecture), prefix_(std::string(architecture.name) + ".") {}

  ConfigJson run() {
    refuseUnknownKeys();
    for (const GgufKey& row : ggufKeys())
      if (row.family == architecture_.family && (row.required || isSet(prefix_ + row.key)))
        set(row.configKey, prefix_ + row.key,
            row.kind == GgufKeyKind::count ? json(static_cast<uint64_t>(metadata_.count(prefix_ + row.key)))
                                           : json(metadata_.number(prefix_ + row.key)));
    config_["model_type"] = architecture_.modelType;
    if (config_.contains("num_local_experts"))
      readMixture();
    config_["vocab_size"] = static_cast<uint64_t>(vocabulary());
    config_["tie_word_embeddings"] = file_.find("output.weight") == nullptr;
    set("use_sliding_window", prefix_ + "attention.sliding_window", config_.contains("sliding_window"));
    config_["norm_weight_offset"] = 0;           // converters add Gemma's 1
    config_["query_key_value_by_head"] = false;  // and move Bloom's rows
    if (hasRope(architecture_))
      readRope();
    if (architecture_.family == GgufFamily::gemma2)
      readScale();
    return ConfigJson(metadata_.where(), config_, names_);
  }

private:
  void set(const char* configKey, const std::string& key, json value) {
    config_[configKey] = std::move(value);
    names_[configKey] = key;
  }

  void readMixture() {
    const std::optional<GgufMixture> mixture = mixtureOf(architecture_);
    if (!mixture)
      metadata_.fail(prefix_ + "expert_count", "is not 0, experts are not implemented for " + std::string(architecture_.name), kUseOnnx);
    config_["model_type"] = mixture->modelType;
    config_["norm_topk_prob"] = mixture->normalized;
    // Old converters did not write the widths of experts: those that a token takes are together as wide as an MLP.
    const int64_t width = metadata_.count(prefix_ + "feed_forward_length"), taken = metadata_.count(prefix_ + "expert_used_count", 0);
    if (!config_.contains("moe_intermediate_size") && taken > 0)
      config_["moe_intermediate_size"] = width / taken;
    if (!config_.contains("shared_expert_intermediate_size"))
      config_["shared_expert_intermediate_size"] = width;
  }

  /// A key of which nothing is known may change what the model computes, unless its value says that it does not.
  void refuseUnknownKeys() const {
    std::string unknown;
    for (const auto& [key, value] : metadata_.values()) {
      if (key.rfind(prefix_, 0) != 0 || isKnownGgufKey(architecture_, std::string_view(key).substr(prefix_.size())) || isZero(value))
        continue;
      unknown += (unknown.empty() ? "" : ", ") + key;
    }
    if (!unknown.empty())
      throw UserError(metadata_.where(),
                      "needs what is not implemented for " + std::string(architecture_.name) + ": " + unknown + "; " + kUseOnnx);
  }

  bool isSet(const std::string& key) const {
    const GgufValue* value = metadata_.find(key);
    return value && !isZero(*value);
  }

  static bool isZero(const GgufValue& value) {
    for (uint64_t i = 0; value.numbers && i < value.count * bytesOf(value.kind); ++i)
      if (value.numbers[i] != 0)
        return false;
    return value.kind != GgufKind::string;
  }

  /// Rows of the embedding: what the vocabulary was filled up to counts.
  int64_t vocabulary() const {
    const StoredTensor* table = file_.find("token_embd.weight");
    if (!table || table->shape.size() != 2 || table->shape[0] < 1 || table->shape[0] > INT32_MAX)
      throw UserError(metadata_.where() + ":token_embd.weight",
                      (table ? "has shape " + shapeText(table->shape) : std::string("there is no such tensor")) +
                          ", expected the embedding [vocabulary, width]; " + kConvertAnew);
    return table->shape[0];
  }

  void readRope() {
    const std::string headDimKey = prefix_ + "attention.key_length";
    int64_t heads = metadata_.count(prefix_ + "attention.head_count");
    int64_t headDim = metadata_.count(headDimKey, metadata_.count(prefix_ + "embedding_length") / heads);
    requireEqual("attention.value_length", headDim);
    requireEqual("rope.dimension_count", headDim);
    std::string_view type = metadata_.text(prefix_ + "rope.scaling.type", "none");
    if (type != "none" && type != "linear")
      metadata_.fail(prefix_ + "rope.scaling.type", "is '" + std::string(type) + "', supported are none, linear", kUseOnnx);
    const std::string oldKey = prefix_ + "rope.scale_linear";
    if (type == "linear")
      scaleLinearly(prefix_ + "rope.scaling.factor");
    else if (metadata_.number(oldKey, 1.0) != 1.0)
      scaleLinearly(oldKey);
    if (const StoredTensor* divisors = file_.find(kGgufRopeDivisors))
      config_["rope_divisors"] = readDivisors(*divisors);
    names_["rope_divisors"] = kGgufRopeDivisors;
  }

  /// Scores are scaled by the width of a head, but in the largest models, which files tell by their number of layers alone.
  void readScale() {
    constexpr int64_t kLayersOfLargest[] = {46, 62};  // Gemma 2 27B, Gemma 3 27B
    int64_t layers = metadata_.count(prefix_ + "block_count");
    for (int64_t largest : kLayersOfLargest)
      if (layers == largest)
        config_["query_pre_attn_scalar"] =
            metadata_.count(prefix_ + "embedding_length") / metadata_.count(prefix_ + "attention.head_count");
  }

  void requireEqual(const char* key, int64_t headDim) const {
    if (int64_t value = metadata_.count(prefix_ + key, headDim); value != headDim)
      metadata_.fail(prefix_ + key,
                     "is " + std::to_string(value) + ", supported is the width of a head, which is " + std::to_string(headDim), kUseOnnx);
  }

  void scaleLinearly(const std::string& key) {
    double factor = metadata_.number(key);
    if (factor <= 0)
      metadata_.fail(key, "is " + std::to_string(factor) + ", expected a positive number", kConvertAnew);
    config_["rope_scaling"] = {{"rope_type", "linear"}, {"factor", factor}};
  }

  json readDivisors(const StoredTensor& tensor) const {
    const std::string where = metadata_.where() + ":" + tensor.name;
    if (tensor.type != StoredType::f32 || tensor.blocks || tensor.shape.size() != 1 || tensor.elements() > kMostFrequencies)
      throw UserError(where, std::string("is ") + storedTypeName(tensor.type) + " " + shapeText(tensor.shape) +
                                 ", expected a float32 number for each rotary frequency; " + kConvertAnew);
    std::vector<float> values(tensor.elements());
    bool finite = convertToFloat(tensor.type, tensor.data, 0, tensor.elements(), values.data());
    for (float value : values)
      if (!finite || !(value > 0))
        throw UserError(where, std::string("holds a number that is not finite or not positive; ") + kConvertAnew);
    return values;
  }

  const GgufFile& file_;
  const GgufMetadata& metadata_;
  const GgufArchitecture& architecture_;
  std::string prefix_;
  json config_ = json::object();
  std::map<std::string, std::string> names_;
};

}  // namespace

ConfigJson ggufConfig(const GgufFile& file, const GgufArchitecture& architecture) { return ConfigReader(file, architecture).run(); }

}  // namespace quantc
