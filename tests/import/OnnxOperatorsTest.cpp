// Each operator against values worked out by hand: imported, then evaluated by the reference interpreter.
#include <cmath>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/import/OnnxOperatorFixture.h"

namespace quantc {
namespace {

using test::OnnxBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

class OnnxOperators : public test::OnnxOperatorFixture {};

TEST_F(OnnxOperators, Gemm) {
  OnnxBuilder builder;
  give(builder, {"2", "1"}, {2, 3});
  builder.floats("w", {2, 2}, {1, 2, 3, 4});
  builder.floats("b", {2}, {10, 20});
  // x^T [1, 2] times w^T, times 2, plus b times 0.5.
  tfm::Array y = evaluate(builder, "Gemm", {"x", "w", "b"}, [](onnx::NodeProto& node) {
    OnnxBuilder::set(node, "transA", int64_t(1));
    OnnxBuilder::set(node, "transB", int64_t(1));
    OnnxBuilder::set(node, "alpha", 2.0f);
    OnnxBuilder::set(node, "beta", 0.5f);
  });
  EXPECT_THAT(y.shape, ElementsAre(1, 2));
  EXPECT_THAT(y.values, ElementsAre(2 * (2 * 1 + 3 * 2) + 5, 2 * (2 * 3 + 3 * 4) + 10));
}

TEST_F(OnnxOperators, MatMulOfVectors) {
  OnnxBuilder builder;
  give(builder, {"3"}, {1, 2, 3});
  builder.floats("w", {3}, {4, 5, 6});
  tfm::Array y = evaluate(builder, "MatMul", {"x", "w"});
  EXPECT_TRUE(y.shape.empty());
  EXPECT_THAT(y.values, ElementsAre(32));
}

TEST_F(OnnxOperators, SoftmaxOfOpset12JoinsTheDimensionsFromItsAxis) {
  OnnxBuilder builder(12);
  give(builder, {"1", "2", "2"}, {0, 0, 0, 0});
  EXPECT_THAT(evaluate(builder, "Softmax", {"x"}).values, ElementsAre(0.25, 0.25, 0.25, 0.25));
  OnnxBuilder newer(13);
  give(newer, {"1", "2", "2"}, {0, 0, 0, 0});
  EXPECT_THAT(evaluate(newer, "Softmax", {"x"}).values, ElementsAre(0.5, 0.5, 0.5, 0.5));
}

TEST_F(OnnxOperators, SliceCountsFromTheEndAndSteps) {
  OnnxBuilder builder;
  give(builder, {"2", "5"}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  builder.ints("begin", {-4});
  builder.ints("end", {INT64_MAX});
  builder.ints("axes", {-1});
  builder.ints("steps", {2});
  tfm::Array y = evaluate(builder, "Slice", {"x", "begin", "end", "axes", "steps"});
  EXPECT_THAT(y.shape, ElementsAre(2, 2));
  EXPECT_THAT(y.values, ElementsAre(1, 3, 6, 8));
}

TEST_F(OnnxOperators, SplitByInputAttributeAndEvenly) {
  OnnxBuilder byInput;
  give(byInput, {"4"}, {1, 2, 3, 4});
  byInput.ints("sizes", {1, 3});
  byInput.node("Split", {"x", "sizes"}, {"a", "y"});
  byInput.output("y");
  EXPECT_THAT(evaluate(byInput).values, ElementsAre(2, 3, 4));

  OnnxBuilder byAttribute(11);
  give(byAttribute, {"4"}, {1, 2, 3, 4});
  OnnxBuilder::set(byAttribute.node("Split", {"x"}, {"a", "y"}), "split", std::vector<int64_t>{3, 1});
  byAttribute.output("y");
  EXPECT_THAT(evaluate(byAttribute).values, ElementsAre(4));

  OnnxBuilder even;
  give(even, {"4"}, {1, 2, 3, 4});
  even.node("Split", {"x"}, {"a", "y"});
  even.output("y");
  EXPECT_THAT(evaluate(even).values, ElementsAre(3, 4));
}

TEST_F(OnnxOperators, TriluKeepsEitherSide) {
  OnnxBuilder lower;
  give(lower, {"2", "3"}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(evaluate(lower, "Trilu", {"x"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "upper", int64_t(0)); }).values,
              ElementsAre(1, 0, 0, 4, 5, 0));
  OnnxBuilder upper;
  give(upper, {"2", "3"}, {1, 2, 3, 4, 5, 6});
  upper.ints("k", {1});
  EXPECT_THAT(evaluate(upper, "Trilu", {"x", "k"}).values, ElementsAre(0, 2, 3, 0, 0, 6));
}

TEST_F(OnnxOperators, ClipWhereAndComparisons) {
  OnnxBuilder builder;
  give(builder, {"4"}, {-2, 0.5, 3, 9});
  builder.floats("low", {}, {0});
  builder.floats("high", {}, {4});
  builder.node("Clip", {"x", "low", "high"}, {"clipped"});
  builder.node("Less", {"clipped", "x"}, {"cut"});
  builder.node("Where", {"cut", "low", "clipped"}, {"y"});
  builder.output("y");
  EXPECT_THAT(evaluate(builder).values, ElementsAre(0, 0.5, 3, 0));
}

TEST_F(OnnxOperators, ReductionsTakeAxesAsAttributeOrInput) {
  OnnxBuilder attribute;
  give(attribute, {"2", "3"}, {1, 2, 3, 4, 5, 6});
  tfm::Array sums =
      evaluate(attribute, "ReduceMean", {"x"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "axes", std::vector<int64_t>{-1}); });
  EXPECT_THAT(sums.shape, ElementsAre(2, 1));
  EXPECT_THAT(sums.values, ElementsAre(2, 5));
  OnnxBuilder input(18);
  give(input, {"2", "3"}, {1, 2, 3, 4, 5, 6});
  input.ints("axes", {0});
  tfm::Array largest =
      evaluate(input, "ReduceMax", {"x", "axes"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "keepdims", int64_t(0)); });
  EXPECT_THAT(largest.shape, ElementsAre(3));
  EXPECT_THAT(largest.values, ElementsAre(4, 5, 6));
  OnnxBuilder all;
  give(all, {"2", "2"}, {1, 2, 3, 4});
  EXPECT_THAT(evaluate(all, "ReduceSum", {"x"}).values, ElementsAre(10));
}

TEST_F(OnnxOperators, NormsOfTheLastAxis) {
  OnnxBuilder layer;
  give(layer, {"1", "2"}, {1, 3});
  layer.floats("w", {2}, {10, 10});
  layer.floats("b", {2}, {1, 2});
  tfm::Array y =
      evaluate(layer, "LayerNormalization", {"x", "w", "b"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "epsilon", 0.0f); });
  EXPECT_THAT(y.values, ElementsAre(-9, 12));
  OnnxBuilder rms;
  give(rms, {"1", "2"}, {3, 4});
  rms.floats("w", {2}, {1, 2});
  y = evaluate(rms, "SimplifiedLayerNormalization", {"x", "w"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "epsilon", 0.0f); });
  EXPECT_NEAR(y.values[0], 3 / std::sqrt(12.5), 1e-6);
  EXPECT_NEAR(y.values[1], 8 / std::sqrt(12.5), 1e-6);
}

