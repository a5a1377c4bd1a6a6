// WordPiece with BERT's pre-tokenizer and decoder, on a small vocabulary.
#include <gmock/gmock.h>

#include "tests/tokenizer/SmallTokenizers.h"

namespace quantc::test {
namespace {

enum : int32_t { pad, unknown, cls, sep, un, inA, able, aff, dot, hello, apostrophe, t, inF };

Json smallWordPiece() {
  const Json vocabulary = {{"[PAD]", pad},    {"[UNK]", unknown}, {"[CLS]", cls}, {"[SEP]", sep}, {"un", un},
                           {"##a", inA},      {"##able", able},   {"##aff", aff}, {".", dot},     {"hello", hello},
                           {"'", apostrophe}, {"t", t},           {"##f", inF}};
  return {{"added_tokens", Json::array({addedToken(unknown, "[UNK]"), addedToken(cls, "[CLS]"), addedToken(sep, "[SEP]")})},
          {"normalizer", {{"type", "BertNormalizer"}, {"lowercase", true}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor", {{"type", "BertProcessing"}, {"cls", {"[CLS]", cls}}, {"sep", {"[SEP]", sep}}}},
          {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
          {"model",
           {{"type", "WordPiece"},
            {"unk_token", "[UNK]"},
            {"continuing_subword_prefix", "##"},
            {"max_input_chars_per_word", 12},
            {"vocab", vocabulary}}}};
}

TEST(WordPiece, TakesTheLongestPieces) {
  const auto tokenizer = load(smallWordPiece());
  EXPECT_EQ(tokenizer->encode("UNaffable hello."), (Ids{un, aff, able, hello, dot}));
  EXPECT_EQ(tokenizer->encode("una"), (Ids{un, inA}));
  EXPECT_EQ(tokenizer->encode("unaf"), (Ids{un, inA, inF}));
}

TEST(WordPiece, MakesAWholeWordUnknown) {
  const auto tokenizer = load(smallWordPiece());
  EXPECT_EQ(tokenizer->encode("unx hello"), (Ids{unknown, hello})) << "what had been found of it is dropped";
  EXPECT_EQ(tokenizer->encode("affable"), (Ids{unknown})) << "no piece begins a word";
  EXPECT_EQ(tokenizer->encode("unaaaaaaaaaa"), (Ids{un, inA, inA, inA, inA, inA, inA, inA, inA, inA, inA}));
  EXPECT_EQ(tokenizer->encode("unaaaaaaaaaaa"), (Ids{unknown})) << "thirteen characters";
}

TEST(WordPiece, PutsItsTokensAroundTexts) {
  EXPECT_EQ(load(smallWordPiece())->encode("hello", true), (Ids{cls, hello, sep}));
  Json json = smallWordPiece();
  json["post_processor"]["type"] = "RobertaProcessing";
  EXPECT_EQ(load(json)->encode("hello[SEP]hello", true), (Ids{cls, hello, sep, hello, sep}));
}

TEST(WordPiece, JoinsWordsWithSpaces) {
  Json json = smallWordPiece();
  EXPECT_EQ(load(json)->decode({cls, hello, un, able, dot, sep}), "hello unable.");
  EXPECT_EQ(load(json)->decodePieces({un, able, hello}), (std::vector<std::string>{"un", "able", " hello", ""}));
  EXPECT_EQ(load(json)->decode({hello, apostrophe, t}), "hello ' t");
  json["decoder"]["cleanup"] = false;
  EXPECT_EQ(load(json)->decode({hello, dot}), "hello .");
}

TEST(WordPiece, NeedsAnUnknownToken) {
  Json json = smallWordPiece();
  json["model"].erase("unk_token");
  EXPECT_THROW(import(json), UserError);
  json = smallWordPiece();
  json["model"]["max_input_chars_per_word"] = -1;
  EXPECT_THROW(import(json), UserError);
  json = smallWordPiece();
  json["post_processor"]["cls"][1] = 99;
  EXPECT_THROW(import(json), UserError);
}

TEST(Whitespace, SplitsWordsFromTheRest) {
  Json json = smallWordPiece();
  json["pre_tokenizer"] = {{"type", "Whitespace"}};
  EXPECT_EQ(load(json)->encode("hello. 't"), (Ids{hello, dot, apostrophe, t}));
  EXPECT_EQ(load(json)->encode("hello.."), (Ids{hello, unknown}));
  json["pre_tokenizer"] = {{"type", "CharDelimiterSplit"}, {"delimiter", "."}};
  EXPECT_EQ(load(json)->encode("hello.t"), (Ids{hello, t}));
}

}  // namespace
}  // namespace quantc::test
