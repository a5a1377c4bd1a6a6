// Real vocabularies against ids that other implementations gave.
#include "tests/tokenizer/Vectors.h"
#include "tests/support/Shared.h"
#include "tests/tokenizer/Imported.h"

namespace quantc::test {
namespace {

namespace fs = std::filesystem;

const fs::path talelm = fs::path(QUANTC_SOURCE_DIR) / "examples/models/talelm";

/// What every vocabulary that knows all bytes must give back.
const char* const roundTrips[] = {
    "",
    " ",
    "  ",
    "\n",
    "\t\n \r\n",
    "Hello, world!",
    " leading",
    "trailing ",
    "don't DON'T we'll",
    "3.14159 and 1,000,000",
    "na\xC3\xAFve caf\xC3\xA9",
    "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E",
    "\xF0\x9F\xA6\x84\xF0\x9F\x8F\xBD\xE2\x80\x8D",
    "a\xCC\x81\xCC\x81",
    "\x01\x7F",
};

void expectStreamingEqualsWhole(const LoadedTokenizer& tokenizer, const std::string& text) {
  const Ids ids = tokenizer.encode(text);
  EXPECT_EQ(tokenizer.decode(ids), text);
}

TEST(Talelm, GivesTextBack) {
  const auto tokenizer = loadFolder(talelm);
  for (const char* text : roundTrips)
    expectStreamingEqualsWhole(*tokenizer, text);
}

TEST(Talelm, EncodesThePromptsOfItsAnswers) {
  const auto tokenizer = loadFolder(talelm);
  const Ids first = {1519, 323, 632, 259, 513, 446, 307, 259, 531, 392, 336};
  const Ids second = {2, 55, 1113, 512, 310, 884, 808, 359, 260};
  EXPECT_EQ(tokenizer->encode(tokenizer->decode(first)), first) << tokenizer->decode(first);
  EXPECT_EQ(tokenizer->encode(tokenizer->decode(second)), second) << tokenizer->decode(second);
}

TEST(Talelm, ParsesItsSpecialTokenWhenAsked) {
  const auto tokenizer = loadFolder(talelm);
  const std::string text = "end<|endoftext|>";
  EXPECT_EQ(tokenizer->encode(text).back(), 0);
  const Ids plain = tokenizer->encode(text, false, false);
  EXPECT_EQ(std::count(plain.begin(), plain.end(), 0), 0);
  EXPECT_EQ(tokenizer->decode(plain), text);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), "end");
  EXPECT_TRUE(qc_tokenizer_is_end(tokenizer->get(), 0));
  EXPECT_FALSE(qc_tokenizer_is_end(tokenizer->get(), 1));
  EXPECT_EQ(qc_tokenizer_vocabulary(tokenizer->get()), 2048u);
}

TEST(Talelm, GivesItsValidationTextBack) {
  QUANTC_NEED_SHARED("models/talelm/validation.txt");
  const auto tokenizer = loadFolder(talelm);
  expectStreamingEqualsWhole(*tokenizer, readText(sharedFolder() / "models/talelm/validation.txt"));
}

TEST(Stories, EncodesThePromptOfItsAnswers) {
  QUANTC_NEED_SHARED("models/stories260K/tokenizer.json");
  const auto tokenizer = loadFolder(sharedFolder() / "models/stories260K");
  const Ids prompt = {1, 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426};
  const std::string text = tokenizer->decode(prompt);
  EXPECT_EQ(text.substr(0, 16), "Once upon a time");
  EXPECT_EQ(tokenizer->encode(text, true), prompt) << text;
  EXPECT_TRUE(qc_tokenizer_is_end(tokenizer->get(), 2));
}

TEST(Stories, GivesTextBackByBytes) {
  QUANTC_NEED_SHARED("models/stories260K/tokenizer.json");
  const auto tokenizer = loadFolder(sharedFolder() / "models/stories260K");
  for (const char* text : roundTrips)
    expectStreamingEqualsWhole(*tokenizer, text);
}

TEST(Gpt2, EncodesTheVectorsOfItsVocabulary) {
  QUANTC_NEED_SHARED("tokenizers/gpt2/vocab.json");
  QUANTC_NEED_SHARED("tokenizers/gguf-vocab/ggml-vocab-gpt-2.gguf.inp");
  const auto tokenizer = loadFolder(sharedFolder() / "tokenizers/gpt2");
  const Vectors vectors = readVectors(sharedFolder() / "tokenizers/gguf-vocab/ggml-vocab-gpt-2.gguf");
  ASSERT_GT(vectors.texts.size(), 40u);
  ASSERT_GE(vectors.ids.size(), vectors.texts.size());
  for (size_t i = 0; i < vectors.texts.size(); ++i) {
    EXPECT_EQ(tokenizer->encode(vectors.texts[i]), vectors.ids[i]) << vectors.texts[i];
    expectStreamingEqualsWhole(*tokenizer, vectors.texts[i]);
  }
}

TEST(BertUncased, EncodesTheVectorsOfItsVocabulary) {
  QUANTC_NEED_SHARED("tokenizers/bert-uncased/tokenizer.json");
  QUANTC_NEED_SHARED("tokenizers/gguf-vocab/ggml-vocab-bert-bge.gguf.inp");
  const auto tokenizer = loadFolder(sharedFolder() / "tokenizers/bert-uncased");
  const Vectors vectors = readVectors(sharedFolder() / "tokenizers/gguf-vocab/ggml-vocab-bert-bge.gguf");
  ASSERT_GT(vectors.texts.size(), 40u);
  for (size_t i = 0; i < vectors.texts.size(); ++i)
    EXPECT_EQ(tokenizer->encode(vectors.texts[i]), vectors.ids[i]) << vectors.texts[i];
  EXPECT_EQ(tokenizer->encode("Hello", true), (Ids{101, 7592, 102}));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("It isn't F\xC3\xBChrer's, is it? Unaffable!", true)),
            "it isn ' t fuhrer ' s, is it? unaffable!");
}

TEST(Moonshine, ReadsALargeSentencePieceStyleVocabulary) {
  QUANTC_NEED_SHARED("models/moonshine-tiny/tokenizer.json");
  const auto tokenizer = loadFolder(sharedFolder() / "models/moonshine-tiny");
  for (const char* text : roundTrips)
    expectStreamingEqualsWhole(*tokenizer, text);
  // Llama 2's vocabulary.
  EXPECT_EQ(tokenizer->encode("Hello world", true), (Ids{1, 15043, 3186}));
  EXPECT_EQ(tokenizer->encode("\xF0\x9F\xA6\x84"), (Ids{29871, 243, 162, 169, 135}));
}

}  // namespace
}  // namespace quantc::test
