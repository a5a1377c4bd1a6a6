// The rules of Hugging Face's tokenizers, one by one, on small vocabularies.
#include "tests/tokenizer/SmallTokenizers.h"

namespace quantc::test {
namespace {

constexpr int32_t byteAb = 256, byteAbc = 257, byteSpaceA = 258, byteSpecial = 259;

TEST(SentencePiece, PutsASpaceFirstAndJoinsByRank) {
  const auto tokenizer = load(smallSentencePiece());
  EXPECT_EQ(tokenizer->encode("ab a"), (Ids{spaceA, b, spaceA}));
  EXPECT_EQ(tokenizer->encode("bab"), (Ids{space, b, ab}));
  EXPECT_EQ(tokenizer->encode("  a"), (Ids{spaces, spaceA}));
  EXPECT_EQ(tokenizer->encode("a", true), (Ids{bos, spaceA}));
  EXPECT_EQ(tokenizer->encode("", true), (Ids{bos}));
}

TEST(SentencePiece, PutsASpaceBehindEverySpecialToken) {
  const auto tokenizer = load(smallSentencePiece());
  EXPECT_EQ(tokenizer->encode("a</s>a<s>"), (Ids{spaceA, eos, spaceA, bos}));
  EXPECT_EQ(tokenizer->encode("<s>", false, false), (Ids{space, firstByte + '<', firstByte + 's', firstByte + '>'}));
}

TEST(SentencePiece, DropsTheFirstSpaceOnly) {
  const auto tokenizer = load(smallSentencePiece());
  EXPECT_EQ(tokenizer->decodePieces({bos, spaceA, spaceA, b, spaces}), (std::vector<std::string>{"", "a", " a", "b", "  ", ""}));
  EXPECT_EQ(tokenizer->decode({spaces, a}), " a");
  EXPECT_EQ(tokenizer->decode({firstByte + ' ', a}), "a");
  EXPECT_EQ(tokenizer->decode({a, spaceA}), "a a");
}

TEST(SentencePiece, FallsBackToBytes) {
  const auto tokenizer = load(smallSentencePiece());
  EXPECT_EQ(tokenizer->encode("\xC3\xA9"
                              "b"),
            (Ids{space, firstByte + 0xC3, firstByte + 0xA9, b}));
  EXPECT_EQ(tokenizer->encode("\xFF"), (Ids{space, firstByte + 0xFF}));
}

TEST(SentencePiece, MakesWhatItLacksUnknown) {
  Json json = smallSentencePiece();
  json["model"]["byte_fallback"] = false;
  EXPECT_EQ(load(json)->encode("zzb z"), (Ids{space, unk, b, space, unk}));
  json["model"]["fuse_unk"] = false;
  EXPECT_EQ(load(json)->encode("zzb z"), (Ids{space, unk, unk, b, space, unk}));
  json["model"]["unk_token"] = nullptr;
  EXPECT_EQ(load(json)->encode("zzb z"), (Ids{space, b, space}));
}

TEST(SentencePiece, KeepsAVocabularyWithoutTheMarkerInBounds) {
  Json json = smallSentencePiece();
  json["model"]["vocab"].erase("\xE2\x96\x81");
  json["model"]["merges"] = Json::array();
  json["model"]["vocab"]["filler"] = space;
  const Ids ids = load(json)->encode(std::string(500, ' '));
  EXPECT_EQ(ids.size(), 3 * 501u);
  EXPECT_EQ(ids[1502], firstByte + 0x81);
}

TEST(Metaspace, ReplacesSpacesAfterCuttingAndSplits) {
  Json json = smallSentencePiece();
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", "\xE2\x96\x81"}, {"prepend_scheme", "always"}, {"split", true}};
  EXPECT_EQ(load(json)->encode("ab  a</s>b"), (Ids{spaceA, b, space, spaceA, eos, space, b})) << "the spaces are pieces of their own";
  EXPECT_EQ(load(json)->encode(" a"), (Ids{spaceA})) << "no second space";
  json["pre_tokenizer"]["split"] = false;
  EXPECT_EQ(load(json)->encode("ab  b"), (Ids{spaceA, b, spaces, b}));
  json["pre_tokenizer"]["prepend_scheme"] = "first";
  EXPECT_EQ(load(json)->encode("a</s>a"), (Ids{spaceA, eos, a}));
  EXPECT_EQ(load(json)->encode("</s>a"), (Ids{eos, a}));
  json["pre_tokenizer"]["prepend_scheme"] = "never";
  EXPECT_EQ(load(json)->encode("a"), (Ids{a}));
  json["decoder"] = {{"type", "Metaspace"}, {"replacement", "\xE2\x96\x81"}, {"prepend_scheme", "always"}};
  EXPECT_EQ(load(json)->decode({spaces, a, spaceA}), "a a");
}

TEST(ByteLevel, PutsASpaceFirstWhereAsked) {
  Json json = smallByteLevel();
  EXPECT_EQ(load(json)->encode("a a"), (Ids{'a', byteSpaceA}));
  json["pre_tokenizer"]["add_prefix_space"] = true;
  EXPECT_EQ(load(json)->encode("a a"), (Ids{byteSpaceA, byteSpaceA}));
  EXPECT_EQ(load(json)->encode(" a<e>a"), (Ids{byteSpaceA, byteSpecial, byteSpaceA}));
}

TEST(ByteLevel, TakesWholePiecesWhereMergesAreIgnored) {
  Json json = smallByteLevel();
  json["model"]["merges"] = Json::array({"a b"});
  EXPECT_EQ(load(json)->encode("abc"), (Ids{byteAb, 'c'}));
  json["model"]["ignore_merges"] = true;
  EXPECT_EQ(load(json)->encode("abc a"), (Ids{byteAbc, byteSpaceA}));
}

TEST(ByteLevel, LeavesOutBytesThatItLacks) {
  Json json = smallByteLevel();
  json["model"]["vocab"].erase("z");
  json["model"]["vocab"]["<unk>"] = 'z';
  EXPECT_EQ(load(json)->encode("yzzy"), (Ids{'y', 'y'}));
  json["model"]["unk_token"] = "<unk>";
  EXPECT_EQ(load(json)->encode("yzzy"), (Ids{'y', 'z', 'z', 'y'}));
  json["model"]["fuse_unk"] = true;
  EXPECT_EQ(load(json)->encode("yzzy"), (Ids{'y', 'z', 'y'}));
}

TEST(ByteLevel, TheLaterOfTwoEqualMergesCounts) {
  Json json = smallByteLevel();
  json["model"]["vocab"]["bc"] = 260;
  json["model"]["merges"] = Json::array({"a b", "b c", "a b"});
  EXPECT_EQ(load(json)->encode("abc"), (Ids{'a', 260}));
}

TEST(AddedTokens, TakeWhiteSpaceAlong) {
  Json json = smallByteLevel();
  json["added_tokens"] = Json::array({addedToken(259, "<l>", {{"lstrip", true}}), addedToken(260, "<r>", {{"rstrip", true}})});
  const auto tokenizer = load(json);
  EXPECT_EQ(tokenizer->encode("b \n\xC2\xA0<l> a"), (Ids{'b', 259, byteSpaceA}));
  EXPECT_EQ(tokenizer->encode("b <r> \xE3\x80\x80"
                              "a"),
            (Ids{'b', ' ', 260, 'a'}));
  EXPECT_EQ(tokenizer->encode("<r> <l>"), (Ids{260, 259}));
}

TEST(AddedTokens, StandAloneWhereAsked) {
  Json json = smallByteLevel();
  json["added_tokens"] = Json::array({addedToken(259, "zz", {{"single_word", true}})});
  const auto tokenizer = load(json);
  EXPECT_EQ(tokenizer->encode("zz.zz"), (Ids{259, '.', 259}));
  EXPECT_EQ(tokenizer->encode("zzz"), (Ids{'z', 'z', 'z'}));
  EXPECT_EQ(tokenizer->encode("\xC3\xA9zz"), (Ids{0xC3, 0xA9, 'z', 'z'}));
}

TEST(AddedTokens, TheLongestCounts) {
  Json json = smallByteLevel();
  json["added_tokens"] = Json::array({addedToken(259, "<e>"), addedToken(260, "<e><e>"), addedToken(261, "e>")});
  EXPECT_EQ(load(json)->encode("<e><e><e>e>"), (Ids{260, 259, 261}));
}

TEST(AddedTokens, NormalizedOnesAreLookedForInNormalizedText) {
  Json json = smallSentencePiece();
  json["added_tokens"].push_back(addedToken(265, "b b", {{"normalized", true}, {"special", false}}));
  const auto tokenizer = load(json);
  EXPECT_EQ(tokenizer->encode("b b"), (Ids{265}));
  EXPECT_EQ(tokenizer->encode("ab b"), (Ids{spaceA, b, space, b})) << "no marker before it";
  EXPECT_EQ(tokenizer->encode("b b", false, false), (Ids{265})) << "not special, so always";
  EXPECT_EQ(tokenizer->decode({265, a}), "b ba") << "not special, so it has text";
}

struct SplitCase {
  const char* behavior;
  bool invert;
  Ids expected;
};

TEST(Splits, FollowTheirBehavior) {
  // "ab" joins only inside of a piece: the pattern is the letter b.
  const SplitCase cases[] = {
      {"Isolated", false, {'a', 'b', 'b', 'a'}},
      {"Removed", false, {'a', 'a'}},
      {"Removed", true, {'b', 'b'}},
      {"MergedWithPrevious", false, {byteAb, 'b', 'a'}},
      {"MergedWithNext", false, {'a', 'b', 260}},
  };
  for (const SplitCase& one : cases) {
    Json json = smallByteLevel();
    json["model"]["vocab"]["ba"] = 260;
    json["model"]["merges"] = Json::array({"a b", "b a"});
    json["pre_tokenizer"] = {{"type", "Sequence"},
                             {"pretokenizers",
                              {{{"type", "Split"}, {"pattern", {{"String", "b"}}}, {"behavior", one.behavior}, {"invert", one.invert}},
                               {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
    EXPECT_EQ(load(json)->encode("abba"), one.expected) << one.behavior << one.invert;
  }
}

TEST(Splits, ApplyOneAfterAnother) {
  Json json = smallByteLevel();
  json["model"]["vocab"]["12"] = 260;
  json["model"]["vocab"]["!!"] = 261;
  json["model"]["merges"] = Json::array({"1 2", "! !"});
  const Json byteLevel = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  const auto encode = [&](const Json& first, const std::string& text) {
    json["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", Json::array({first, byteLevel})}};
    return load(json)->encode(text);
  };
  EXPECT_EQ(encode({{"type", "Digits"}, {"individual_digits", true}}, "12!!"), (Ids{'1', '2', 261}));
  EXPECT_EQ(encode({{"type", "Digits"}, {"individual_digits", false}}, "12!!"), (Ids{260, 261}));
  EXPECT_EQ(encode({{"type", "Punctuation"}}, "12!!"), (Ids{260, '!', '!'}));
  EXPECT_EQ(encode({{"type", "Punctuation"}, {"behavior", "Contiguous"}}, "12!!"), (Ids{260, 261}));
}

TEST(PostProcessors, WrapOneAnother) {
  const auto around = [](const char* before, const char* after) {
    Json single = Json::array({{{"Sequence", {{"id", "A"}}}}});
    const auto special = [](const char* id) { return Json{{"SpecialToken", {{"id", id}}}}; };
    single.insert(single.begin(), special(before));
    single.push_back(special(after));
    return Json{
        {"type", "TemplateProcessing"}, {"single", single}, {"special_tokens", {{"x", {{"ids", {'x'}}}}, {"yz", {{"ids", {'y', 'z'}}}}}}};
  };
  Json json = smallByteLevel();
  json["post_processor"] = {{"type", "Sequence"},
                            {"processors", Json::array({{{"type", "ByteLevel"}}, around("x", "yz"), around("yz", "x")})}};
  EXPECT_EQ(load(json)->encode("a", true), (Ids{'y', 'z', 'x', 'a', 'y', 'z', 'x'}));
  EXPECT_EQ(load(json)->encode("a", false), (Ids{'a'}));
}

}  // namespace
}  // namespace quantc::test
