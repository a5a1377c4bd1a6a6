// Decoders with causal convolutions along their tokens: what a step reads of earlier ones, against the definition.
#include <gmock/gmock.h>

#include "compiler/evaluate/Artifact.h"
#include "tests/end_to_end/Programs.h"
#include "tests/import/OnnxBuilder.h"
#include "tests/support/RandomNumbers.h"

using namespace quantc;
using namespace quantc::test;

namespace {

constexpr int64_t kWidth = 32, kHeads = 2, kHeadDim = 16, kWords = 20, kKernel = 4;

/// Channels have kernels of their own (`groups` of all channels), or one kernel reads all of them.
class ConvolvedSteps : public testing::TestWithParam<int64_t> {
protected:
  int64_t inputs() const { return kWidth / GetParam(); }
  const std::vector<float> words_ = numbers(kWords * kWidth, 1), head_ = numbers(kWidth * kWords, 2),
                           kernel_ = numbers(kWidth * inputs() * kKernel, 3);

  /// Tokens and their convolution, of which every position then sees the mean so far: queries and keys are zeros.
  OnnxBuilder graph() const {
    OnnxBuilder builder(23);
    builder.floats("words", {kWords, kWidth}, words_);
    builder.floats("kernel", {kWidth, inputs(), kKernel}, kernel_);
    builder.floats("none", {kWidth, kWidth}, std::vector<float>(kWidth * kWidth, 0));
    builder.floats("head", {kWidth, kWords}, head_);
    builder.ints("split", {0, 0, kHeads, kHeadDim});
    builder.ints("join", {0, 0, kWidth});
    for (int64_t i : {0, 1, 2})
      builder.ints("n" + std::to_string(i), {i});
    builder.node("Gather", {"words", "input_ids"}, {"x"});
    OnnxBuilder::set(builder.node("Transpose", {"x"}, {"channels"}), "perm", std::vector<int64_t>{0, 2, 1});
    onnx::NodeProto& conv = builder.node("Conv", {"channels", "kernel"}, {"convolved"});
    OnnxBuilder::set(conv, "pads", std::vector<int64_t>{kKernel - 1, kKernel - 1});
    OnnxBuilder::set(conv, "group", GetParam());
    builder.node("Shape", {"input_ids"}, {"shape"});
    builder.node("Slice", {"shape", "n1", "n2", "n0"}, {"length"});
    builder.node("Slice", {"convolved", "n0", "length", "n2"}, {"first"});
    OnnxBuilder::set(builder.node("Transpose", {"first"}, {"rows"}), "perm", std::vector<int64_t>{0, 2, 1});
    builder.node("Add", {"x", "rows"}, {"y"});
    builder.node("MatMul", {"y", "none"}, {"q"});
    for (const std::string name : {"q", "y"}) {
      builder.node("Reshape", {name, "split"}, {name + ".split"});
      OnnxBuilder::set(builder.node("Transpose", {name + ".split"}, {name + ".heads"}), "perm", std::vector<int64_t>{0, 2, 1, 3});
    }
    OnnxBuilder::set(builder.node("Attention", {"q.heads", "q.heads", "y.heads"}, {"seen"}), "is_causal", int64_t(1));
    OnnxBuilder::set(builder.node("Transpose", {"seen"}, {"seen.rows"}), "perm", std::vector<int64_t>{0, 2, 1, 3});
    builder.node("Reshape", {"seen.rows", "join"}, {"joined"});
    builder.node("MatMul", {"joined", "head"}, {"logits"});
    builder.output("logits");
    return builder;
  }

