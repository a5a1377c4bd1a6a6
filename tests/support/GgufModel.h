// Hugging Face folders as the GGUF files that llama.cpp's converter makes of them, written from its conventions alone.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "compiler/support/Json.h"
#include "compiler/weights/FloatConversion.h"
#include "compiler/weights/WeightFile.h"
#include "dialects/schemes/Scheme.h"
#include "tests/support/GgufWriter.h"

namespace quantc::test {

class GgufModel {
public:
  /// With `quantized`, matrices are Q4_0 and the embedding, which is the head too, Q8_0: the codes and scales that --quant=int4 --head=int8 chooses.
  explicit GgufModel(const std::filesystem::path& folder, bool quantized = false, bool separateExperts = false)
      : quantized_(quantized), separateExperts_(separateExperts), config_(readJsonFile(folder / "config.json")),
        weights_(openWeightFile(folder / "model.safetensors")), architecture_(config_.at("model_type")) {
    if (architecture_ == "mistral" || architecture_ == "mixtral")
      architecture_ = "llama";
    if (architecture_ == "gemma3_text")
      architecture_ = "gemma3";
    if (architecture_ == "qwen2_moe" || architecture_ == "qwen3_moe")
      architecture_.erase(5, 1);
    writer.text("general.architecture", architecture_);
    if (architecture_ == "gpt2")
      addGpt2();
    else if (architecture_ == "bloom")
      addBloom();
    else
      addDecoder();
  }

  std::string key(const std::string& name) const { return architecture_ + "." + name; }

  GgufWriter writer;

private:
  using Shape = std::vector<int64_t>;
  struct Floats {
    Shape shape;
    std::vector<float> values;
  };

  Floats read(const std::string& name) const {
    const StoredTensor* tensor = weights_->find(name);
    if (!tensor)
      throw std::runtime_error("the test's model has no " + name);
    Floats floats{tensor->shape, std::vector<float>(tensor->elements())};
    convertToFloat(tensor->type, tensor->data, 0, tensor->elements(), floats.values.data());
    return floats;
  }
  bool has(const std::string& name) const { return weights_->find(name) != nullptr; }

  void write(const std::string& name, const Floats& floats) {
    std::vector<uint64_t> sizes(floats.shape.rbegin(), floats.shape.rend());
    if (quantized_ && sizes.size() >= 2) {
      bool wide = name == "token_embd.weight";
      writer.tensor({name, wide ? ggufQ8_0 : ggufQ4_0, sizes, blocksOf(floats, *findScheme(wide ? "int8" : "int4"))});
      return;
    }
    std::string bytes(reinterpret_cast<const char*>(floats.values.data()), floats.values.size() * sizeof(float));
    writer.tensor({name, ggufF32, sizes, bytes});
  }

  /// Q4_0 of int4, Q8_0 of int8.
  static std::string blocksOf(const Floats& floats, const Scheme& scheme) {
    std::string bytes;
    const int64_t width = floats.shape.back();
    for (size_t begin = 0; begin < floats.values.size(); begin += static_cast<size_t>(width)) {
      EncodedRow encoded;
      encodeRow(scheme, &floats.values[begin], width, encoded);
      for (size_t group = 0; group < encoded.scales.size(); ++group) {
        bytes += littleEndian(encoded.scales[group]);
        const int8_t* codes = &encoded.codes[32 * group];
        for (int i = 0; i < 4 * scheme.bits; ++i)
          bytes += static_cast<char>(scheme.bits == 8 ? codes[i] : (codes[i] + 8) | (codes[i + 16] + 8) << 4);
      }
    }
    return bytes;
  }

  void copy(const std::string& from, const std::string& to) {
    for (const char* suffix : {".weight", ".bias"})
      if (has(from + suffix))
        write(to + suffix, read(from + suffix));
  }

  void copyTransposed(const std::string& from, const std::string& to) {
    Floats in = read(from + ".weight"), out{{in.shape[1], in.shape[0]}, in.values};
    for (int64_t row = 0; row < in.shape[0]; ++row)
      for (int64_t column = 0; column < in.shape[1]; ++column)
        out.values[column * in.shape[0] + row] = in.values[row * in.shape[1] + column];
    write(to + ".weight", out);
    write(to + ".bias", read(from + ".bias"));
  }