TEST_F(OnnxOperators, GatherAndConcatAndUnsqueeze) {
  OnnxBuilder builder;
  give(builder, {"3", "2"}, {1, 2, 3, 4, 5, 6});
  builder.ints("rows", {-1, 0});
  builder.ints("axis", {0});
  builder.node("Gather", {"x", "rows"}, {"picked"});
  builder.node("Concat", {"picked", "x"}, {"joined"}).add_attribute()->set_name("axis");
  builder.model.mutable_graph()->mutable_node(1)->mutable_attribute(0)->set_i(-1);
  builder.output("joined");
  EXPECT_THAT(test::errorOf([&] { evaluate(builder); }), HasSubstr("Concat has inputs whose shapes differ along another axis"));
  builder.model.mutable_graph()->mutable_node(1)->mutable_attribute(0)->set_i(0);
  builder.node("Unsqueeze", {"joined", "axis"}, {"y"});
  builder.model.mutable_graph()->mutable_output(0)->set_name("y");
  tfm::Array y = evaluate(builder);
  EXPECT_THAT(y.shape, ElementsAre(1, 5, 2));
  EXPECT_THAT(y.values, ElementsAre(5, 6, 1, 2, 1, 2, 3, 4, 5, 6));
}

TEST_F(OnnxOperators, ShapesFoldToExpressionsOfTheSymbols) {
  OnnxBuilder builder;  // [sequence] * 2 + 1, of a sequence of 3
  builder.ints("one", {1});
  builder.ints("two", {2});
  builder.ints("index", {1});
  builder.node("Shape", {"input_ids"}, {"shape"});
  builder.node("Gather", {"shape", "index"}, {"length"});
  builder.node("Mul", {"length", "two"}, {"doubled"});
  builder.node("Add", {"doubled", "one"}, {"sum"});
  builder.node("ConstantOfShape", {"sum"}, {"y"});
  builder.output("y");
  EXPECT_THAT(evaluate(builder).shape, ElementsAre(7));
  // A floor division by 2 and the whole divided by itself.
  builder.node("Div", {"sum", "two"}, {"half"});
  builder.node("ConstantOfShape", {"half"}, {"z"});
  builder.model.mutable_graph()->mutable_output(0)->set_name("z");
  EXPECT_THAT(evaluate(builder).shape, ElementsAre(3));
}

