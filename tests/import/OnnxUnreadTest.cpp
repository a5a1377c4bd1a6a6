// What a node has and nobody asks for is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/import/OnnxOperatorFixture.h"

namespace quantc {
namespace {

using test::OnnxBuilder;
using testing::AllOf;
using testing::DoubleNear;
using testing::Eq;
using testing::HasSubstr;
using testing::Pointwise;

class OnnxUnread : public test::OnnxOperatorFixture {
protected:
  /// x [1, 2] and an operator that knows one input.
  OnnxBuilder graph() {
    OnnxBuilder builder;
    builder.model.mutable_graph()->clear_input();
    give(builder, {"1", "2"}, {1, 2});
    builder.floats("other", {1, 2}, {3, 4});
    return builder;
  }

  /// Queries of zero, keys of 7 and values [1, rows, 4], which two heads have.
  OnnxBuilder attentionGraph(const std::vector<float>& values) {
    OnnxBuilder builder;
    builder.model.mutable_graph()->clear_input();
    const auto rows = static_cast<int64_t>(values.size()) / 4;
    give(builder, {"1", std::to_string(rows), "4"}, std::vector<double>(values.size(), 0));
    builder.floats("k", {1, rows, 4}, std::vector<float>(values.size(), 7));
    builder.floats("v", {1, rows, 4}, values);
    builder.floats("sinks", {2}, {0, 1.0986123f});  // exp 1 and 3
    const int32_t last = static_cast<int32_t>(rows) - 1, total = static_cast<int32_t>(rows);
    builder.initializer("last", onnx::TensorProto::INT32, {1}).set_raw_data(&last, sizeof last);
    builder.initializer("total", onnx::TensorProto::INT32, {}).set_raw_data(&total, sizeof total);
    return builder;
  }

  static void groupQuery(onnx::NodeProto& node) {
    node.set_domain("com.microsoft");
    OnnxBuilder::set(node, "num_heads", int64_t(2));
    OnnxBuilder::set(node, "kv_num_heads", int64_t(2));
  }
};

TEST_F(OnnxUnread, AttributeIsRefusedByName) {
  OnnxBuilder builder = graph();
  EXPECT_THAT(errorOf(builder, "Relu", {"x"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "leaks", int64_t(3)); }),
              AllOf(HasSubstr("Relu has an attribute leaks = 3, which is not supported"), HasSubstr("/y")));
  OnnxBuilder misspelled = graph();
  EXPECT_THAT(errorOf(misspelled, "Transpose", {"x"},
                      [](onnx::NodeProto& node) {
                        OnnxBuilder::set(node, "prm", std::vector<int64_t>{0, 1});
                      }),
              HasSubstr("Transpose has an attribute prm, which"));
}

TEST_F(OnnxUnread, AttributeOfAnotherTypeIsRefused) {
  OnnxBuilder builder = graph();
  EXPECT_THAT(errorOf(builder, "Softmax", {"x"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "axis", 1.0f); }),
              HasSubstr("has an attribute axis that is no integer"));
}

TEST_F(OnnxUnread, InputIsRefusedByName) {
  OnnxBuilder builder = graph();
  EXPECT_THAT(errorOf(builder, "Relu", {"x", "other"}), HasSubstr("Relu has an input 1, 'other', which is not supported"));
  OnnxBuilder absent = graph();
  EXPECT_THAT(errorOf(absent, "Relu", {"x", ""}), Eq("no error"));
}

TEST_F(OnnxUnread, AttributeThatChangesNothingIsAccepted) {
  OnnxBuilder builder = graph();
  EXPECT_THAT(errorOf(builder, "Dropout", {"x"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "seed", int64_t(3)); }),
              Eq("no error"));
}

TEST_F(OnnxUnread, RotationOfContribAttentionIsRefused) {
  for (int64_t rotates : {0, 1}) {
    OnnxBuilder builder = attentionGraph({1, 2, 3, 4});
    builder.floats("weights", {4, 12}, std::vector<float>(48, 0.5f));
    const std::string error = errorOf(builder, "Attention", {"x", "weights"}, [&](onnx::NodeProto& node) {
      node.set_domain("com.microsoft");
      OnnxBuilder::set(node, "num_heads", int64_t(2));
      OnnxBuilder::set(node, "do_rotary", rotates);
    });
    EXPECT_THAT(error, rotates ? testing::Matcher<std::string>(HasSubstr("has an attribute do_rotary = 1, which is not supported"))
                               : Eq("no error"));
  }
}

TEST_F(OnnxUnread, SmoothSoftmaxSumsOverOneMore) {
  OnnxBuilder builder = attentionGraph({2, 4, 6, 8});
  tfm::Array y = evaluate(builder, "GroupQueryAttention", {"x", "k", "v", "", "", "last", "total"}, [](onnx::NodeProto& node) {
    groupQuery(node);
    OnnxBuilder::set(node, "smooth_softmax", int64_t(1));
  });
  EXPECT_THAT(y.values, Pointwise(DoubleNear(1e-5), std::vector<double>{1, 2, 3, 4}));
}

TEST_F(OnnxUnread, EachHeadHasItsSink) {
  OnnxBuilder builder = attentionGraph({2, 4, 8, 16});
  tfm::Array y = evaluate(builder, "GroupQueryAttention", {"x", "k", "v", "", "", "last", "total", "", "", "", "", "sinks"}, groupQuery);
  EXPECT_THAT(y.values, Pointwise(DoubleNear(1e-5), std::vector<double>{1, 2, 2, 4}));
  OnnxBuilder damaged = attentionGraph({2, 4, 8, 16});
  damaged.floats("three", {3}, {0, 0, 0});
  EXPECT_THAT(errorOf(damaged, "GroupQueryAttention", {"x", "k", "v", "", "", "last", "total", "", "", "", "", "three"}, groupQuery),
              HasSubstr("has sinks that are not as many as its heads"));
}

TEST_F(OnnxUnread, ScalesOfQuantizedCachesAreRefused) {
  OnnxBuilder builder = attentionGraph({2, 4, 8, 16});
  EXPECT_THAT(errorOf(builder, "GroupQueryAttention", {"x", "k", "v", "", "", "last", "total", "", "", "", "", "", "sinks"}, groupQuery),
              HasSubstr("has an input 12, 'sinks', which is not supported"));
}

}  // namespace
}  // namespace quantc
