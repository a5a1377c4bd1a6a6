// Tables that do not fit together are refused when a tokenizer is created, each for its reason.
#include <cmath>
#include <functional>

#include "tests/tokenizer/HandMade.h"

namespace quantc::test {
namespace {

using tokenizer::pattern_op;
using tokenizer::pattern_word;

struct Corruption {
  const char* name;
  std::function<void(HandMade&)> apply;
  const char* message;
};

std::ostream& operator<<(std::ostream& out, const Corruption& corruption) { return out << corruption.name; }

class CorruptTables : public testing::TestWithParam<Corruption> {};

TEST_P(CorruptTables, AreRefused) {
  HandMade made;
  GetParam().apply(made);
  const auto tokenizer = made.load();
  EXPECT_EQ(tokenizer->status, QC_ERROR_FORMAT);
  EXPECT_EQ(tokenizer->error.message, "the artifact's tokenizer " + std::string(GetParam().message) + "; compile the model again");
}

const char* const badPattern = "has a pattern that cannot be run";
const char* const badRewrite = "rewrites text by misshapen tables";
const char* const badOrder = "orders characters by misshapen tables";

std::vector<HandMade::Step>& steps(HandMade& made) { return made.steps = HandMade::allSteps(); }
std::vector<float>& unigram(HandMade& made) {
  made.kind = schema::TokenizerKind_unigram;
  made.scores.assign(made.pieceEnds.size(), -1.0f);
  return made.scores;
}

const char* const badPair = "puts pairs of texts together by a misshapen list";
const char* const badPairIds = "puts ids around pairs of texts that are not in the vocabulary";
const char* const badClasses = "has misshapen character classes";

const Corruption corruptions[] = {
    {"NoPieces", [](HandMade& t) { t.pieceEnds.clear(); }, "has a vocabulary of a size out of range"},
    {"PieceEndsDescend", [](HandMade& t) { t.pieceEnds[3] = 1; }, "has pieces that end before they begin or past their bytes"},
    {"PieceEndsPastBytes", [](HandMade& t) { t.pieceEnds.back() += 1; }, "has pieces that end before they begin or past their bytes"},
    {"OrderOutOfRange", [](HandMade& t) { t.pieceOrder[0] = 259; }, "sorts an id that is not in the vocabulary"},
    {"OrderDescends", [](HandMade& t) { t.pieceOrder = {'b', 'a'}; }, "has pieces out of order"},
    {"OrderRepeats", [](HandMade& t) { t.pieceOrder = {'a', 'a'}; }, "has pieces out of order"},
    {"MergesOfAnotherVocabulary", [](HandMade& t) { t.mergeStarts.pop_back(); }, "has merges for another vocabulary"},
    {"MergesMissing", [](HandMade& t) { t.merges.pop_back(); }, "has merges that do not add up"},
    {"MergeStartsDescend", [](HandMade& t) { t.mergeStarts[100] = 7; }, "has merges out of order"},
    {"MergeRightOutOfRange", [](HandMade& t) { t.merges[0] = 259; }, "merges ids that are not in the vocabulary"},
    {"MergeResultOutOfRange", [](HandMade& t) { t.merges[5] = UINT32_MAX; }, "merges ids that are not in the vocabulary"},
    {"SpecialOutOfRange", [](HandMade& t) { t.specialId = 259; }, "has a special token that is not in the vocabulary"},
    {"SpecialNegative", [](HandMade& t) { t.specialId = -1; }, "has a special token that is not in the vocabulary"},
    {"SpecialWithoutText", [](HandMade& t) { t.specialText.clear(); }, "has a special token without text"},
    {"NoClassOfSpace", [](HandMade& t) { t.lstrip = true; }, "has no class of white space"},
    {"ClassOutOfRange", [](HandMade& t) { t.spaceClass = 1; }, "names character classes that it has not"},
    {"PrefixOutOfRange", [](HandMade& t) { t.prefix = {259}; }, "begins or ends texts with ids that are not in the vocabulary"},
    {"EndOutOfRange", [](HandMade& t) { t.eos = {-1}; }, "begins or ends texts with ids that are not in the vocabulary"},
    {"PairTypesMissing", [](HandMade& t) { t.pair = {-1, -2}, t.pairTypes = {0}; }, badPair},
    {"PairOfOneText", [](HandMade& t) { t.pair = {-1, 'a'}, t.pairTypes = {0, 0}; }, badPair},
    {"PairOfThreeTexts", [](HandMade& t) { t.pair = {-1, -2, -2}, t.pairTypes = {0, 1, 1}; }, badPair},
    {"PairTooLong", [](HandMade& t) { t.pair.assign(65, 'a'), t.pair[0] = -1, t.pair[1] = -2, t.pairTypes.assign(65, 0); }, badPair},
    {"PairOutOfRange", [](HandMade& t) { t.pair = {-1, -2, 259}, t.pairTypes = {0, 1, 1}; }, badPairIds},
    {"PairOfNoText", [](HandMade& t) { t.pair = {-1, -2, -3}, t.pairTypes = {0, 1, 1}; }, badPairIds},
    {"UnknownOutOfRange", [](HandMade& t) { t.unknown = 259; }, "has an unknown token that is not in the vocabulary"},
    {"BytesIncomplete", [](HandMade& t) { t.byteTokens.pop_back(); }, "has an incomplete list of bytes"},
    {"BytesMissing", [](HandMade& t) { t.byteTokens.clear(); }, "has no tokens of single bytes"},
    {"ByteOutOfRange", [](HandMade& t) { t.byteTokens[0] = 259; }, "has tokens of bytes that are not in the vocabulary"},
    {"KindUnknown", [](HandMade& t) { t.kind = static_cast<schema::TokenizerKind>(200); }, "is of a kind that this runtime does not know"},
    {"StripUnknown", [](HandMade& t) { t.stripSpace = static_cast<schema::StripSpace>(9); }, "handles spaces in an unknown way"},
    {"GrowthTooSmall", [](HandMade& t) { t.growth = 99; }, "lets text grow without limit"},
    {"GrowthTooLarge", [](HandMade& t) { t.growth = 10001; }, "lets text grow without limit"},
    {"TooManySteps", [](HandMade& t) { t.steps.assign(17, HandMade::allSteps()[0]); }, "normalizes text in too many steps"},
    {"StepUnknown", [](HandMade& t) { steps(t)[0].op = static_cast<schema::NormalizeOp>(9); }, "normalizes text in an unknown way"},
    {"KeyEndsPastBytes", [](HandMade& t) { steps(t)[0].keyEnds[1] = 4; }, badRewrite},
    {"KeyEndsDescend", [](HandMade& t) { steps(t)[0].keyEnds = {3, 1}; }, badRewrite},
    {"KeysDescend", [](HandMade& t) { steps(t)[0].keys = {'B', 'A', 'A'}; }, badRewrite},
    {"KeyEmpty", [](HandMade& t) { steps(t)[0].keyEnds = {0, 3}; }, badRewrite},
    {"ValuesMissing", [](HandMade& t) { steps(t)[0].valueEnds.pop_back(); }, badRewrite},
    {"ValueEndsPastBytes", [](HandMade& t) { steps(t)[0].valueEnds[1] = 3; }, badRewrite},
    {"ReplacePattern", [](HandMade& t) { steps(t)[1].pattern[0] = pattern_word(pattern_op::one_of, 1); }, badPattern},
    {"ReplaceNothing", [](HandMade& t) { steps(t)[1].pattern.clear(); }, badPattern},
    {"StripClass", [](HandMade& t) { steps(t)[2].classIndex = 1; }, "names character classes that it has not"},
    {"StripNoClass", [](HandMade& t) { steps(t)[2].classIndex = -1; }, "names character classes that it has not"},
    {"CombiningDescends", [](HandMade& t) { steps(t)[3].combining[2] = 0x300 | 220u << 24; }, badOrder},
    {"CombiningOdd", [](HandMade& t) { steps(t)[3].combining.pop_back(); }, badOrder},
    {"CombiningBeyond", [](HandMade& t) { steps(t)[3].combining[3] = 0x110000; }, badOrder},
    {"CompositionsCutShort", [](HandMade& t) { steps(t)[3].compositions.pop_back(); }, badOrder},
    {"CompositionsDescend", [](HandMade& t) { steps(t)[3].compositions[4] = 0x301; }, badOrder},
    {"CompositionBeyond", [](HandMade& t) { steps(t)[3].compositions[2] = 0x110000; }, badOrder},
    {"CompositionOfNothing", [](HandMade& t) { steps(t)[3].compositions[2] = 0; }, badOrder},
    {"WordPieceWithoutUnknown", [](HandMade& t) { t.kind = schema::TokenizerKind_wordpiece; }, "has no unknown token"},
    {"WordLevelWithoutUnknown", [](HandMade& t) { t.kind = schema::TokenizerKind_wordlevel; }, "has no unknown token"},
    {"UnigramWithoutScores", [](HandMade& t) { t.kind = schema::TokenizerKind_unigram; }, "has no score for every piece"},
    {"UnigramScoreNoNumber", [](HandMade& t) { unigram(t)[7] = NAN; }, "has a score that is no number"},
    {"UnigramUnknownScore", [](HandMade& t) { unigram(t), t.unknownScore = INFINITY; }, "has no score for every piece"},
    {"ClassesCutShort", [](HandMade& t) { t.classes.pop_back(); }, badClasses},
    {"ClassesTooMany", [](HandMade& t) { t.classes[0] = UINT32_MAX; }, badClasses},
    {"ClassOffsetPastEnd", [](HandMade& t) { t.classes[2] = 6; }, badClasses},
    {"PatternEmpty", [](HandMade& t) { t.pattern.clear(); }, badPattern},
    {"PatternWithoutEnd", [](HandMade& t) { t.pattern.pop_back(); }, badPattern},
    {"PatternOperationUnknown", [](HandMade& t) { t.pattern.back() = tokenizer::pattern_op_count; }, badPattern},
    {"PatternCutShort", [](HandMade& t) { t.pattern.resize(2); }, badPattern},
    {"PatternClassOutOfRange", [](HandMade& t) { t.pattern[0] = pattern_word(pattern_op::repeat, 1); }, badPattern},
    {"PatternCountsSwapped", [](HandMade& t) { t.pattern[1] = 5, t.pattern[2] = 4; }, badPattern},
    {"PatternJumpsOut", [](HandMade& t) { t.pattern = {pattern_word(pattern_op::jump, 1)}; }, badPattern},
    {"PatternJumpsBetween", [](HandMade& t) { t.pattern.push_back(pattern_word(pattern_op::jump, 1)); }, badPattern},
};

INSTANTIATE_TEST_SUITE_P(, CorruptTables, testing::ValuesIn(corruptions), [](const auto& info) { return info.param.name; });

TEST(HandMadeNormalizer, TakesAllSteps) {
  HandMade made;
  made.steps = HandMade::allSteps();
  const auto tokenizer = made.load();
  ASSERT_EQ(tokenizer->status, QC_OK) << tokenizer->error.message;
  EXPECT_EQ(tokenizer->encode("1A\xCC\x81xBB\xCC\x81\xCC\xA3"), (Ids{0xC3, 0xA1, 'x', 0xE1, 0xBA, 0xA1, 0xCC, 0x81}));
}

TEST(HostileNormalizer, CannotGrowBeyondItsLimit) {
  HandMade made;
  made.steps = {HandMade::allSteps()[0]};
  made.steps[0].values.assign(1000, 'x');
  made.steps[0].valueEnds = {500, 1000};
  const auto tokenizer = made.load();
  ASSERT_EQ(tokenizer->status, QC_OK) << tokenizer->error.message;
  std::vector<uint64_t> scratch(qc_tokenizer_scratch_bytes(tokenizer->get(), 4) / 8 + 1);
  size_t count = 0;
  EXPECT_EQ(qc_tokenizer_encode(tokenizer->get(), "AAAA", 4, 0, 0, scratch.data(), nullptr, 0, &count), QC_ERROR_FORMAT);
}

TEST(HostilePatterns, EndInsteadOfRunningOn) {
  const std::vector<uint32_t> programs[] = {
      {pattern_word(pattern_op::jump, 0)},
      {pattern_word(pattern_op::either, 0), pattern_word(pattern_op::jump, 0)},
      {pattern_word(pattern_op::look), pattern_word(pattern_op::jump, 0)},
      {pattern_word(pattern_op::leave_atomic), pattern_word(pattern_op::accept)},
      {pattern_word(pattern_op::leave_look_not), pattern_word(pattern_op::accept)},
  };
  for (const std::vector<uint32_t>& program : programs) {
    HandMade made;
    made.pattern = program;
    const auto tokenizer = made.load();
    ASSERT_EQ(tokenizer->status, QC_OK) << tokenizer->error.message;
    std::vector<uint64_t> scratch(qc_tokenizer_scratch_bytes(tokenizer->get(), 1) / 8 + 1);
    size_t count = 0;
    EXPECT_EQ(qc_tokenizer_encode(tokenizer->get(), "a", 1, 0, 0, scratch.data(), nullptr, 0, &count), QC_ERROR_FORMAT);
  }
}

TEST(MissingTokenizer, IsSaid) {
  flatbuffers::FlatBufferBuilder builder;
  const LoadedTokenizer tokenizer(builder, 0);
  EXPECT_EQ(tokenizer.status, QC_ERROR_FORMAT);
  EXPECT_STREQ(tokenizer.error.message,
               "the artifact's tokenizer is missing; give token ids, or compile a folder that has a tokenizer.json");
}

}  // namespace
}  // namespace quantc::test
