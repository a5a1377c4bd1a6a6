// Encoding and streaming decoding on the runtime alone.
#include "tests/tokenizer/HandMade.h"

namespace quantc::test {
namespace {

using Pieces = std::vector<std::string>;

Ids idsOfBytes(const std::string& bytes) {
  Ids ids;
  for (const char byte : bytes)
    ids.push_back(static_cast<unsigned char>(byte));
  return ids;
}

TEST(Encoder, JoinsSplitsAndCutsSpecialTokensOut) {
  const auto tokenizer = HandMade().load();
  ASSERT_EQ(tokenizer->status, QC_OK) << tokenizer->error.message;
  EXPECT_EQ(tokenizer->encode("abcab"), (Ids{HandMade::abc, HandMade::ab}));
  EXPECT_EQ(tokenizer->encode("x<s>ab", true), (Ids{HandMade::bos, 'x', HandMade::bos, HandMade::ab}));
  EXPECT_EQ(tokenizer->encode("<s>", false, false), (Ids{'<', 's', '>'}));
  EXPECT_EQ(tokenizer->encode(""), Ids{});
}

TEST(Encoder, CountsWhatDoesNotFit) {
  const auto tokenizer = HandMade().load();
  std::vector<uint64_t> scratch(qc_tokenizer_scratch_bytes(tokenizer->get(), 5) / 8 + 1);
  int32_t ids[3] = {-1, -1, -1};
  size_t count = 0;
  ASSERT_EQ(qc_tokenizer_encode(tokenizer->get(), "hello", 5, 0, 0, scratch.data(), ids, 2, &count), QC_OK);
  EXPECT_EQ(count, 5u);
  EXPECT_EQ(ids[1], 'e');
  EXPECT_EQ(ids[2], -1);
}

TEST(Decoder, HoldsAnUnfinishedCharacterBack) {
  const auto tokenizer = HandMade().load();
  EXPECT_EQ(tokenizer->decodePieces(idsOfBytes("\xE2\x82\xAC!")), (Pieces{"", "", "\xE2\x82\xAC", "!", ""}));
}

TEST(Decoder, ReplacesBytesThatAreNoCharacter) {
  const auto tokenizer = HandMade().load();
  const std::string replacement = "\xEF\xBF\xBD";
  EXPECT_EQ(tokenizer->decode(idsOfBytes("a\xFFz")), "a" + replacement + "z");
  EXPECT_EQ(tokenizer->decode(idsOfBytes("\xE2\x82"
                                         "z")),
            replacement + "z")
      << "one for the longest begin of a character";
  EXPECT_EQ(tokenizer->decode(idsOfBytes("\xED\xA0\x80")), replacement + replacement + replacement) << "a surrogate";
  EXPECT_EQ(tokenizer->decode(idsOfBytes("\xF0\x9F")), replacement) << "at the end";
}

TEST(Decoder, GivesNoTextForSpecialTokens) {
  const auto tokenizer = HandMade().load();
  EXPECT_EQ(tokenizer->decode({HandMade::bos, HandMade::abc, HandMade::bos}), "abc");
}

TEST(Decoder, RefusesIdsOutsideOfTheVocabularyAndTooLittleRoom) {
  const auto tokenizer = HandMade().load();
  qc_decoder decoder;
  qc_decoder_begin(&decoder);
  char room[16];
  size_t bytes = 7;
  EXPECT_EQ(qc_decoder_next(tokenizer->get(), &decoder, -1, room, sizeof room, &bytes), QC_ERROR_ARGUMENT);
  EXPECT_EQ(bytes, 0u);
  EXPECT_EQ(qc_decoder_next(tokenizer->get(), &decoder, HandMade::bos + 1, room, sizeof room, &bytes), QC_ERROR_ARGUMENT);
  EXPECT_EQ(qc_decoder_next(tokenizer->get(), &decoder, 'a', room, qc_tokenizer_longest_piece(tokenizer->get()) + 3, &bytes),
            QC_ERROR_ARGUMENT);
}

TEST(Decoder, ReadsByteTokensAndDropsTheFirstSpace) {
  HandMade made;
  made.addPiece("<0xE2>");
  made.addPiece("<0x82>");
  made.addPiece("<0xaC>");
  made.mergeStarts.resize(made.pieceEnds.size() + 1, 2);
  made.decodeBytes = true;
  made.stripSpace = schema::StripSpace_first_character;
  const auto tokenizer = made.load();
  ASSERT_EQ(tokenizer->status, QC_OK) << tokenizer->error.message;
  const int32_t first = HandMade::bos + 1;
  EXPECT_EQ(tokenizer->decode({' ', ' ', first, first + 1, first + 2}), " \xE2\x82\xAC");
  EXPECT_EQ(tokenizer->decode({first, first + 1, 'z'}), "\xEF\xBF\xBDz") << "text ends the bytes";
}

TEST(Decoder, PutsSpacesBetweenWordsOfAVocabularyWithoutAPrefix) {
  HandMade made;
  made.continuing = nullptr;
  made.decodeWords = true;
  const auto tokenizer = made.load();
  ASSERT_EQ(tokenizer->status, QC_OK) << tokenizer->error.message;
  EXPECT_EQ(tokenizer->decode({'x', HandMade::abc}), "xabc") << "every word goes on from the one before";
}

}  // namespace
}  // namespace quantc::test
