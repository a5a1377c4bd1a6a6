// `quantc verify`: what it reads, and that it tells good from bad.
#include <cstring>

#include "tests/driver/Talelm.h"
#include "tests/support/SafetensorsWriter.h"

using nlohmann::json;
using testing::HasSubstr;

namespace quantc::test {
namespace {

constexpr int64_t kVocabulary = 2048;

/// Data files are made from what a float32 artifact itself answers, read from a first run with a tolerance that nothing fails.
class Verify : public testing::Test {
protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    compiled_ = quantc({talelm(), "--quant=f32", "--context=64", "--max-sequence=4", "-o", artifact(), "--quiet"});
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }
  void SetUp() override { ASSERT_EQ(compiled_.exitCode, 0) << compiled_.err; }

  static std::string artifact() { return (folder_->path() / "f32.qc").string(); }

  static TensorToWrite ints(const std::string& name, std::vector<int64_t> shape, const std::vector<int64_t>& values) {
    return {name, "I64", std::move(shape), bytesOfValues(values)};
  }
  static TensorToWrite floats(const std::string& name, std::vector<int64_t> shape, const std::vector<float>& values) {
    return {name, "F32", std::move(shape), bytesOfValues(values)};
  }
  static ProcessResult verify(const std::vector<TensorToWrite>& tensors, std::vector<std::string> more = {}) {
    const std::string data = folder_->write("data.safetensors", safetensorsBytes(tensors)).string();
    more.insert(more.begin(), {"verify", artifact(), "--data", data});
    return quantc(more);
  }
  static std::vector<float> zeros(int64_t tokens) { return std::vector<float>(static_cast<size_t>(tokens * kVocabulary)); }

  /// Ids that the artifact goes on with, by quantc-run.
  static std::vector<int64_t> greedy(const std::string& prompt, int count) {
    const ProcessResult result = runProcess(
        {builtProgram("quantc-run"), artifact(), "--ids", prompt, "--temperature=0", "--max-tokens", std::to_string(count), "--print-ids"});
    std::vector<int64_t> ids;
    std::istringstream stream(result.out);
    for (std::string id; std::getline(stream, id, ',');)
      ids.push_back(std::stoll(id));
    return ids;
  }

