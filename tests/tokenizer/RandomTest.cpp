// Random text, random bytes and random damage, with fixed seeds: nothing breaks, and what can be told in advance is so.
#include <array>
#include <chrono>
#include <random>

#include "tests/tokenizer/HandMade.h"
#include "tests/tokenizer/SmallTokenizers.h"

namespace quantc::test {
namespace {

std::string randomBytes(std::mt19937& random, size_t most, uint32_t range) {
  std::string bytes(random() % (most + 1), '\0');
  for (char& byte : bytes)
    byte = static_cast<char>(random() % range);
  return bytes;
}

/// Byte pair encoding as it is defined: join the leftmost pair of the lowest rank until there is none.
Ids joinSlowly(Ids ids, const std::vector<MergeEntry>& merges) {
  for (;;) {
    size_t bestRank = merges.size();
    size_t bestPosition = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i)
      for (size_t rank = 0; rank < bestRank; ++rank)
        if (merges[rank].left == static_cast<uint32_t>(ids[i]) && merges[rank].right == static_cast<uint32_t>(ids[i + 1]))
          bestRank = rank, bestPosition = i;
    if (bestRank == merges.size())
      return ids;
    ids[bestPosition] = static_cast<int32_t>(merges[bestRank].result);
    ids.erase(ids.begin() + static_cast<ptrdiff_t>(bestPosition) + 1);
  }
}

TEST(RandomMerges, EqualTheDefinition) {
  std::mt19937 random(11);
  for (int round = 0; round < 20; ++round) {
    Json json = smallByteLevel();
    json["pre_tokenizer"]["use_regex"] = false;
    std::vector<std::string> names = {"a", "b", "c", "d"};
    Json merges = Json::array();
    for (int id = 300; id < 340; ++id) {
      const std::string left = names[random() % names.size()];
      const std::string right = names[random() % names.size()];
      const bool known =
          std::find(names.begin(), names.end(), left + right) != names.end() || left + right == "ab" || left + right == "abc";
      if (known)
        continue;
      names.push_back(left + right);
      json["model"]["vocab"][left + right] = id;
      merges.push_back(Json::array({left, right}));
    }
    json["model"]["merges"] = merges;
    const TokenizerTables tables = import(json);
    const auto tokenizer = load(tables);
    for (int i = 0; i < 200; ++i) {
      std::string text = randomBytes(random, 40, 4);
      for (char& c : text)
        c = static_cast<char>(c + 'a');
      EXPECT_EQ(tokenizer->encode(text), joinSlowly(Ids(text.begin(), text.end()), tables.merges)) << text;
    }
  }
}

TEST(RandomBytes, AreEncodedAndDecoded) {
  std::mt19937 random(5);
  const auto byteLevel = load(smallByteLevel());
  const auto sentencePiece = load(smallSentencePiece());
  const auto talelm = loadFolder(std::filesystem::path(QUANTC_SOURCE_DIR) / "examples/models/talelm");
  for (int i = 0; i < 3000; ++i) {
    const std::string text = randomBytes(random, 100, i % 2 == 0 ? 256 : 128);
    Ids bytes;
    for (const char byte : text)
      bytes.push_back(static_cast<unsigned char>(byte));
    const std::string expected = byteLevel->decode(bytes);
    EXPECT_EQ(byteLevel->decode(byteLevel->encode(text, false, false)), expected) << "however the bytes are cut into tokens";
    EXPECT_EQ(talelm->decode(talelm->encode(text, false, false)), expected);
    EXPECT_EQ(sentencePiece->decode(sentencePiece->encode(text, true, false)), expected);
  }
}

TEST(RandomIds, AreDecodedToUtf8) {
  std::mt19937 random(6);
  const auto talelm = loadFolder(std::filesystem::path(QUANTC_SOURCE_DIR) / "examples/models/talelm");
  for (int i = 0; i < 500; ++i) {
    Ids ids(random() % 50);
    for (int32_t& id : ids)
      id = static_cast<int32_t>(random() % 2048);
    for (const std::string& piece : talelm->decodePieces(ids))
      EXPECT_NO_THROW(Json(piece).dump()) << "every piece is UTF-8 by itself";
  }
}

TEST(RandomDamage, IsRefusedOrHarmless) {
  std::mt19937 random(8);
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    HandMade made;
    made.spaceClass = 0;
    made.lstrip = true;
    made.steps = HandMade::allSteps();
    made.kind =
        std::array<schema::TokenizerKind, 4>{schema::TokenizerKind_byte_level_bpe, schema::TokenizerKind_wordpiece,
                                             schema::TokenizerKind_unigram, schema::TokenizerKind_wordlevel}[static_cast<size_t>(i) % 4];
    made.scores.assign(made.pieceEnds.size(), -1.0f);
    made.unknown = HandMade::bos;
    std::vector<uint32_t>* const lists[] = {&made.pieceEnds,
                                            &made.pieceOrder,
                                            &made.mergeStarts,
                                            &made.merges,
                                            &made.pattern,
                                            &made.pattern,
                                            &made.classes,
                                            &made.steps[0].keyEnds,
                                            &made.steps[0].valueEnds,
                                            &made.steps[1].pattern,
                                            &made.steps[3].combining,
                                            &made.steps[3].compositions};
    for (int changes = 1 + static_cast<int>(random() % 3); changes > 0; --changes) {
      std::vector<uint32_t>& list = *lists[random() % std::size(lists)];
      uint32_t& word = list[random() % list.size()];
      word = random() % 2 == 0 ? random() % 512 : word ^ 1u << random() % 32;
    }
    const auto tokenizer = made.load();
    refused += tokenizer->status != QC_OK;
    if (tokenizer->status != QC_OK)
      continue;
    const std::string text = "abcab 12 <s>\xC3\xA9 ABB\xCC\x81\xCC\xA3" + randomBytes(random, 10, 256);
    std::vector<uint64_t> scratch(qc_tokenizer_scratch_bytes(tokenizer->get(), text.size()) / 8 + 1);
    Ids ids(100);
    size_t count = 0;
    if (qc_tokenizer_encode(tokenizer->get(), text.data(), text.size(), 1, 1, scratch.data(), ids.data(), ids.size(), &count) == QC_OK)
      tokenizer->decode(Ids(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(std::min(count, ids.size()))));
  }
  EXPECT_GT(refused, 1000);
  EXPECT_LT(refused, 19000);
}

TEST(LongPieces, TakeTimeInProportion) {
  const auto tokenizer = load(smallByteLevel());
  std::string text;
  while (text.size() < 1'000'000)
    text += "abcab";
  const auto begin = std::chrono::steady_clock::now();
  const Ids ids = tokenizer->encode(text);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  EXPECT_EQ(ids.size(), text.size() / 5 * 2);
  EXPECT_LT(seconds.count(), 20) << "a quadratic algorithm takes hours";
}

}  // namespace
}  // namespace quantc::test