  /// Row h, half, i of the checkpoint becomes row h, i, half.
  void copyInterleaved(const std::string& from, const std::string& to, int64_t heads) {
    Floats in = read(from), out = in;
    int64_t rows = in.shape[0], columns = static_cast<int64_t>(in.values.size()) / rows, dim = rows / heads;
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < dim; ++i) {
        int64_t half = i / (dim / 2), pair = i % (dim / 2), row = h * dim + 2 * pair + half;
        std::copy_n(&in.values[(h * dim + i) * columns], columns, &out.values[row * columns]);
      }
    write(to, out);
  }

  /// Gemma's norms multiply by 1 + weight; the file has the sum.
  void copyNorm(const std::string& from, const std::string& to) {
    Floats norm = read(from + ".weight");
    if (architecture_.rfind("gemma", 0) == 0)
      for (float& value : norm.values)
        value += 1;
    write(to + ".weight", norm);
  }

  uint32_t number(const char* name) const { return config_.at(name).get<uint32_t>(); }

  void addDecoder() {
    uint32_t heads = number("num_attention_heads"), kvHeads = number("num_key_value_heads"), hidden = number("hidden_size");
    uint32_t headDim = config_.contains("head_dim") && config_.at("head_dim").is_number() ? number("head_dim") : hidden / heads;
    writer.u32(key("context_length"), number("max_position_embeddings")).u32(key("embedding_length"), hidden);
    writer.u32(key("block_count"), number("num_hidden_layers")).u32(key("feed_forward_length"), number("intermediate_size"));
    writer.u32(key("attention.head_count"), heads).u32(key("attention.head_count_kv"), kvHeads);
    writer.u32(key("attention.key_length"), headDim).u32(key("attention.value_length"), headDim);
    writer.f32(key("attention.layer_norm_rms_epsilon"), config_.at("rms_norm_eps").get<float>());
    writer.u32(key("vocab_size"), number("vocab_size"));
    const nlohmann::json& allRope = config_.at("rope_parameters");
    const nlohmann::json& rope = allRope.contains("full_attention") ? allRope.at("full_attention") : allRope;
    for (const char* cap : {"attn_logit_softcapping", "final_logit_softcapping"})
      if (config_.contains(cap) && config_.at(cap).is_number())
        writer.f32(key(cap), config_.at(cap).get<float>());
    writer.f32(key("rope.freq_base"), rope.at("rope_theta").get<float>());
    if (architecture_ == "llama")
      writer.u32(key("rope.dimension_count"), headDim);
    if (config_.contains("sliding_window") && config_.at("sliding_window").is_number())
      writer.u32(key("attention.sliding_window"), number("sliding_window"));
    if (rope.value("rope_type", "default") == "llama3")
      addRopeFactors(rope, headDim);
    if (config_.contains("num_local_experts"))
      writer.u32(key("expert_count"), number("num_local_experts")).u32(key("expert_used_count"), number("num_experts_per_tok"));
    if (config_.contains("num_experts")) {
      writer.u32(key("expert_count"), number("num_experts")).u32(key("expert_used_count"), number("num_experts_per_tok"));
      writer.u32(key("expert_feed_forward_length"), number("moe_intermediate_size"));
    }
    if (config_.contains("shared_expert_intermediate_size"))
      writer.u32(key("expert_shared_feed_forward_length"), number("shared_expert_intermediate_size"));
    copy("model.embed_tokens", "token_embd");
    copyNorm("model.norm", "output_norm");
    if (has("lm_head.weight"))
      copy("lm_head", "output");
    for (uint32_t layer = 0; layer < number("num_hidden_layers"); ++layer)
      addBlock("model.layers." + std::to_string(layer) + ".", "blk." + std::to_string(layer) + ".", heads, kvHeads);
  }