  static inline TemporaryFolder* folder_ = nullptr;
  static inline ProcessResult compiled_;
};

TEST_F(Verify, WrongAnswersFail) {
  const ProcessResult result =
      verify({ints("in.input_ids", {1, 6}, {5, 6, 7, 8, 9, 10}), floats("out.logits", {1, 6, kVocabulary}, zeros(6))});
  EXPECT_EQ(result.exitCode, 1);
  EXPECT_THAT(result.out, testing::AllOf(HasSubstr("out.logits"), HasSubstr("[1, 6, 2048]"), HasSubstr("FAIL"), HasSubstr("inf")));
}

TEST_F(Verify, AnswersOfHalfPrecisionAreWidened) {
  std::vector<uint16_t> halves(kVocabulary, 0x3c00), brains(kVocabulary, 0x3f80);  // ones
  const auto error = [&](const TensorToWrite& answers) {
    const ProcessResult result = verify({ints("in.input_ids", {1, 1}, {5}), answers}, {"--tolerance=1e9", "--json"});
    EXPECT_EQ(result.exitCode, 0) << result.err;
    return json::parse(result.out)["outputs"][0]["relative_rms"].get<double>();
  };
  const double expected = error(floats("out.logits", {1, 1, kVocabulary}, std::vector<float>(kVocabulary, 1)));
  EXPECT_GT(expected, 0);
  EXPECT_EQ(error({"out.logits", "F16", {1, 1, kVocabulary}, bytesOfValues(halves)}), expected);
  EXPECT_EQ(error({"out.logits", "BF16", {1, 1, kVocabulary}, bytesOfValues(brains)}), expected);
}

TEST_F(Verify, AnswersThatAreNoNumbersFail) {
  std::vector<float> answers = zeros(1);
  answers[3] = std::numeric_limits<float>::quiet_NaN();
  const ProcessResult result =
      verify({ints("in.input_ids", {1, 1}, {5}), floats("out.logits", {1, 1, kVocabulary}, answers)}, {"--tolerance=1000", "--json"});
  EXPECT_EQ(result.exitCode, 1);
  EXPECT_EQ(json::parse(result.out)["pass"], false);
}

TEST_F(Verify, GenerationIsComparedUpToATie) {
  const std::vector<int64_t> prompt = {5, 6, 7}, next = greedy("5,6,7", 8);
  ASSERT_EQ(next.size(), 8u);
  std::vector<int64_t> whole = prompt;
  whole.insert(whole.end(), next.begin(), next.end());
  const auto check = [&](std::vector<int64_t> expected, std::vector<float> margins) {
    const ProcessResult result = verify(
        {ints("generate.prompt", {1, 3}, prompt), ints("generate.greedy", {1, 11}, expected), floats("generate.margin", {8}, margins)},
        {"--json"});
    EXPECT_EQ(result.exitCode, 0) << result.err;
    return json::parse(result.out)["generations"][0];
  };
  const std::vector<float> clear(8, 1.0f);
  EXPECT_EQ(check(whole, clear), (json{{"name", "generate.greedy"}, {"tokens", 8}, {"compared", 8}, {"same", 8}}));
  std::vector<int64_t> other = whole;
  other[8] = (other[8] + 1) % kVocabulary;
  EXPECT_EQ(check(other, clear)["same"], 5);
  std::vector<float> tie = clear;
  tie[5] = 5e-4f;
  EXPECT_EQ(check(other, tie), (json{{"name", "generate.greedy"}, {"tokens", 8}, {"compared", 5}, {"same", 5}}));
}

struct BadData {
  const char* name;
  std::vector<TensorToWrite> tensors;
  const char* message;
};

TEST_F(Verify, DataThatCannotBeRunIsExplained) {
  const TensorToWrite ids = ints("in.input_ids", {2, 2}, {1, 2, 3, 4}), logits = floats("out.logits", {2, 2, kVocabulary}, zeros(4));
  const std::vector<BadData> cases = {
      {"nothing", {}, "has nothing to compare"},
      {"no_outputs", {ids}, ":out.logits: is not in the file"},
      {"padding",
       {ids, logits, ints("in.attention_mask", {2, 2}, {1, 1, 0, 1})},
       ":in.attention_mask: has a 0, expected ones alone: batches with padding are not supported"},
      {"positions",
       {ids, logits, ints("in.position_ids", {2, 2}, {0, 1, 1, 2})},
       ":in.position_ids: has 1 at token 0, expected positions 0, 1, 2, ..."},
      {"other_input", {ids, logits, floats("in.pixels", {1}, {0})}, ":in.pixels: is an input that the artifact does not take"},
      {"other_output", {ids, logits, floats("out.hidden", {1}, {0})}, ":out.hidden: is an output that the artifact does not give"},
      {"shape", {ids, floats("out.logits", {2, 1, kVocabulary}, zeros(2))}, ":out.logits: has shape [2, 1, 2048], expected [2, 2, 2048]"},
      {"token",
       {ints("in.input_ids", {1, 1}, {kVocabulary}), floats("out.logits", {1, 1, kVocabulary}, zeros(1))},
       ":in.input_ids: has token 2048, expected 0 to 2047"},
      {"type",
       {floats("in.input_ids", {1, 1}, {1}), floats("out.logits", {1, 1, kVocabulary}, zeros(1))},
       ":in.input_ids: has elements of type"},
      {"greedy",
       {ints("generate.prompt", {1, 2}, {1, 2}), ints("generate.greedy", {1, 3}, {1, 3, 4})},
       ":generate.greedy: does not begin with its prompt"},
      {"too_long",
       {ints("in.input_ids", {1, 65}, std::vector<int64_t>(65, 1)), floats("out.logits", {1, 65, kVocabulary}, zeros(65))},
       "expected at most 64"},
  };
  for (const BadData& bad : cases) {
    const ProcessResult result = verify(bad.tensors);
    EXPECT_EQ(result.exitCode, 1) << bad.name;
    EXPECT_THAT(result.err, HasSubstr(bad.message)) << bad.name;
    EXPECT_EQ(result.out, "") << bad.name;
  }
}

TEST_F(Verify, UnknownVariantListsTheKnown) {
  const ProcessResult result = verify({}, {"--variant=avx1024"});
  EXPECT_EQ(result.exitCode, 1);
  EXPECT_THAT(result.err, HasSubstr("has no code variant 'avx1024'"));
}

}  // namespace
}  // namespace quantc::test
