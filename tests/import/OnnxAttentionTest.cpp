// Attention of com.microsoft with keys and values of earlier steps, against values worked out by hand: queries of zero weigh all that they see alike.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/import/OnnxOperatorFixture.h"

namespace quantc {
namespace {

using test::OnnxBuilder;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

class OnnxAttention : public test::OnnxOperatorFixture {
protected:
  /// One head of width 1; `values` are those of this step, behind an input x of queries that are zero.
  OnnxBuilder withValues(const std::vector<float>& values) {
    OnnxBuilder builder;
    builder.model.mutable_graph()->clear_input();
    const auto rows = static_cast<int64_t>(values.size());
    give(builder, {"1", std::to_string(rows), "1"}, std::vector<double>(values.size(), 0));
    builder.floats("k", {1, rows, 1}, std::vector<float>(values.size(), 7));
    builder.floats("v", {1, rows, 1}, values);
    return builder;
  }

  static void givePast(OnnxBuilder& builder, const std::vector<float>& values, int32_t length) {
    builder.floats("past_k", {1, 1, static_cast<int64_t>(values.size()), 1}, std::vector<float>(values.size(), 3));
    builder.floats("past_v", {1, 1, static_cast<int64_t>(values.size()), 1}, values);
    builder.initializer("length", onnx::TensorProto::INT32, {1}).set_raw_data(&length, sizeof length);
  }

  std::vector<double> attend(OnnxBuilder& builder, const std::string& op, const std::vector<std::string>& inputs,
                             const std::string& attribute = "") {
    onnx::NodeProto& node = builder.node(op, inputs, {"y", "keys", "values"});
    node.set_domain("com.microsoft");
    OnnxBuilder::set(node, "num_heads", int64_t(1));
    if (!attribute.empty())
      OnnxBuilder::set(node, attribute, int64_t(1));
    for (const char* output : {"y", "values"})
      builder.output(output);
    return evaluate(builder).values;
  }

  const std::vector<std::string> masked_ = {"x", "k", "v", "", "", "past_k", "past_v", "length"};
};

constexpr const char* kMasked = "DecoderMaskedMultiHeadAttention";
constexpr const char* kShares = "past_present_share_buffer";

TEST_F(OnnxAttention, DecoderGoesOnFromThePast) {
  OnnxBuilder builder = withValues({60});
  givePast(builder, {10, 20}, 2);
  EXPECT_THAT(attend(builder, kMasked, masked_), ElementsAre(30));
  EXPECT_THAT(result(1).values, ElementsAre(10, 20, 60));
}

TEST_F(OnnxAttention, DecoderPutsItsRowIntoTheBuffer) {
  OnnxBuilder builder = withValues({60});
  givePast(builder, {10, 20, -1, -1}, 2);
  EXPECT_THAT(attend(builder, kMasked, masked_, kShares), ElementsAre(30));
  EXPECT_THAT(result(1).values, ElementsAre(10, 20, 60, -1));
  OnnxBuilder first = withValues({60});
  givePast(first, {-1, -1, -1}, 0);
  EXPECT_THAT(attend(first, kMasked, masked_, kShares), ElementsAre(60));
}

TEST_F(OnnxAttention, RowsOfABufferSeeTheirOwnPositionsOrAllOfTheStep) {
  OnnxBuilder causal = withValues({60, 90});
  givePast(causal, {10, -1, -1, -1}, 1);
  EXPECT_THAT(attend(causal, kMasked, masked_, kShares), Pointwise(DoubleNear(1e-4), std::vector<double>{35, 160.0 / 3}));
  EXPECT_THAT(result(1).values, ElementsAre(10, 60, 90, -1));
  for (const char* attribute : {"unidirectional", ""}) {
    OnnxBuilder builder = withValues({60, 90});
    givePast(builder, {10, -1, -1, -1}, 1);
    const std::vector<double> y =
        attend(builder, "MultiHeadAttention", {"x", "k", "v", "", "", "", "past_k", "past_v", "length"}, attribute);
    EXPECT_THAT(y, Pointwise(DoubleNear(1e-4), std::vector<double>{*attribute ? 35 : 160.0 / 3, 160.0 / 3}));
  }
}

TEST_F(OnnxAttention, PackedTokensSeeTheirSequence) {
  OnnxBuilder builder;
  builder.model.mutable_graph()->clear_input();
  give(builder, {"2", "1"}, {60, 30});
  builder.floats("weights", {1, 3}, {0, 0, 1});  // values alone
  builder.floats("bias", {3}, {0, 0, 1});
  const int32_t places[] = {0, 1};
  builder.initializer("places", onnx::TensorProto::INT32, {1, 2}).set_raw_data(places, sizeof places);
  tfm::Array y = evaluate(builder, "PackedAttention", {"x", "weights", "bias", "places"}, [](onnx::NodeProto& node) {
    node.set_domain("com.microsoft");
    OnnxBuilder::set(node, "num_heads", int64_t(1));
  });
  EXPECT_THAT(y.shape, ElementsAre(2, 1));
  EXPECT_THAT(y.values, ElementsAre(46, 46));
}

TEST_F(OnnxAttention, DecoderCrossesOverAllThatItIsGivenByHeads) {
  OnnxBuilder builder = withValues({60});
  builder.floats("cross_k", {1, 1, 3, 1}, {5, 6, 7});
  builder.floats("cross_v", {1, 1, 3, 1}, {1, 2, 6});
  builder.floats("bias", {3}, {0, 100, 100});  // of queries alone: keys and values have theirs
  EXPECT_THAT(attend(builder, kMasked, {"x", "cross_k", "cross_v", "", "", "", "", "", "", "", "bias"}), ElementsAre(3));
  OnnxBuilder own = withValues({60});
  own.floats("bias", {3}, {0, 100, 100});
  EXPECT_THAT(attend(own, kMasked, {"x", "k", "v", "", "", "", "", "", "", "", "bias"}), ElementsAre(160));
}

TEST_F(OnnxAttention, BuffersMustFit) {
  OnnxBuilder builder = withValues({60});
  givePast(builder, {10, 20}, 1);
  builder.ints("lengths", {1, 1});
  std::vector<std::string> inputs = masked_;
  inputs.back() = "lengths";
  EXPECT_THAT(test::errorOf([&] { attend(builder, kMasked, inputs, kShares); }), HasSubstr("a length of the past that is not one number"));
  OnnxBuilder packed = withValues({60});
  EXPECT_THAT(test::errorOf([&] { attend(packed, kMasked, {"x"}); }), HasSubstr("has no keys, and queries that hold none"));
}

}  // namespace
}  // namespace quantc
