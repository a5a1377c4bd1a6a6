// Unigram: the best way to cut a text, on small vocabularies.
#include <random>

#include "tests/tokenizer/SmallTokenizers.h"

namespace quantc::test {
namespace {

const std::string marker = "\xE2\x96\x81";
enum : int32_t { unknown, end, space, letterA, letterB, pairAb, wordA };

Json pieces(const std::vector<std::pair<std::string, float>>& entries) {
  Json list = Json::array();
  for (const auto& [name, score] : entries)
    list.push_back(Json::array({name, score}));
  return list;
}

Json smallUnigram() {
  return {{"added_tokens", Json::array({addedToken(unknown, "<unk>"), addedToken(end, "</s>")})},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "Metaspace"}, {"replacement", marker}, {"prepend_scheme", "always"}}},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single", {{{"Sequence", {{"id", "A"}}}}, {{"SpecialToken", {{"id", "</s>"}}}}}},
            {"special_tokens", {{"</s>", {{"ids", {end}}}}}}}},
          {"decoder", {{"type", "Metaspace"}, {"replacement", marker}, {"prepend_scheme", "always"}}},
          {"model",
           {{"type", "Unigram"},
            {"unk_id", unknown},
            {"vocab", pieces({{"<unk>", 0}, {"</s>", 0}, {marker, -2}, {"a", -3}, {"b", -3.5f}, {"ab", -5}, {marker + "a", -4}})}}}};
}

TEST(Unigram, TakesTheGreatestSum) {
  const auto tokenizer = load(smallUnigram());
  EXPECT_EQ(tokenizer->encode("ab"), (Ids{space, pairAb})) << "-2 - 5 is more than -4 - 3.5";
  EXPECT_EQ(tokenizer->encode("aa"), (Ids{wordA, letterA}));
  EXPECT_EQ(tokenizer->encode("a b", true), (Ids{wordA, space, letterB, end}));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("ab aba  b")), "ab aba  b");
}

TEST(Unigram, JoinsNeighbouringUnknownCharacters) {
  const auto tokenizer = load(smallUnigram());
  EXPECT_EQ(tokenizer->encode("xya\xC3\xA9"), (Ids{space, unknown, letterA, unknown}));
}

TEST(Unigram, FallsBackToBytes) {
  Json json = smallUnigram();
  json["model"]["byte_fallback"] = true;
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    snprintf(name, sizeof name, "<0x%02X>", byte);
    json["model"]["vocab"].push_back(Json::array({name, 0}));
  }
  EXPECT_EQ(load(json)->encode("x\xC3\xA9"), (Ids{space, 7 + 'x', 7 + 0xC3, 7 + 0xA9}));
  EXPECT_EQ(load(json)->encode("<0x41>").size(), 7u) << "the text of a byte's token is text";
}

TEST(Unigram, MarksWordsBehindWhitespaceSplit) {
  Json json = smallUnigram();
  const Json metaspace = json["pre_tokenizer"];
  json["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {{{"type", "WhitespaceSplit"}}, metaspace}}};
  EXPECT_EQ(load(json)->encode(" a \n ab\t"), (Ids{wordA, space, pairAb}));
}

/// The definition: tries all ways.
float bestScore(const std::string& text, const std::map<std::string, float>& scores, float unknownScore) {
  std::vector<float> best(text.size() + 1, -1e30f);
  best[0] = 0;
  for (size_t end = 1; end <= text.size(); ++end)
    for (size_t begin = 0; begin < end; ++begin) {
      const auto piece = scores.find(text.substr(begin, end - begin));
      const float score = piece != scores.end() ? piece->second : end - begin == 1 ? unknownScore : -1e30f;
      best[end] = std::max(best[end], best[begin] + score);
    }
  return best[text.size()];
}

TEST(Unigram, ScoresAsTheDefinitionSays) {
  std::mt19937 random(9);
  Json json = smallUnigram();
  json["pre_tokenizer"] = nullptr;
  json["model"]["vocab"] = pieces({{"<unk>", 0}, {"</s>", 0}});
  std::map<std::string, float> scores;
  while (scores.size() < 60) {
    std::string piece;
    for (size_t i = 1 + random() % 4; i > 0; --i)
      piece += static_cast<char>('a' + random() % 4);
    const float score = -static_cast<float>(random() % 1024) / 64;  // sums are exact
    if (scores.emplace(piece, score).second)
      json["model"]["vocab"].push_back(Json::array({piece, score}));
  }
  const TokenizerTables tables = import(json);
  const auto tokenizer = load(tables);
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (size_t k = random() % 60; k > 0; --k)
      text += static_cast<char>('a' + random() % 4);
    std::string joined;
    float sum = 0;
    for (const int32_t id : tokenizer->encode(text)) {
      joined += tables.pieces[static_cast<size_t>(id)];
      sum += tables.scores[static_cast<size_t>(id)];
    }
    if (joined.find("<unk>") != std::string::npos)
      continue;
    EXPECT_EQ(joined, text);
    EXPECT_EQ(sum, bestScore(text, scores, tables.unknownScore)) << text;
  }
}

TEST(Unigram, RefusesWhatIsNoVocabulary) {
  const auto refused = [](const char* key, const Json& value) {
    Json json = smallUnigram();
    json["model"][key] = value;
    EXPECT_THROW(import(json), UserError) << key << value;
  };
  refused("vocab", Json::array());
  refused("vocab", Json::array({Json::array({"a", 1e300})}));
  refused("vocab", Json::array({Json::array({"a"})}));
  refused("vocab", Json::array({Json::array({"a", "b"})}));
  refused("vocab", pieces({{"", 1}}));
  refused("vocab", pieces({{"a", 1}, {"a", 2}}));
  refused("unk_id", 700);
  refused("unk_id", -1);
}

}  // namespace
}  // namespace quantc::test
