// Small Qwen mixtures of experts with drawn weights, and what they compute for one token, written from the published description alone.
#pragma once

#include <cmath>
#include <cstring>
#include <numeric>

#include "tests/import/HfModel.h"

namespace quantc::test {

constexpr int64_t kMoeHidden = 64, kMoeHeads = 4, kMoeKvHeads = 2, kMoeHeadDim = 16, kMoeVocabulary = 60, kMoeLayers = 2;
constexpr int64_t kMoeExperts = 6, kMoeInner = 48, kMoeShared = 80, kMoeDense = 96;

inline void addMlp(HfModel& model, const std::string& prefix, int64_t inner) {
  model.add(prefix + "gate_proj.weight", {inner, kMoeHidden});
  model.add(prefix + "up_proj.weight", {inner, kMoeHidden});
  model.add(prefix + "down_proj.weight", {kMoeHidden, inner});
}

/// `denseLayer`: a layer of one MLP, -1 for none.
inline HfModel smallQwenMoe(bool third, int64_t perToken = 2, int64_t denseLayer = -1) {
  HfModel model;
  model.config = {{"model_type", third ? "qwen3_moe" : "qwen2_moe"},
                  {"hidden_size", kMoeHidden},
                  {"num_hidden_layers", kMoeLayers},
                  {"intermediate_size", kMoeDense},
                  {"moe_intermediate_size", kMoeInner},
                  {"num_experts", kMoeExperts},
                  {"num_experts_per_tok", perToken},
                  {"norm_topk_prob", third},
                  {"vocab_size", kMoeVocabulary},
                  {"num_attention_heads", kMoeHeads},
                  {"num_key_value_heads", kMoeKvHeads},
                  {"head_dim", kMoeHeadDim},
                  {"hidden_act", "silu"},
                  {"rms_norm_eps", 1e-6},
                  {"max_position_embeddings", 64},
                  {"rope_parameters", {{"rope_theta", 10000.0}, {"rope_type", "default"}}},
                  {"tie_word_embeddings", false}};
  if (!third)
    model.config["shared_expert_intermediate_size"] = kMoeShared;
  if (denseLayer >= 0)
    model.config["mlp_only_layers"] = {denseLayer};
  model.add("model.embed_tokens.weight", {kMoeVocabulary, kMoeHidden});
  model.add("lm_head.weight", {kMoeVocabulary, kMoeHidden});
  model.add("model.norm.weight", {kMoeHidden});
  for (int64_t layer = 0; layer < kMoeLayers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    for (const char* norm : {"input_layernorm", "post_attention_layernorm"})
      model.add(prefix + norm + ".weight", {kMoeHidden});
    for (auto [name, heads] : {std::pair{"q_proj", kMoeHeads}, {"k_proj", kMoeKvHeads}, {"v_proj", kMoeKvHeads}}) {
      model.add(prefix + "self_attn." + name + ".weight", {heads * kMoeHeadDim, kMoeHidden});
      if (!third)
        model.add(prefix + "self_attn." + name + ".bias", {heads * kMoeHeadDim});
    }
    model.add(prefix + "self_attn.o_proj.weight", {kMoeHidden, kMoeHeads * kMoeHeadDim});
    if (third)
      for (const char* norm : {"q_norm", "k_norm"})
        model.add(prefix + "self_attn." + norm + ".weight", {kMoeHeadDim});
    if (layer == denseLayer) {
      addMlp(model, prefix + "mlp.", kMoeDense);
      continue;
    }
    model.add(prefix + "mlp.gate.weight", {kMoeExperts, kMoeHidden});
    for (int64_t expert = 0; expert < kMoeExperts; ++expert)
      addMlp(model, prefix + "mlp.experts." + std::to_string(expert) + ".", kMoeInner);
    if (third)
      continue;
    addMlp(model, prefix + "mlp.shared_expert.", kMoeShared);
    model.add(prefix + "mlp.shared_expert_gate.weight", {1, kMoeHidden});
  }
  model.draw(third ? 11 : 12);
  return model;
}

/// The model in double precision, for a single token at position 0: rotations are the identity, and attention is the token's own value.
class PlainQwenMoe {
public:
  using Row = std::vector<double>;