  std::vector<float> expected(const std::vector<int32_t>& tokens) const {
    std::vector<float> logits;
    std::vector<double> sum(kWidth, 0);
    for (int64_t p = 0; p < static_cast<int64_t>(tokens.size()); ++p) {
      for (int64_t c = 0; c < kWidth; ++c) {
        sum[c] += words_[tokens[p] * kWidth + c];
        for (int64_t i = 0; i < inputs(); ++i)
          for (int64_t k = 0; k < kKernel; ++k)
            if (int64_t from = p - (kKernel - 1) + k; from >= 0)
              sum[c] += double(kernel_[(c * inputs() + i) * kKernel + k]) *
                        words_[tokens[from] * kWidth + (GetParam() == 1 ? i : c / inputs() * inputs() + i)];
      }
      for (int64_t word = 0; word < kWords; ++word) {
        double logit = 0;
        for (int64_t c = 0; c < kWidth; ++c)
          logit += sum[c] / static_cast<double>(p + 1) * head_[c * kWords + word];
        logits.push_back(static_cast<float>(logit));
      }
    }
    return logits;
  }
};

TEST_P(ConvolvedSteps, SeeTheSameHoweverTheSequenceIsCut) {
  TemporaryFolder temporary;
  const std::filesystem::path model = temporary.write("model.onnx", graph().bytes()), artifact = temporary.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(model, "f32", "host", artifact, {"--context=12", "--kv-cache=f32"}));
  const std::vector<int32_t> tokens = {3, 19, 7, 7, 0, 11, 4, 15, 2, 9, 1, 6};
  const std::vector<float> right = expected(tokens);
  std::vector<float> whole;
  for (const std::vector<int64_t>& steps : {std::vector<int64_t>{12}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {2, 1, 5, 4}, {7, 5}}) {
    ArtifactRun run(artifact, "", 2);
    for (bool again : {false, true}) {  // nothing is left of what was before
      run.restart();
      std::vector<float> logits;
      for (int64_t count : steps) {
        const size_t past = logits.size() / kWords;
        std::vector<float> rows;
        run.run(tokens.data() + past, static_cast<size_t>(count), 0, rows);
        logits.insert(logits.end(), rows.begin(), rows.end());
      }
      ASSERT_EQ(logits.size(), right.size());
      EXPECT_THAT(logits, testing::Pointwise(testing::FloatNear(2e-4f), right)) << steps.size() << again;
      whole = whole.empty() ? logits : whole;
      EXPECT_EQ(logits, whole) << steps.size() << again;
    }
  }
}

TEST_P(ConvolvedSteps, GoOnFromAnyPosition) {
  TemporaryFolder temporary;
  const std::filesystem::path model = temporary.write("model.onnx", graph().bytes()), artifact = temporary.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(model, "f32", "host", artifact, {"--context=12", "--kv-cache=f32"}));
  qc_model* opened = nullptr;
  qc_session* session = nullptr;
  qc_error error = {};
  ASSERT_EQ(qc_model_open(artifact.c_str(), nullptr, &opened, &error), QC_OK) << error.message;
  ASSERT_EQ(qc_session_create(opened, nullptr, &session, &error), QC_OK) << error.message;
  const int32_t first[] = {3, 19, 7, 7, 0, 11}, other[] = {12, 5};
  const float* logits = nullptr;
  ASSERT_EQ(qc_session_step(session, first, 6, QC_ROWS_LAST, &logits, &error), QC_OK) << error.message;
  ASSERT_EQ(qc_session_truncate(session, 2), QC_OK);
  ASSERT_EQ(qc_session_step(session, other, 2, QC_ROWS_LAST, &logits, &error), QC_OK) << error.message;
  const std::vector<float> right = expected({3, 19, 12, 5});
  EXPECT_THAT(std::vector<float>(logits, logits + kWords),
              testing::Pointwise(testing::FloatNear(2e-4f), std::vector<float>(right.end() - kWords, right.end())));
  qc_session_destroy(session);
  qc_model_close(opened);
}

INSTANTIATE_TEST_SUITE_P(Groups, ConvolvedSteps, testing::Values(1, 4, kWidth), testing::PrintToStringParamName());

}  // namespace
