// Tokenizers of GGUF files against the ids that other implementations gave, and against the same model's tokenizer.json.
#include <gmock/gmock.h>

#include "compiler/tokenizer/GgufTokenizer.h"
#include "compiler/weights/GgufFile.h"
#include "tests/support/GgufWriter.h"
#include "tests/support/Shared.h"
#include "tests/tokenizer/SmallTokenizers.h"
#include "tests/tokenizer/Vectors.h"

namespace quantc::test {
namespace {

namespace fs = std::filesystem;

class Vocabularies : public testing::TestWithParam<const char*> {};

TEST_P(Vocabularies, EncodeTheirVectors) {
  const std::string name = std::string("tokenizers/gguf-vocab/ggml-vocab-") + GetParam() + ".gguf";
  QUANTC_NEED_SHARED(name);
  const auto tokenizer = loadFolder(sharedFolder() / name);
  const Vectors vectors = readVectors(sharedFolder() / name);
  ASSERT_GT(vectors.texts.size(), 40u);
  ASSERT_GE(vectors.ids.size(), vectors.texts.size());
  const bool givesTextBack = std::string(GetParam()) != "bert-bge";
  for (size_t i = 0; i < vectors.texts.size(); ++i) {
    EXPECT_EQ(tokenizer->encode(vectors.texts[i]), vectors.ids[i]) << vectors.texts[i];
    if (givesTextBack) {
      EXPECT_EQ(tokenizer->decode(vectors.ids[i]), vectors.texts[i]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, Vocabularies, testing::Values("gpt-2", "mpt", "starcoder", "bert-bge"), [](const auto& info) {
  std::string name = info.param;
  name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
  return name;
});

TEST(BertBge, PutsItsTokensAroundTexts) {
  const char* const name = "tokenizers/gguf-vocab/ggml-vocab-bert-bge.gguf";
  QUANTC_NEED_SHARED(name);
  EXPECT_EQ(loadFolder(sharedFolder() / name)->encode("Hello", true), (Ids{101, 7592, 102}));
}

/// The same model in both forms has the same tokenizer.
void expectSame(const char* model) {
  const fs::path folder = sharedFolder() / "models" / model;
  const auto json = loadFolder(folder);
  const auto gguf = loadFolder(folder / "model-f32.gguf");
  for (const char* text :
       {"", " ", "Once upon a time", "  two\n\nlines \t", "don't 3.14 caf\xC3\xA9 \xE6\x97\xA5\xE6\x9C\xAC", "</s> a<|endoftext|>b"}) {
    EXPECT_EQ(gguf->encode(text, true), json->encode(text, true)) << text;
    EXPECT_EQ(gguf->decode(json->encode(text)), json->decode(json->encode(text))) << text;
  }
}

TEST(SameModel, StoriesHasTheSameIds) {
  QUANTC_NEED_SHARED("models/stories260K/model-f32.gguf");
  expectSame("stories260K");
  EXPECT_TRUE(qc_tokenizer_is_end(loadFolder(sharedFolder() / "models/stories260K/model-f32.gguf")->get(), 2));
}

TEST(SameModel, TalelmHasTheSameIds) {
  QUANTC_NEED_SHARED("models/talelm/model-f32.gguf");
  expectSame("talelm");
}

TokenizerTables importGguf(GgufWriter& writer) {
  TemporaryFolder folder;
  folder.write("model.gguf", writer.bytes());
  TokenizerTables tables;
  EXPECT_TRUE(importTokenizer(folder.path / "model.gguf", tables));
  return tables;
}

GgufWriter smallUnigram() {
  GgufWriter writer;
  writer.text("tokenizer.ggml.model", "t5")
      .texts("tokenizer.ggml.tokens", {"<unk>", "</s>", "\xE2\x96\x81", "a", "b", "ab"})
      .list<float>("tokenizer.ggml.scores", GgufKind::f32, {0, 0, -1, -2, -3, -2.5f})
      .list<int32_t>("tokenizer.ggml.token_type", GgufKind::i32, {2, 3, 1, 1, 1, 1})
      .u32("tokenizer.ggml.eos_token_id", 1);
  return writer;
}

TEST(T5, IsUnigram) {
  GgufWriter writer = smallUnigram();
  EXPECT_EQ(load(importGguf(writer))->encode("ab  b", true), (Ids{2, 5, 2, 2, 4, 1}));
  writer.flag("tokenizer.ggml.remove_extra_whitespaces", true).flag("tokenizer.ggml.add_eos_token", false);
  EXPECT_EQ(load(importGguf(writer))->encode("ab  b", true), (Ids{2, 5, 2, 4}));
}

TEST(NoTokenizer, IsNoError) {
  TemporaryFolder folder;
  GgufWriter writer;
  folder.write("model.gguf", writer.text("general.architecture", "llama").bytes());
  TokenizerTables tables;
  EXPECT_FALSE(importTokenizer(folder.path / "model.gguf", tables));
}

std::string refusal(GgufWriter& writer) {
  try {
    importGguf(writer);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(CorruptGguf, IsRefused) {
  GgufWriter unknownModel;
  unknownModel.text("tokenizer.ggml.model", "rwkv").texts("tokenizer.ggml.tokens", {"a"});
  EXPECT_THAT(refusal(unknownModel), testing::HasSubstr("'tokenizer.ggml.model' is rwkv, expected gpt2, llama, t5 or bert"));
  GgufWriter unknownPattern;
  unknownPattern.text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", "mine").texts("tokenizer.ggml.tokens", {"a"});
  EXPECT_THAT(refusal(unknownPattern), testing::HasSubstr("'tokenizer.ggml.pre' is mine, which is not known: default, gpt-2,"));
  GgufWriter noMerges;
  noMerges.text("tokenizer.ggml.model", "gpt2").texts("tokenizer.ggml.tokens", {"a"});
  EXPECT_THAT(refusal(noMerges), testing::HasSubstr("'tokenizer.ggml.merges' is absent"));
  GgufWriter twice;
  twice.text("tokenizer.ggml.model", "gpt2").texts("tokenizer.ggml.tokens", {"a", "a"}).texts("tokenizer.ggml.merges", {});
  EXPECT_THAT(refusal(twice), testing::HasSubstr("has the token \"a\" twice, as 0 and 1"));
  GgufWriter fewScores;
  fewScores.text("tokenizer.ggml.model", "llama")
      .texts("tokenizer.ggml.tokens", {"a", "b"})
      .list<float>("tokenizer.ggml.scores", GgufKind::f32, {1});
  EXPECT_THAT(refusal(fewScores), testing::HasSubstr("'tokenizer.ggml.scores' has 1 numbers for 2 tokens"));
  GgufWriter end = smallUnigram();
  end.u32("tokenizer.ggml.eot_token_id", 6);
  EXPECT_THAT(refusal(end), testing::HasSubstr("'tokenizer.ggml.eot_token_id' is 6, the vocabulary ends at 5"));
  GgufWriter charsmap = smallUnigram();
  charsmap.list<uint8_t>("tokenizer.ggml.precompiled_charsmap", GgufKind::u8, {1, 2, 3});
  EXPECT_THAT(refusal(charsmap), testing::HasSubstr("has a character map that is cut short"));
}

}  // namespace
}  // namespace quantc::test
