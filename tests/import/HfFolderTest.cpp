// What the import makes of folders and configs, good and bad, by checkpoints made here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/import/HfModel.h"
#include "tests/support/ErrorOf.h"

namespace quantc {
namespace {

using test::HfModel;
using test::Imported;
using test::tinyGpt2;
using test::tinyLlama;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class HfFolder : public testing::Test {
protected:
  Imported import(const HfModel& model, const ImportOptions& options = {}) {
    model.write(folder_);
    return Imported(folder_.path(), options);
  }
  std::string errorOf(const HfModel& model, const ImportOptions& options = {}) {
    return test::errorOf([&] { import(model, options); });
  }
  std::string errorOfFolder() {
    return test::errorOf([&] { Imported imported(folder_.path()); });
  }
  std::string file(const std::string& name) { return (folder_.path() / name).string(); }

  test::TemporaryFolder folder_;
};

TEST_F(HfFolder, TiedHeadUsesTheEmbedding) {
  Imported imported = import(tinyLlama());
  EXPECT_EQ(imported.counts()["weight"], 11);
  auto linears = imported.all<tfm::LinearOp>();
  EXPECT_EQ(linears.back().getWeight(), imported.all<tfm::EmbedOp>().front().getTable());
}

TEST_F(HfFolder, UntiedHeadHasItsOwnWeight) {
  HfModel model = tinyLlama();
  model.config["tie_word_embeddings"] = false;
  model.add("lm_head.weight", {10, 8});
  Imported imported = import(model);
  EXPECT_EQ(imported.counts()["weight"], 12);
  EXPECT_NE(imported.all<tfm::LinearOp>().back().getWeight(), imported.all<tfm::EmbedOp>().front().getTable());
}

TEST_F(HfFolder, HeadIsTiedWhereTheCheckpointHasNone) {
  HfModel model = tinyLlama();
  model.config["tie_word_embeddings"] = false;
  EXPECT_EQ(import(model).counts()["weight"], 11);
}

TEST_F(HfFolder, TiedEmbeddingMayBeStoredAsTheHead) {
  HfModel model = tinyLlama();
  model.rename([](const std::string& name) { return name == "model.embed_tokens.weight" ? "lm_head.weight" : name; });
  EXPECT_EQ(import(model).counts()["weight"], 11);
}

TEST_F(HfFolder, NamesMayLackTheirPrefix) {
  HfModel model = tinyLlama();
  model.rename([](const std::string& name) { return name.substr(std::string("model.").size()); });
  EXPECT_EQ(import(model).counts()["linear"], 8);
  HfModel gpt2 = tinyGpt2();
  gpt2.rename([](const std::string& name) { return "transformer." + name; });
  EXPECT_EQ(import(gpt2).counts()["linear"], 7);
}

TEST_F(HfFolder, BiasesAreAdded) {
  HfModel model = tinyLlama();
  model.config["attention_bias"] = model.config["mlp_bias"] = true;
  std::string attention = "model.layers.0.self_attn.", mlp = "model.layers.0.mlp.";
  model.add(attention + "q_proj.bias", {8});
  model.add(attention + "k_proj.bias", {4});
  model.add(attention + "v_proj.bias", {4});
  model.add(attention + "o_proj.bias", {8});
  model.add(mlp + "gate_proj.bias", {12});
  model.add(mlp + "up_proj.bias", {12});
  model.add(mlp + "down_proj.bias", {8});
  EXPECT_EQ(import(model).counts()["binary"], 7 + 3);
}

TEST_F(HfFolder, HalfBiasesAreCastToFloat) {
  HfModel model = tinyGpt2();
  for (test::TensorToWrite& tensor : model.tensors) {
    tensor.type = "F16";
    tensor.bytes.resize(tensor.bytes.size() / 2);
  }
  Imported imported = import(model);
  EXPECT_EQ(imported.counts()["cast"], 6);
  EXPECT_THAT(imported.text(), HasSubstr("tensor<10x8xf16>"));
}

TEST_F(HfFolder, Gpt2SlicesQueryKeyAndValueFromOneTransposedWeight) {
  std::string text = import(tinyGpt2()).text();
  for (const char* rows : {"0, 0, 8>", "0, 8, 16>", "0, 16, 24>"})
    EXPECT_THAT(text, HasSubstr("#tfm.sliced<#tfm.permuted<#tfm.stored<0, \"h.0.attn.c_attn.weight\", tensor<8x24xf32>>, [1, 0]>, " +
                                std::string(rows)));
}

TEST_F(HfFolder, Gpt2AttentionScale) {
  auto scaleOf = [&](const HfModel& model) { return import(model).all<tfm::AttentionOp>().back().getScale().convertToFloat(); };
  HfModel model = tinyGpt2();
  EXPECT_EQ(scaleOf(model), 0.5f);
  model.config["scale_attn_weights"] = false;
  EXPECT_EQ(scaleOf(model), 1.0f);
}

TEST_F(HfFolder, MasksOfOldCheckpointsAreIgnored) {
  HfModel model = tinyGpt2();
  model.add("h.0.attn.bias", {1, 1, 16, 16});
  model.add("h.0.attn.masked_bias", {});
  EXPECT_EQ(import(model).counts()["attention"], 1);
}

TEST_F(HfFolder, Activations) {
  for (auto [name, kind] : std::vector<std::pair<const char*, tfm::UnaryKind>>{{"silu", tfm::UnaryKind::silu},
                                                                               {"gelu", tfm::UnaryKind::gelu},
                                                                               {"gelu_new", tfm::UnaryKind::gelu_tanh},
                                                                               {"gelu_pytorch_tanh", tfm::UnaryKind::gelu_tanh},
                                                                               {"relu", tfm::UnaryKind::relu}}) {
    HfModel model = tinyLlama();
    model.config["hidden_act"] = name;
    EXPECT_EQ(import(model).all<tfm::UnaryOp>().front().getKind(), kind) << name;
  }
  HfModel model = tinyLlama();
  model.config["hidden_act"] = "mish";
  EXPECT_THAT(errorOf(model), HasSubstr("'hidden_act' is 'mish', supported are silu, swish, gelu"));
}

TEST_F(HfFolder, Context) {
  EXPECT_EQ(import(tinyLlama()).context(), 64);
  EXPECT_EQ(import(tinyLlama(), {16}).context(), 16);
  EXPECT_THAT(errorOf(tinyLlama(), {65}), HasSubstr("made for 64 positions, a context of 65 was asked for; ask for at most 64"));
  EXPECT_THAT(errorOf(tinyLlama(), {-1}), HasSubstr("a context of -1 was asked for"));
  HfModel model = tinyLlama();
  model.config["max_position_embeddings"] = 131072;
  EXPECT_EQ(import(model).context(), kDefaultContext);
  EXPECT_EQ(import(model, {10000}).context(), 10000);
}

TEST_F(HfFolder, TellsTokenizerAndLicense) {
  Imported bare = import(tinyLlama());
  EXPECT_FALSE(bare.module()->hasAttr("tfm.tokenizer"));
  EXPECT_FALSE(bare.module()->hasAttr("tfm.license"));
  folder_.write("tokenizer.json", "{}");
  folder_.write("README.md", "---\nlanguage: en\nlicense: apache-2.0\n---\n# x\nlicense: mit\n");
  Imported full = import(tinyLlama());
  EXPECT_EQ(full.module()->getAttrOfType<mlir::StringAttr>("tfm.tokenizer").str(), folder_.path().string());
  EXPECT_EQ(full.module()->getAttrOfType<mlir::StringAttr>("tfm.license").str(), "apache-2.0");
  EXPECT_EQ(full.module()->getAttrOfType<mlir::StringAttr>("tfm.name").str(), folder_.path().filename().string());
  folder_.write("README.md", "# x\nlicense: mit\n");
  EXPECT_FALSE(import(tinyLlama()).module()->hasAttr("tfm.license"));
}

TEST_F(HfFolder, PrintedIrReadsBackTheSame) {
  Imported imported = import(tinyGpt2());
  auto printed = folder_.write("printed.mlir", imported.text());
  EXPECT_EQ(Imported(printed).text(), imported.text());
}

TEST_F(HfFolder, Shards) {
  HfModel model = tinyLlama();
  folder_.write("config.json", model.config.dump());
  nlohmann::json index;
  std::vector<test::TensorToWrite> shards[2];
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    shards[i % 2].push_back(model.tensors[i]);
    index["weight_map"][model.tensors[i].name] = i % 2 ? "b.safetensors" : "a.safetensors";
  }
  folder_.write("model.safetensors.index.json", index.dump());
  folder_.write("a.safetensors", safetensorsBytes(shards[0]));
  EXPECT_THAT(errorOfFolder(),
              AllOf(StartsWith(file("model.safetensors.index.json")), HasSubstr("names the file 'b.safetensors', which is not")));