  explicit PlainQwenMoe(const HfModel& model) : model_(model) {}

  Row logits(int64_t token) const {
    const Row table = tensor("model.embed_tokens.weight");
    Row x(table.begin() + token * kMoeHidden, table.begin() + (token + 1) * kMoeHidden);
    for (int64_t layer = 0; layer < kMoeLayers; ++layer) {
      const std::string prefix = "model.layers." + std::to_string(layer) + ".";
      const Row values = linear(prefix + "self_attn.v_proj", norm(prefix + "input_layernorm", x));
      Row attended;
      for (int64_t head = 0; head < kMoeHeads; ++head) {
        const auto begin = values.begin() + head / (kMoeHeads / kMoeKvHeads) * kMoeHeadDim;
        attended.insert(attended.end(), begin, begin + kMoeHeadDim);
      }
      add(x, linear(prefix + "self_attn.o_proj", attended));
      const Row inner = norm(prefix + "post_attention_layernorm", x);
      add(x, find(prefix + "mlp.gate.weight") ? mixture(prefix + "mlp.", inner) : mlp(prefix + "mlp.", inner));
    }
    return linear("lm_head", norm("model.norm", x));
  }

private:
  const TensorToWrite* find(const std::string& name) const {
    for (const TensorToWrite& tensor : model_.tensors)
      if (tensor.name == name)
        return &tensor;
    return nullptr;
  }

  Row tensor(const std::string& name) const {
    const TensorToWrite* found = find(name);
    std::vector<float> values(found->bytes.size() / sizeof(float));
    std::memcpy(values.data(), found->bytes.data(), found->bytes.size());
    return {values.begin(), values.end()};
  }

  Row linear(const std::string& name, const Row& x) const {
    const Row weight = tensor(name + ".weight");
    Row out = find(name + ".bias") ? tensor(name + ".bias") : Row(weight.size() / x.size(), 0.0);
    for (size_t row = 0; row < out.size(); ++row)
      out[row] += std::inner_product(x.begin(), x.end(), weight.begin() + static_cast<ptrdiff_t>(row * x.size()), 0.0);
    return out;
  }

  Row norm(const std::string& name, Row x) const {
    const double square = std::inner_product(x.begin(), x.end(), x.begin(), 0.0) / static_cast<double>(x.size());
    const Row weight = tensor(name + ".weight");
    for (size_t i = 0; i < x.size(); ++i)
      x[i] *= weight[i] / std::sqrt(square + 1e-6);
    return x;
  }

  static void add(Row& x, const Row& more, double factor = 1) {
    for (size_t i = 0; i < x.size(); ++i)
      x[i] += factor * more[i];
  }

  Row mlp(const std::string& prefix, const Row& x) const {
    Row gate = linear(prefix + "gate_proj", x);
    const Row up = linear(prefix + "up_proj", x);
    for (size_t i = 0; i < gate.size(); ++i)
      gate[i] *= up[i] / (1 + std::exp(-gate[i]));
    return linear(prefix + "down_proj", gate);
  }

  Row mixture(const std::string& prefix, const Row& x) const {
    Row shares = linear(prefix + "gate", x);
    double sum = 0;
    for (double& share : shares)
      sum += share = std::exp(share);
    for (double& share : shares)
      share /= sum;
    std::vector<size_t> order(shares.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return shares[a] > shares[b]; });
    order.resize(model_.config.at("num_experts_per_tok").get<size_t>());
    double chosen = 0;
    for (size_t expert : order)
      chosen += shares[expert];
    Row out(x.size(), 0.0);
    for (size_t expert : order)
      add(out, mlp(prefix + "experts." + std::to_string(expert) + ".", x),
          shares[expert] / (model_.config.at("norm_topk_prob").get<bool>() ? chosen : 1));
    if (find(prefix + "shared_expert_gate.weight"))
      add(out, mlp(prefix + "shared_expert.", x), 1 / (1 + std::exp(-linear(prefix + "shared_expert_gate", x)[0])));
    return out;
  }

  const HfModel& model_;
};

}  // namespace quantc::test
