// GGUF files become the operations that the checkpoints they were converted from become; what cannot is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/import/HfModel.h"
#include "tests/support/ErrorOf.h"
#include "tests/support/GgufWriter.h"

namespace quantc {
namespace {

using test::GgufWriter;
using test::Imported;
using testing::HasSubstr;

using Tensors = std::vector<GgufWriter::Tensor>;

GgufWriter::Tensor zeros(const std::string& name, std::vector<uint64_t> sizes) {
  uint64_t count = 4;
  for (uint64_t size : sizes)
    count *= size;
  return {name, test::ggufF32, std::move(sizes), std::string(count, '\0')};
}

/// One layer, width 8, 2 heads over 1 KV head, MLP 12, vocabulary 10, tied head.
class GgufImport : public testing::Test {
protected:
  GgufImport() {
    for (auto [key, value] : {std::pair{"context_length", 64u},
                              {"embedding_length", 8},
                              {"block_count", 1},
                              {"feed_forward_length", 12},
                              {"attention.head_count", 2},
                              {"attention.head_count_kv", 1},
                              {"rope.dimension_count", 4},
                              {"vocab_size", 10}})
      numbers_[key] = value;
    tensors_ = {zeros("token_embd.weight", {8, 10}),       zeros("output_norm.weight", {8}),       zeros("blk.0.attn_norm.weight", {8}),
                zeros("blk.0.attn_q.weight", {8, 8}),      zeros("blk.0.attn_k.weight", {8, 4}),   zeros("blk.0.attn_v.weight", {8, 4}),
                zeros("blk.0.attn_output.weight", {8, 8}), zeros("blk.0.ffn_norm.weight", {8}),    zeros("blk.0.ffn_gate.weight", {8, 12}),
                zeros("blk.0.ffn_up.weight", {8, 12}),     zeros("blk.0.ffn_down.weight", {12, 8})};
  }

  GgufWriter::Tensor& tensor(const std::string& name) {
    return *std::find_if(tensors_.begin(), tensors_.end(), [&](const GgufWriter::Tensor& tensor) { return tensor.name == name; });
  }

  std::filesystem::path write() {
    GgufWriter writer = more_;
    writer.text("general.architecture", architecture_).f32(architecture_ + ".attention.layer_norm_rms_epsilon", 1e-5f);
    for (const auto& [key, value] : numbers_)
      writer.u32(architecture_ + "." + key, value);
    for (const GgufWriter::Tensor& tensor : tensors_)
      writer.tensor(tensor);
    return folder_.write("tiny.gguf", writer.bytes());
  }

  std::string error() {
    return test::errorOf([&] { Imported imported(write()); });
  }

