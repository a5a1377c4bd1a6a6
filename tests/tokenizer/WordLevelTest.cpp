// WordLevel: every piece of text that the pre-tokenizer leaves is one token, or unknown; decoding joins tokens by spaces.
#include <gmock/gmock.h>

#include "tests/tokenizer/SmallTokenizers.h"

namespace quantc::test {
namespace {

enum : int32_t { unknown, hello, world, dot, both, pad };

Json smallWordLevel() {
  const Json vocabulary = {{"[UNK]", unknown}, {"hello", hello}, {"world", world}, {".", dot}, {"hello world", both}};
  return {{"added_tokens", Json::array({addedToken(pad, "[PAD]")})},
          {"normalizer", {{"type", "Lowercase"}}},
          {"pre_tokenizer", {{"type", "Whitespace"}}},
          {"post_processor", nullptr},
          {"decoder", nullptr},
          {"model", {{"type", "WordLevel"}, {"vocab", vocabulary}, {"unk_token", "[UNK]"}}}};
}

TEST(WordLevel, LooksWholePiecesUp) {
  const auto tokenizer = load(smallWordLevel());
  EXPECT_EQ(tokenizer->encode("Hello  WORLD."), (Ids{hello, world, dot}));
  EXPECT_EQ(tokenizer->encode("helloworld hell hello."), (Ids{unknown, unknown, hello, dot})) << "no part of a piece is looked up";
  EXPECT_EQ(tokenizer->encode("what is"), (Ids{unknown, unknown})) << "one for each piece";
  EXPECT_EQ(tokenizer->encode("[PAD]hello"), (Ids{pad, hello}));
  EXPECT_EQ(tokenizer->encode(" "), Ids{});
  EXPECT_EQ(import(smallWordLevel()).sourceDescription, "tokenizer.json: WordLevel, 6 tokens");
}

TEST(WordLevel, WithoutAPreTokenizerTakesTheWholeText) {
  Json json = smallWordLevel();
  json["pre_tokenizer"] = nullptr;
  EXPECT_EQ(load(json)->encode("Hello world"), (Ids{both}));
  EXPECT_EQ(load(json)->encode("hello world."), (Ids{unknown}));
}

TEST(WordLevel, JoinsTokensBySpaces) {
  Json json = smallWordLevel();
  EXPECT_EQ(load(json)->decode({hello, world, dot, pad, unknown}), "hello world . [UNK]") << "special ones have no text";
  json["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  EXPECT_EQ(load(json)->decode({hello, world, dot}), "hello world.");
}

TEST(WordLevel, NeedsItsUnknownToken) {
  Json json = smallWordLevel();
  json["model"]["unk_token"] = "[NONE]";
  EXPECT_THROW(import(json), UserError);
  json["model"].erase("unk_token");
  EXPECT_THROW(import(json), UserError);
}

TEST(WordLevel, IsNotReadAsBytes) {
  Json json = smallWordLevel();
  json["pre_tokenizer"] = {{"type", "ByteLevel"}};
  try {
    import(json);
    ADD_FAILURE() << "was imported";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("cannot do: pre-tokenizer ByteLevel before a model that is not BPE;"));
  }
}

}  // namespace
}  // namespace quantc::test
