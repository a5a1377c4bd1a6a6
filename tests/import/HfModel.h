// Tiny checkpoints for tests of the import, and counts of what they become.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "compiler/import/Import.h"
#include "dialects/tfm/Tfm.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tests/support/SafetensorsWriter.h"
#include "tests/support/TemporaryFolder.h"

namespace quantc::test {

/// A config and float32 tensors of zeros, to be changed before they are written.
struct HfModel {
  nlohmann::json config;
  std::vector<TensorToWrite> tensors;

  void add(const std::string& name, const std::vector<int64_t>& shape) {
    int64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    tensors.push_back({name, "F32", shape, std::string(static_cast<size_t>(count) * 4, '\0')});
  }
  void addLinear(const std::string& name, int64_t out, int64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  }
  void addNorm(const std::string& name, int64_t width) {
    add(name + ".weight", {width});
    add(name + ".bias", {width});
  }
  /// Fills all tensors with numbers from -0.35 to 0.35.
  void draw(unsigned seed) {
    std::mt19937 random(seed);
    for (TensorToWrite& tensor : tensors) {
      std::vector<float> values(tensor.bytes.size() / sizeof(float));
      for (float& value : values)
        value = (static_cast<float>(random()) / 4294967296.0f - 0.5f) * 0.7f;
      tensor.bytes = bytesOfValues(values);
    }
  }
  void remove(const std::string& name) {
    tensors.erase(std::remove_if(tensors.begin(), tensors.end(), [&](const TensorToWrite& tensor) { return tensor.name == name; }),
                  tensors.end());
  }
  void rename(const std::function<std::string(const std::string&)>& newName) {
    for (TensorToWrite& tensor : tensors)
      tensor.name = newName(tensor.name);
  }
  void write(const TemporaryFolder& folder) const {
    folder.write("config.json", config.dump());
    folder.write("model.safetensors", safetensorsBytes(tensors));
  }
};

/// One layer, width 8, 2 heads over 1 KV head, MLP 12, vocabulary 10, tied head.
inline HfModel tinyLlama() {
  HfModel model;
  model.config = {{"model_type", "llama"},         {"hidden_size", 8},           {"num_hidden_layers", 1},
                  {"intermediate_size", 12},       {"vocab_size", 10},           {"num_attention_heads", 2},
                  {"num_key_value_heads", 1},      {"hidden_act", "silu"},       {"rms_norm_eps", 1e-5},
                  {"max_position_embeddings", 64}, {"tie_word_embeddings", true}};
  model.add("model.embed_tokens.weight", {10, 8});
  model.add("model.layers.0.input_layernorm.weight", {8});
  model.add("model.layers.0.self_attn.q_proj.weight", {8, 8});
  model.add("model.layers.0.self_attn.k_proj.weight", {4, 8});
  model.add("model.layers.0.self_attn.v_proj.weight", {4, 8});
  model.add("model.layers.0.self_attn.o_proj.weight", {8, 8});
  model.add("model.layers.0.post_attention_layernorm.weight", {8});
  model.add("model.layers.0.mlp.gate_proj.weight", {12, 8});
  model.add("model.layers.0.mlp.up_proj.weight", {12, 8});
  model.add("model.layers.0.mlp.down_proj.weight", {8, 12});
  model.add("model.norm.weight", {8});
  return model;
}

/// One layer, width 8, 2 heads, vocabulary 10.
inline HfModel tinyGpt2() {
  HfModel model;
  model.config = {{"model_type", "gpt2"}, {"n_embd", 8}, {"n_layer", 1}, {"n_head", 2}, {"n_positions", 16}, {"vocab_size", 10}};
  model.add("wte.weight", {10, 8});
  model.add("wpe.weight", {16, 8});
  for (const char* norm : {"h.0.ln_1", "h.0.ln_2", "ln_f"}) {
    model.add(norm + std::string(".weight"), {8});
    model.add(norm + std::string(".bias"), {8});
  }
  model.add("h.0.attn.c_attn.weight", {8, 24});
  model.add("h.0.attn.c_attn.bias", {24});
  model.add("h.0.attn.c_proj.weight", {8, 8});
  model.add("h.0.attn.c_proj.bias", {8});
  model.add("h.0.mlp.c_fc.weight", {8, 32});
  model.add("h.0.mlp.c_fc.bias", {32});
  model.add("h.0.mlp.c_proj.weight", {32, 8});
  model.add("h.0.mlp.c_proj.bias", {8});
  return model;
}

/// An imported module with its context.
class Imported {
public:
  explicit Imported(const std::filesystem::path& model, const ImportOptions& options = {}) {
    context_.loadDialect<mlir::func::FuncDialect, tfm::TfmDialect>();
    module_ = importModel(context_, model, options);
  }

  mlir::ModuleOp module() { return *module_; }

  /// Operations by name without the dialect: {"linear", 7}, ...
  std::map<std::string, int> counts() {
    std::map<std::string, int> result;
    module_.get()->walk([&](mlir::Operation* op) {
      if (op->getName().getDialectNamespace() == "tfm")
        ++result[op->getName().stripDialect().str()];
    });
    return result;
  }

  template <typename Op> std::vector<Op> all() {
    std::vector<Op> result;
    module_.get()->walk([&](Op op) { result.push_back(op); });
    return result;
  }

  std::string text() {
    std::string text;
    llvm::raw_string_ostream out(text);
    module_.get()->print(out);
    return text;
  }

  int64_t context() { return module_.get()->getAttrOfType<mlir::IntegerAttr>("tfm.context").getInt(); }

private:
  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> module_;
};

}  // namespace quantc::test