  folder_.write("b.safetensors", safetensorsBytes(shards[1]));
  Imported imported(folder_.path());
  EXPECT_EQ(imported.counts()["linear"], 8);
  EXPECT_EQ(imported.module()->getAttrOfType<mlir::ArrayAttr>("tfm.files").size(), 2u);
  EXPECT_THAT(imported.text(), AllOf(HasSubstr("#tfm.stored<0, "), HasSubstr("#tfm.stored<1, ")));

  folder_.write("b.safetensors", safetensorsBytes(std::vector<test::TensorToWrite>(shards[1].begin() + 1, shards[1].end())));
  EXPECT_THAT(errorOfFolder(), HasSubstr("is not in 'b.safetensors', where the index says it is"));
  folder_.write("b.safetensors", safetensorsBytes(model.tensors));
  EXPECT_THAT(errorOfFolder(), HasSubstr("is in another file of the checkpoint too"));
  index["weight_map"]["x"] = "../a.safetensors";
  folder_.write("model.safetensors.index.json", index.dump());
  EXPECT_THAT(errorOfFolder(), HasSubstr("names the file '../a.safetensors', expected a file of the same folder"));
  folder_.write("model.safetensors.index.json", "{}");
  EXPECT_THAT(errorOfFolder(), HasSubstr("has no object 'weight_map'"));
}

TEST_F(HfFolder, OneSafetensorsOfAnyNameWillDo) {
  HfModel model = tinyLlama();
  folder_.write("config.json", model.config.dump());
  EXPECT_THAT(errorOfFolder(), HasSubstr("has no model.safetensors; fetch"));
  folder_.write("pytorch_model.bin", "x");
  EXPECT_THAT(errorOfFolder(), HasSubstr("only PyTorch .bin files; convert them to safetensors"));
  folder_.write("x.safetensors", safetensorsBytes(model.tensors));
  EXPECT_EQ(errorOfFolder(), "no error");
  folder_.write("y.safetensors", safetensorsBytes(model.tensors));
  EXPECT_THAT(errorOfFolder(), HasSubstr("has 2 .safetensors files and no model.safetensors.index.json"));
}

TEST_F(HfFolder, UnknownArchitectureListsTheKnown) {
  HfModel model = tinyLlama();
  model.config["model_type"] = "mamba";
  EXPECT_EQ(errorOf(model), file("config.json") +
                                ": 'model_type' is 'mamba', supported are bert, bloom, clip_text_model, distilbert, gemma, gemma2, "
                                "gemma3_text, glm4, gpt2, llama, mistral, mixtral, opt, phi3, qwen2, qwen2_moe, qwen3, qwen3_moe, "
                                "switch_transformers, t5, vit, whisper; export the model "
                                "to ONNX and compile that");
  model.config.erase("model_type");
  EXPECT_THAT(errorOf(model), HasSubstr("'model_type' is absent, expected a string"));
}

TEST_F(HfFolder, ConfigAndWeightsThatDisagree) {
  auto withConfig = [](const char* key, const nlohmann::json& value) {
    HfModel model = tinyLlama();
    model.config[key] = value;
    return model;
  };
  EXPECT_THAT(errorOf(withConfig("hidden_size", 16)),
              AllOf(StartsWith(file("model.safetensors") + ":model.embed_tokens.weight: has shape [10, 8], "),
                    HasSubstr("says vocab_size 10, hidden_size 16 and so [10, 16]; fetch config and weights of the same checkpoint")));
  EXPECT_THAT(errorOf(withConfig("vocab_size", 11)), HasSubstr("says vocab_size 11, hidden_size 8 and so [11, 8]"));
  EXPECT_THAT(errorOf(withConfig("intermediate_size", 13)), HasSubstr("intermediate_size 13"));
  EXPECT_THAT(errorOf(withConfig("num_key_value_heads", 2)), HasSubstr("num_key_value_heads * head_dim 8"));
  EXPECT_THAT(errorOf(withConfig("head_dim", 8)), HasSubstr("num_attention_heads * head_dim 16"));
  EXPECT_THAT(errorOf(withConfig("num_hidden_layers", 2)),
              HasSubstr("model.safetensors:layers.1.input_layernorm.weight: there is no such tensor"));
  EXPECT_THAT(errorOf(withConfig("attention_bias", true)), HasSubstr("q_proj.bias: there is no such tensor"));
  EXPECT_THAT(errorOf(withConfig("num_key_value_heads", 3)),
              HasSubstr("'num_attention_heads' is 2, expected a multiple of num_key_value_heads"));
  EXPECT_THAT(errorOf(withConfig("num_attention_heads", 3)), HasSubstr("expected a multiple of"));
  EXPECT_THAT(errorOf(withConfig("head_dim", 2147483646)), HasSubstr("'head_dim' is 2147483646, expected at most 4096"));
}

TEST_F(HfFolder, TensorsThatTheConfigDoesNotSpeakOf) {
  HfModel model = tinyLlama();
  model.add("model.layers.0.self_attn.q_norm.weight", {4});
  EXPECT_THAT(errorOf(model), HasSubstr("q_norm.weight: is no part of the model that"));
}

TEST_F(HfFolder, WhatIsNoModel) {
  auto errorOfPath = [](const std::filesystem::path& path) { return test::errorOf([&] { Imported imported(path); }); };
  EXPECT_THAT(errorOfPath(folder_.path()), HasSubstr("has neither config.json nor an .onnx file; give a folder"));
  EXPECT_THAT(errorOfPath(folder_.path() / "absent"), HasSubstr("there is no such file or folder; give a folder"));
  EXPECT_THAT(errorOfPath(folder_.write("x.gguf", "GGUF")), HasSubstr("the version needs 4 bytes"));
  EXPECT_THAT(errorOfPath(folder_.write("x.txt", "")), HasSubstr("is no kind of model that is known"));
  EXPECT_THAT(errorOfPath(folder_.write("x.safetensors", "")), HasSubstr("give the folder that it is in"));
  EXPECT_THAT(errorOfPath(folder_.write("x.mlir", "func.func @main() {\n  oops\n}")), HasSubstr("x.mlir: line 2, column 3: "));
  folder_.write("a.onnx", "");
  folder_.write("b.onnx", "");
  EXPECT_THAT(errorOfPath(folder_.path()), HasSubstr("has 2 .onnx files and no config.json; give the path of one of them"));
}

}  // namespace
}  // namespace quantc