  std::string architecture_ = "llama";
  std::map<std::string, uint32_t> numbers_;
  Tensors tensors_;
  GgufWriter more_;
  test::TemporaryFolder folder_;
};

TEST_F(GgufImport, MakesTheOperationsOfTheCheckpoint) {
  test::HfModel model = test::tinyLlama();
  model.write(folder_);
  Imported checkpoint(folder_.path()), gguf(write());
  EXPECT_EQ(gguf.counts(), checkpoint.counts());
  EXPECT_EQ(gguf.context(), 64);
  EXPECT_THAT(gguf.text(), HasSubstr("tfm.name = \"tiny\""));
}

TEST_F(GgufImport, UndoesTheOrderOfQueryAndKeyRows) {
  std::string text = Imported(write()).text();
  EXPECT_THAT(text, HasSubstr("#tfm.reshaped<#tfm.permuted<#tfm.reshaped<#tfm.stored<0, \"blk.0.attn_q.weight\", tensor<8x8xf32>>, "
                              "[2, 2, 2, 8]>, [0, 2, 1, 3]>, [8, 8]>"));
  EXPECT_THAT(text, HasSubstr("#tfm.stored<0, \"blk.0.attn_k.weight\", tensor<4x8xf32>>, [1, 2, 2, 8]>"));
  EXPECT_THAT(text, HasSubstr("tfm.weight #tfm.stored<0, \"blk.0.attn_v.weight\", tensor<4x8xf32>>"));
}

TEST_F(GgufImport, TakesTheHeadOfItsOwn) {
  tensors_.push_back(zeros("output.weight", {8, 10}));
  EXPECT_THAT(Imported(write()).text(), HasSubstr("tfm.weight #tfm.stored<0, \"output.weight\""));
}

TEST_F(GgufImport, TheVocabularyIsTheEmbeddingsRows) {
  tensor("token_embd.weight") = zeros("token_embd.weight", {8, 16});  // filled up behind vocab_size
  EXPECT_THAT(Imported(write()).text(), HasSubstr("tensor<16x8xf32>"));
}

TEST_F(GgufImport, KeepsTheNameOfBlocks) {
  numbers_["feed_forward_length"] = 32;
  tensor("blk.0.ffn_gate.weight") = zeros("blk.0.ffn_gate.weight", {8, 32});
  tensor("blk.0.ffn_up.weight") = zeros("blk.0.ffn_up.weight", {8, 32});
  tensor("blk.0.ffn_down.weight") = {"blk.0.ffn_down.weight", test::ggufQ4_0, {32, 8}, std::string(8 * 18, '\0')};
  EXPECT_THAT(Imported(write()).text(), HasSubstr("#tfm.stored<0, \"blk.0.ffn_down.weight\", tensor<8x32xf32>, \"q4_0\">"));
}

TEST_F(GgufImport, DividesRotaryFrequencies) {
  GgufWriter::Tensor divisors{"rope_freqs.weight", test::ggufF32, {2}, test::littleEndian(1.0f) + test::littleEndian(4.0f)};
  tensors_.push_back(divisors);
  Imported imported(write());
  for (tfm::RopeOp rope : imported.all<tfm::RopeOp>())
    EXPECT_THAT(std::vector<float>(rope.getInvFreq().begin(), rope.getInvFreq().end()), testing::ElementsAre(1.0f, 0.01f / 4));
  tensors_.back().bytes = test::littleEndian(1.0f) + test::littleEndian(0.0f);
  EXPECT_THAT(error(), HasSubstr("rope_freqs.weight: holds a number that is not finite or not positive"));
  tensors_.back() = {"rope_freqs.weight", test::ggufF32, {3}, std::string(12, '\x3f')};
  EXPECT_THAT(error(), HasSubstr("'rope_freqs.weight' has 3 numbers, expected 2"));
  tensors_.back() = {"rope_freqs.weight", test::ggufF16, {2}, std::string(4, '\x3f')};
  EXPECT_THAT(error(), HasSubstr("rope_freqs.weight: is f16 [2], expected a float32 number for each rotary frequency"));
}

TEST_F(GgufImport, ScalesRotaryFrequenciesLinearly) {
  more_.text("llama.rope.scaling.type", "linear").f32("llama.rope.scaling.factor", 2);
  Imported imported(write());
  EXPECT_EQ(imported.all<tfm::RopeOp>()[0].getInvFreq()[0], 0.5f);
}

TEST_F(GgufImport, RefusesWhatIsNotImplemented) {
  more_.text("llama.rope.scaling.type", "yarn").f32("llama.rope.scaling.factor", 2);
  EXPECT_THAT(error(), HasSubstr("tiny.gguf: 'llama.rope.scaling.type' is 'yarn', supported are none, linear; "));
  more_ = GgufWriter();
  more_.u32("llama.leading_dense_block_count", 8).f32("llama.logit_scale", 0.5f).u32("llama.expert_count", 0).flag("llama.x", false);
  EXPECT_THAT(error(),
              HasSubstr("tiny.gguf: needs what is not implemented for llama: llama.leading_dense_block_count, llama.logit_scale; "));
  more_ = GgufWriter();
  more_.raw("split.count", GgufKind::u16, test::littleEndian<uint16_t>(3));
  EXPECT_THAT(error(), HasSubstr("'split.count' is 3, models in one file are read; join the parts"));
  more_ = GgufWriter();
  numbers_["rope.dimension_count"] = 2;
  EXPECT_THAT(error(), HasSubstr("'llama.rope.dimension_count' is 2, supported is the width of a head, which is 4; "));
  numbers_.erase("rope.dimension_count");
  numbers_["attention.value_length"] = 8;
  EXPECT_THAT(error(), HasSubstr("'llama.attention.value_length' is 8, supported is the width of a head, which is 4; "));
  numbers_.erase("attention.value_length");
  architecture_ = "qwen2";
  numbers_["expert_count"] = 4;
  EXPECT_THAT(error(), HasSubstr("'qwen2.expert_count' is not 0, experts are not implemented for qwen2; "));
  architecture_ = "mamba";
  EXPECT_THAT(error(), testing::AllOf(HasSubstr("'general.architecture' is 'mamba', supported are "), HasSubstr("llama")));
}

TEST_F(GgufImport, NamesKeysAsTheFileDoes) {
  numbers_["attention.head_count_kv"] = 3;
  EXPECT_THAT(error(), HasSubstr("tiny.gguf: 'llama.attention.head_count' is 2, expected a multiple of"));
  numbers_.erase("feed_forward_length");
  EXPECT_THAT(error(), HasSubstr("'llama.feed_forward_length' is absent, expected a whole number from 1"));
  numbers_["feed_forward_length"] = 0;
  EXPECT_THAT(error(), HasSubstr("'llama.feed_forward_length' is 0, expected a whole number from 1"));
}

TEST_F(GgufImport, NamesTensorsThatDoNotFit) {
  tensors_.push_back(zeros("blk.0.attn_sinks.weight", {8}));
  EXPECT_THAT(error(), HasSubstr("tiny.gguf:blk.0.attn_sinks.weight: is no part of the model"));
  tensors_.pop_back();
  numbers_["block_count"] = 2147483647;
  EXPECT_THAT(error(), HasSubstr("layers.1.input_layernorm.weight: there is no such tensor"));
  numbers_["block_count"] = 1;
  tensor("blk.0.attn_q.weight") = zeros("blk.0.attn_q.weight", {8, 9});
  EXPECT_THAT(error(), HasSubstr("tiny.gguf:blk.0.attn_q.weight: has shape [9, 8]"));
  tensors_.erase(tensors_.begin());
  EXPECT_THAT(error(), HasSubstr("tiny.gguf:token_embd.weight: there is no such tensor, expected the embedding"));
}

TEST_F(GgufImport, SaysWhereTheTokenizerAndTheLicenceAre) {
  EXPECT_THAT(Imported(write()).text(), testing::Not(HasSubstr("tfm.tokenizer")));
  more_.text("tokenizer.ggml.model", "gpt2").text("general.license", "mit");
  std::string path = write().string(), text = Imported(path).text();
  EXPECT_THAT(text, HasSubstr("tfm.tokenizer = \"" + path + "\""));
  EXPECT_THAT(text, HasSubstr("tfm.license = \"mit\""));
}

}  // namespace
}  // namespace quantc