  void addBlock(const std::string& from, const std::string& to, uint32_t heads, uint32_t kvHeads) {
    copyNorm(from + "input_layernorm", to + "attn_norm");
    copy(from + "self_attn.qkv_proj", to + "attn_qkv");
    copy(from + "mlp.gate_up_proj", to + "ffn_up");
    for (const char* suffix : {".weight", ".bias"}) {
      if (!has(from + "self_attn.q_proj" + suffix))
        continue;
      if (architecture_ == "llama") {
        copyInterleaved(from + "self_attn.q_proj" + suffix, to + "attn_q" + suffix, heads);
        copyInterleaved(from + "self_attn.k_proj" + suffix, to + "attn_k" + suffix, kvHeads);
      } else {
        write(to + "attn_q" + suffix, read(from + "self_attn.q_proj" + suffix));
        write(to + "attn_k" + suffix, read(from + "self_attn.k_proj" + suffix));
      }
    }
    copy(from + "self_attn.v_proj", to + "attn_v");
    copy(from + "self_attn.o_proj", to + "attn_output");
    for (const char* name : {"q_norm", "k_norm"})
      if (has(from + "self_attn." + name + ".weight"))
        copyNorm(from + "self_attn." + name, to + "attn_" + name);
    if (has(from + "pre_feedforward_layernorm.weight")) {
      copyNorm(from + "post_attention_layernorm", to + "post_attention_norm");
      copyNorm(from + "pre_feedforward_layernorm", to + "ffn_norm");
      copyNorm(from + "post_feedforward_layernorm", to + "post_ffw_norm");
    } else {
      copyNorm(from + "post_attention_layernorm", to + "ffn_norm");
    }
    copy(from + "mlp.gate_proj", to + "ffn_gate");
    copy(from + "mlp.up_proj", to + "ffn_up");
    copy(from + "mlp.down_proj", to + "ffn_down");
    copy(from + "block_sparse_moe.gate", to + "ffn_gate_inp");
    if (has(from + "block_sparse_moe.gate.weight"))
      for (auto [expert, together] : {std::pair{"w1", "gate"}, {"w2", "down"}, {"w3", "up"}})
        addExperts(from + "block_sparse_moe.experts.", expert, to + "ffn_" + together, number("num_local_experts"));
    addQwenExperts(from + "mlp.", to);
  }

  void addQwenExperts(const std::string& from, const std::string& to) {
    if (!has(from + "gate.weight"))
      return;
    copy(from + "gate", to + "ffn_gate_inp");
    for (const char* name : {"gate", "up", "down"}) {
      addExperts(from + "experts.", std::string(name) + "_proj", to + "ffn_" + name, number("num_experts"));
      copy(from + "shared_expert." + name + "_proj", to + "ffn_" + name + "_shexp");
    }
    if (!has(from + "shared_expert_gate.weight"))
      return;
    Floats gate = read(from + "shared_expert_gate.weight");
    gate.shape.erase(gate.shape.begin());  // the converter squeezes it
    write(to + "ffn_gate_inp_shexp.weight", gate);
  }

  /// All experts in one tensor, or, as old converters wrote them, each in one of its own.
  void addExperts(const std::string& from, const std::string& name, const std::string& to, int64_t experts) {
    Floats all{{experts}, {}};
    for (int64_t expert = 0; expert < all.shape[0]; ++expert) {
      Floats one = read(from + std::to_string(expert) + "." + name + ".weight");
      if (separateExperts_)
        write(to + "." + std::to_string(expert) + ".weight", one);
      all.shape.resize(1);
      all.shape.insert(all.shape.end(), one.shape.begin(), one.shape.end());
      all.values.insert(all.values.end(), one.values.begin(), one.values.end());
    }
    if (!separateExperts_)
      write(to + "_exps.weight", all);
  }

