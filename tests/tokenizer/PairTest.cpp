// Two texts: where their ids go, what is put around them, and the segment of each id, by the rules of Hugging Face's post-processors.
#include <gmock/gmock.h>

#include "tests/support/Shared.h"
#include "tests/tokenizer/SmallTokenizers.h"

namespace quantc::test {
namespace {

using Pair = std::pair<Ids, Ids>;

Json special(const char* id, int segment) { return {{"SpecialToken", {{"id", id}, {"type_id", segment}}}}; }
Json text(const char* id, int segment) { return {{"Sequence", {{"id", id}, {"type_id", segment}}}}; }

Json withTemplate(const Json& pair) {
  Json json = smallByteLevel();
  json["post_processor"] = {{"type", "TemplateProcessing"},
                            {"single", {special("x", 0), text("A", 0)}},
                            {"pair", pair},
                            {"special_tokens", {{"x", {{"ids", {'x'}}}}, {"yz", {{"ids", {'y', 'z'}}}}}}};
  return json;
}

TEST(Pairs, FollowTheTemplate) {
  const Json json = withTemplate({special("x", 0), text("B", 2), special("yz", 3), text("A", 0), special("x", 255)});
  EXPECT_EQ(load(json)->encodePair("ab", "c"), (Pair{{'x', 'c', 'y', 'z', 256, 'x'}, {0, 2, 3, 3, 0, 255}}));
  EXPECT_EQ(load(json)->encodePair("ab", "c", false), (Pair{{'c', 256}, {2, 0}})) << "the texts' segments stay";
  EXPECT_EQ(load(json)->encodePair("", ""), (Pair{{'x', 'y', 'z', 'x'}, {0, 3, 3, 255}}));
}

TEST(Pairs, AreTwoSegmentsWhereNothingElseIsSaid) {
  EXPECT_EQ(load(smallByteLevel())->encodePair("ab", "<e>c"), (Pair{{256, 259, 'c'}, {0, 1, 1}}));
  Json json = smallByteLevel();
  json["post_processor"] = {{"type", "ByteLevel"}};
  EXPECT_EQ(load(json)->encodePair("a", "b"), (Pair{{'a', 'b'}, {0, 1}}));
}

TEST(Pairs, OfBertAndRobertaDiffer) {
  Json json = smallByteLevel();
  json["post_processor"] = {{"type", "BertProcessing"}, {"cls", {"x", 'x'}}, {"sep", {"y", 'y'}}};
  EXPECT_EQ(load(json)->encodePair("a", "bc"), (Pair{{'x', 'a', 'y', 'b', 'c', 'y'}, {0, 0, 0, 1, 1, 1}}));
  EXPECT_EQ(load(json)->encodePair("a", "bc", false), (Pair{{'a', 'b', 'c'}, {0, 1, 1}}));
  json["post_processor"]["type"] = "RobertaProcessing";
  EXPECT_EQ(load(json)->encodePair("a", "bc"), (Pair{{'x', 'a', 'y', 'y', 'b', 'c', 'y'}, {0, 0, 0, 0, 0, 0, 0}}));
  EXPECT_EQ(load(json)->encodePair("a", "bc", false), (Pair{{'a', 'b', 'c'}, {0, 0, 0}}));
}

TEST(Pairs, CountAllIdsWhereTheRoomIsTooSmall) {
  const auto tokenizer = load(withTemplate({special("yz", 3), text("A", 0), text("B", 1), special("x", 1)}));
  std::vector<uint64_t> scratch(qc_tokenizer_scratch_bytes(tokenizer->get(), 2) / 8 + 1);
  int32_t ids[4] = {-9, -9, -9, -9}, segments[4] = {-9, -9, -9, -9};
  size_t count = 0;
  EXPECT_EQ(qc_tokenizer_encode_pair(tokenizer->get(), "1", 1, "2", 1, 1, 1, scratch.data(), ids, segments, 3, &count), QC_OK);
  EXPECT_EQ(count, 5u);
  EXPECT_THAT(ids, testing::ElementsAre('y', 'z', '1', -9));
  EXPECT_THAT(segments, testing::ElementsAre(3, 3, 0, -9));
}

TEST(Pairs, AreNotGuessed) {
  const auto takesPairs = [](const Json& json) {
    const auto tokenizer = load(json);
    size_t count = 1;
    int32_t id = 0, segment = 0;
    std::vector<uint64_t> scratch(qc_tokenizer_scratch_bytes(tokenizer->get(), 0) / 8 + 1);
    const qc_status status = qc_tokenizer_encode_pair(tokenizer->get(), "", 0, "", 0, 0, 1, scratch.data(), &id, &segment, 1, &count);
    EXPECT_EQ(status == QC_OK, qc_tokenizer_takes_pairs(tokenizer->get()) != 0);
    EXPECT_EQ(count, 0u);
    return status == QC_OK;
  };
  Json json = withTemplate({text("A", 0), text("B", 1)});
  EXPECT_TRUE(takesPairs(json));
  const Json both = json["post_processor"];
  json["post_processor"].erase("pair");
  EXPECT_FALSE(takesPairs(json));
  json["post_processor"] = {{"type", "Sequence"}, {"processors", {{{"type", "ByteLevel"}}, both}}};
  EXPECT_TRUE(takesPairs(json));
  json["post_processor"]["processors"].push_back(both);
  EXPECT_FALSE(takesPairs(json)) << "two templates, one around the other";
}

TEST(Pairs, FollowAddBosToken) {
  TemporaryFolder folder;
  folder.write("tokenizer.json", smallSentencePiece().dump());
  folder.write("tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": true, "add_eos_token": true})");
  EXPECT_EQ(loadFolder(folder.path)->encodePair("a", "b"), (Pair{{bos, spaceA, eos, bos, space, b, eos}, {0, 0, 0, 1, 1, 1, 1}}));
}

TEST(BadPairs, AreRefused) {
  const std::pair<Json, const char*> bad[] = {
      {Json::array({text("A", 0)}),
       ":post_processor.pair: does not put each of two texts in once, expected a \"Sequence\" for \"A\" and one for \"B\""},
      {{text("A", 0), text("B", 0), text("A", 0)}, ":post_processor.pair: does not put each of two texts in once"},
      {{text("A", 0), text("C", 0)}, ":post_processor.pair[1]: puts in text \"C\", expected \"A\" or \"B\""},
      {{text("A", 0), text("B", 256)}, ":post_processor.pair[1].Sequence.type_id: is 256, expected 0 to 255"},
      {{text("A", 0), text("B", 0), special("no", 0)}, ":post_processor.special_tokens: has no \"no\""},
  };
  for (const auto& [pair, message] : bad) {
    try {
      import(withTemplate(pair));
      ADD_FAILURE() << pair << " was imported";
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(message));
    }
  }
}

TEST(BertsPairs, AreClsFirstSepSecondSep) {
  QUANTC_NEED_SHARED("tokenizers/bert-uncased");
  const auto tokenizer = loadFolder(sharedFolder() / "tokenizers/bert-uncased");
  const std::string first = "Who was Jim Henson?", second = "Jim Henson was a puppeteer.";
  Ids ids = tokenizer->encode(first, true);
  Ids segments(ids.size(), 0);
  for (const int32_t id : tokenizer->encode(second))
    ids.push_back(id);
  ids.push_back(102);
  segments.resize(ids.size(), 1);
  EXPECT_EQ(tokenizer->encodePair(first, second), (Pair{ids, segments}));
}

}  // namespace
}  // namespace quantc::test
