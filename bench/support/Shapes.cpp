#include "bench/support/Shapes.h"

#include <cmath>

namespace quantc::bench {

const std::vector<LlamaShape>& allShapes() {
  static const std::vector<LlamaShape> shapes = {
#define SHAPE(...) {__VA_ARGS__},
#include "bench/support/shapes.inc"
#undef SHAPE
  };
  return shapes;
}

const LlamaShape* findShape(const std::string& name) {
  for (const LlamaShape& shape : allShapes())
    if (name == shape.name)
      return &shape;
  return nullptr;
}

uint64_t Tensor::elements() const {
  uint64_t count = 1;
  for (int64_t dim : dims)
    count *= static_cast<uint64_t>(dim);
  return count;
}

std::vector<Tensor> tensorsOf(const LlamaShape& s) {
  using Kind = Tensor::Kind;
  std::vector<Tensor> tensors = {{"model.embed_tokens.weight", "token_embd.weight", {s.vocabulary, s.width}}};
  for (int64_t layer = 0; layer < s.layers; ++layer) {
    const std::string hf = "model.layers." + std::to_string(layer) + ".", gguf = "blk." + std::to_string(layer) + ".";
    const auto add = [&](const char* hfName, const char* ggufName, std::vector<int64_t> dims, Kind kind = Kind::plain) {
      tensors.push_back({hf + hfName + ".weight", gguf + ggufName + ".weight", std::move(dims), kind});
    };
    add("input_layernorm", "attn_norm", {s.width});
    add("self_attn.q_proj", "attn_q", {s.width, s.width}, Kind::query);
    add("self_attn.k_proj", "attn_k", {s.kvWidth(), s.width}, Kind::key);
    add("self_attn.v_proj", "attn_v", {s.kvWidth(), s.width});
    add("self_attn.o_proj", "attn_output", {s.width, s.width});
    add("post_attention_layernorm", "ffn_norm", {s.width});
    add("mlp.gate_proj", "ffn_gate", {s.ffn, s.width});
    add("mlp.up_proj", "ffn_up", {s.ffn, s.width});
    add("mlp.down_proj", "ffn_down", {s.width, s.ffn});
  }
  tensors.push_back({"model.norm.weight", "output_norm.weight", {s.width}});
  if (!s.tied)
    tensors.push_back({"lm_head.weight", "output.weight", {s.vocabulary, s.width}});
  return tensors;
}

std::vector<float> Llama3Rope::divisors(int64_t headDim, double theta) const {
  constexpr double turn = 6.283185307179586;
  std::vector<float> result;
  for (int64_t i = 0; i < headDim; i += 2) {
    const double wavelength = turn * std::pow(theta, static_cast<double>(i) / static_cast<double>(headDim));
    double divisor = 1;
    if (wavelength > originalContext / lowFrequency) {
      divisor = factor;
    } else if (wavelength > originalContext / highFrequency) {
      const double share = (originalContext / wavelength - lowFrequency) / (highFrequency - lowFrequency);
      divisor = 1 / ((1 - share) / factor + share);
    }
    result.push_back(static_cast<float>(divisor));
  }
  return result;
}

}  // namespace quantc::bench