  /// rope_freqs.weight: what Llama 3's scaling divides every frequency by.
  void addRopeFactors(const nlohmann::json& rope, uint32_t headDim) {
    double theta = rope.at("rope_theta"), factor = rope.at("factor"), low = rope.at("low_freq_factor"), high = rope.at("high_freq_factor"),
           context = rope.at("original_max_position_embeddings");
    Floats factors{{static_cast<int64_t>(headDim / 2)}, {}};
    for (uint32_t i = 0; i < headDim; i += 2) {
      double wavelength = 2 * M_PI * std::pow(theta, static_cast<double>(i) / headDim);
      double smooth = (context / wavelength - low) / (high - low);
      factors.values.push_back(static_cast<float>(wavelength < context / high  ? 1
                                                  : wavelength > context / low ? factor
                                                                               : 1 / ((1 - smooth) / factor + smooth)));
    }
    write("rope_freqs.weight", factors);
  }

  void addGpt2() {
    writer.u32("gpt2.context_length", number("n_positions")).u32("gpt2.embedding_length", number("n_embd"));
    writer.u32("gpt2.block_count", number("n_layer")).u32("gpt2.feed_forward_length", 4 * number("n_embd"));
    writer.u32("gpt2.attention.head_count", number("n_head")).f32("gpt2.attention.layer_norm_epsilon", config_.at("layer_norm_epsilon"));
    copy("transformer.wte", "token_embd");
    copy("transformer.wpe", "position_embd");
    copy("transformer.ln_f", "output_norm");
    for (uint32_t layer = 0; layer < number("n_layer"); ++layer) {
      std::string from = "transformer.h." + std::to_string(layer) + ".", to = "blk." + std::to_string(layer) + ".";
      copy(from + "ln_1", to + "attn_norm");
      copyTransposed(from + "attn.c_attn", to + "attn_qkv");
      copyTransposed(from + "attn.c_proj", to + "attn_output");
      copy(from + "ln_2", to + "ffn_norm");
      copyTransposed(from + "mlp.c_fc", to + "ffn_up");
      copyTransposed(from + "mlp.c_proj", to + "ffn_down");
    }
  }

  /// Rows [heads, 3, width] become [3, heads, width].
  void copyThirds(const std::string& from, const std::string& to, int64_t heads) {
    Floats in = read(from), out = in;
    int64_t rows = in.shape[0], columns = static_cast<int64_t>(in.values.size()) / rows, width = rows / 3 / heads;
    for (int64_t row = 0; row < rows; ++row) {
      int64_t head = row / (3 * width), third = row / width % 3;
      std::copy_n(&in.values[row * columns], columns, &out.values[((third * heads + head) * width + row % width) * columns]);
    }
    write(to, out);
  }

  void addBloom() {
    uint32_t hidden = number("hidden_size"), heads = number("n_head");
    writer.u32("bloom.context_length", 128).u32("bloom.embedding_length", hidden).u32("bloom.feed_forward_length", 4 * hidden);
    writer.u32("bloom.block_count", number("n_layer")).u32("bloom.attention.head_count", heads).u32("bloom.attention.head_count_kv", heads);
    writer.f32("bloom.attention.layer_norm_epsilon", config_.at("layer_norm_epsilon"));
    copy("transformer.word_embeddings", "token_embd");
    copy("transformer.word_embeddings_layernorm", "token_embd_norm");
    copy("transformer.ln_f", "output_norm");
    for (uint32_t layer = 0; layer < number("n_layer"); ++layer) {
      std::string from = "transformer.h." + std::to_string(layer) + ".", to = "blk." + std::to_string(layer) + ".";
      copy(from + "input_layernorm", to + "attn_norm");
      for (const char* suffix : {".weight", ".bias"})
        copyThirds(from + "self_attention.query_key_value" + suffix, to + "attn_qkv" + suffix, heads);
      copy(from + "self_attention.dense", to + "attn_output");
      copy(from + "post_attention_layernorm", to + "ffn_norm");
      copy(from + "mlp.dense_h_to_4h", to + "ffn_up");
      copy(from + "mlp.dense_4h_to_h", to + "ffn_down");
    }
  }

  const bool quantized_, separateExperts_;
  nlohmann::json config_;
  std::unique_ptr<WeightFile> weights_;
  std::string architecture_;
};

}  // namespace quantc::test