TEST_F(OnnxOperators, RangeAndReshapeWithAnOpenDimension) {
  OnnxBuilder builder;
  builder.ints("start", {2});
  builder.ints("step", {1});
  builder.ints("index", {1});
  builder.ints("split", {-1, 1});
  builder.node("Shape", {"input_ids"}, {"shape"});
  builder.node("Gather", {"shape", "index"}, {"length"});
  builder.node("Add", {"length", "start"}, {"limit"});
  builder.node("Range", {"start", "limit", "step"}, {"numbers"});
  builder.node("Reshape", {"numbers", "split"}, {"y"});
  builder.output("y");
  tfm::Array y = evaluate(builder);
  EXPECT_THAT(y.shape, ElementsAre(3, 1));
  EXPECT_THAT(y.values, ElementsAre(2, 3, 4));
}

TEST_F(OnnxOperators, ReshapeThatDoesNotFitIsRefused) {
  for (std::vector<int64_t> shape : {std::vector<int64_t>{-1, 4}, {2, 2}, {-1, -1}, {1, 1, 0}}) {
    OnnxBuilder builder;
    give(builder, {"2", "3"}, {1, 2, 3, 4, 5, 6});
    builder.ints("shape", shape);
    EXPECT_THAT(test::errorOf([&] { evaluate(builder, "Reshape", {"x", "shape"}); }), HasSubstr("model.onnx:/y: Reshape"));
  }
}

TEST_F(OnnxOperators, ShapesFromOutsideAreChecked) {
  auto errorOf = [&](OnnxBuilder& builder, const char* op, const std::vector<std::string>& inputs) {
    return test::errorOf([&] { evaluate(builder, op, inputs); });
  };
  OnnxBuilder negative;
  negative.ints("shape", {2, -3});
  EXPECT_THAT(errorOf(negative, "ConstantOfShape", {"shape"}), HasSubstr("can have a negative dimension"));
  OnnxBuilder huge;
  huge.ints("shape", {int64_t(1) << 32, int64_t(1) << 32, 1});
  huge.node("ConstantOfShape", {"shape"}, {"huge"});
  EXPECT_THAT(errorOf(huge, "Flatten", {"huge"}), HasSubstr("makes a tensor of more than"));
  OnnxBuilder empty;
  empty.ints("none", {});
  EXPECT_THAT(errorOf(empty, "Range", {"none", "none", "none"}), HasSubstr("has ends that depend on"));
  OnnxBuilder norm;
  give(norm, {"2", "4"}, std::vector<double>(8, 1));
  norm.floats("w", {2}, {1, 1});
  EXPECT_THAT(errorOf(norm, "SimplifiedLayerNormalization", {"x", "w"}), HasSubstr("which do not fit together"));
}

TEST_F(OnnxOperators, NodesMayComeInAnyOrder) {
  OnnxBuilder builder;
  give(builder, {"2"}, {1, 2});
  builder.node("Sub", {"c", "b"}, {"y"});
  builder.node("Mul", {"b", "b"}, {"c"});
  builder.node("Add", {"x", "x"}, {"b"});
  builder.output("y");
  EXPECT_THAT(evaluate(builder).values, ElementsAre(2, 12));
}

TEST_F(OnnxOperators, DropoutDropsNothing) {
  OnnxBuilder builder;
  give(builder, {"2"}, {1, 2});
  builder.node("Dropout", {"x"}, {"y", "mask"});
  builder.output("y");
  builder.output("mask");
  EXPECT_THAT(evaluate(builder).values, ElementsAre(1, 2));
  EXPECT_THAT(result(1).values, ElementsAre(1, 1));
}

TEST_F(OnnxOperators, GeluInItsForms) {
  auto gelu = [](double x) { return x / 2 * (1 + std::erf(x / std::sqrt(2.0))); };
  auto tanhGelu = [](double x) { return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); };
  for (const char* op : {"Gelu", "FastGelu", "QuickGelu"}) {
    OnnxBuilder builder;
    give(builder, {"1"}, {0.75});
    double y = evaluate(builder, op, {"x"}, [](onnx::NodeProto& node) { node.set_domain("com.microsoft"); }).values[0];
    double expected = std::string(op) == "Gelu"       ? gelu(0.75)
                      : std::string(op) == "FastGelu" ? tanhGelu(0.75)
                                                      : 0.75 / (1 + std::exp(-1.702 * 0.75));
    EXPECT_NEAR(y, expected, 1e-6) << op;
  }
}

}  // namespace
}  // namespace quantc
