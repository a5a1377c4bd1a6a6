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

TEST_F(OnnxOperators, SliceBackwards) {
  OnnxBuilder builder;
  give(builder, {"2", "5"}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  builder.ints("begin", {-1, 3});
  builder.ints("end", {INT64_MIN, 0});
  builder.ints("axes", {0, 1});
  builder.ints("steps", {-1, -2});
  tfm::Array y = evaluate(builder, "Slice", {"x", "begin", "end", "axes", "steps"});
  EXPECT_THAT(y.shape, ElementsAre(2, 2));
  EXPECT_THAT(y.values, ElementsAre(8, 6, 3, 1));
}

/// As the last token is taken for a search.
TEST_F(OnnxOperators, SliceOfTheLastBackwards) {
  OnnxBuilder builder;
  builder.ints("begin", {-1});
  builder.ints("end", {-2});
  builder.ints("axes", {1});
  builder.ints("steps", {-1});
  tfm::Array y = evaluate(builder, "Slice", {"input_ids", "begin", "end", "axes", "steps"});
  EXPECT_THAT(y.shape, ElementsAre(1, 1));
  EXPECT_THAT(y.values, ElementsAre(1));
}

/// As PyTorch writes pads: pairs from the last dimension on, put in ONNX's order.
TEST_F(OnnxOperators, PadsThatAreTurnedAndTransposed) {
  OnnxBuilder builder;
  give(builder, {"1", "2"}, {1, 2});
  builder.ints("pairs", {0, 1, 2, 0});
  builder.ints("two", {2, 2});
  builder.ints("last", {-1});
  builder.ints("first", {INT64_MIN});
  builder.ints("rows", {0});
  builder.ints("back", {-1});
  builder.ints("flat", {-1});
  builder.node("Reshape", {"pairs", "two"}, {"table"});
  builder.node("Slice", {"table", "last", "first", "rows", "back"}, {"turned"});
  OnnxBuilder::set(builder.node("Transpose", {"turned"}, {"columns"}), "perm", std::vector<int64_t>{1, 0});
  builder.node("Reshape", {"columns", "flat"}, {"pads"});
  tfm::Array y = evaluate(builder, "Pad", {"x", "pads"});
  EXPECT_THAT(y.shape, ElementsAre(3, 3));
  EXPECT_THAT(y.values, ElementsAre(0, 0, 0, 0, 0, 0, 1, 2, 0));
}

/// As DINOv2 takes the square root of its number of patches.
TEST_F(OnnxOperators, SizesThatFloatsOfConstantsGive) {
  OnnxBuilder builder;
  give(builder, {"1", "4"}, {1, 2, 3, 4});
  builder.floats("patches", {1}, {4});
  builder.floats("half", {1}, {0.5});
  builder.node("Pow", {"patches", "half"}, {"root"});
  OnnxBuilder::set(builder.node("Cast", {"root"}, {"side"}), "to", int64_t(onnx::TensorProto::INT64));
  OnnxBuilder::set(builder.node("Concat", {"side", "side"}, {"shape"}), "axis", int64_t(0));
  EXPECT_THAT(evaluate(builder, "Reshape", {"x", "shape"}).shape, ElementsAre(2, 2));
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

TEST_F(OnnxOperators, ConvOfImages) {
  const auto conv = [&](const std::vector<std::string>& dims, int64_t count, const std::vector<int64_t>& weightShape,
                        const std::vector<float>& weight, const std::function<void(onnx::NodeProto&)>& change) {
    OnnxBuilder builder;
    std::vector<double> x;
    for (int64_t i = 0; i < count; ++i)
      x.push_back(static_cast<double>(i));
    give(builder, dims, x);
    builder.floats("w", weightShape, weight);
    builder.floats("b", {weightShape[0]}, std::vector<float>(weightShape[0], 1));
    return evaluate(builder, "Conv", {"x", "w", "b"}, change);
  };
  const std::vector<float> ones(4, 1);
  // 0 1 2 / 3 4 5 / 6 7 8
  EXPECT_THAT(conv({"1", "1", "3", "3"}, 9, {1, 1, 2, 2}, ones, [](onnx::NodeProto&) {}).values, ElementsAre(9, 13, 21, 25));
  EXPECT_THAT(conv({"1", "1", "3", "3"}, 9, {1, 1, 2, 2}, {1, 0, 0, 10},
                   [](onnx::NodeProto& node) { OnnxBuilder::set(node, "dilations", std::vector<int64_t>{2, 2}); })
                  .values,
              ElementsAre(81));
  tfm::Array y = conv({"1", "1", "3", "3"}, 9, {1, 1, 2, 2}, ones, [](onnx::NodeProto& node) {
    OnnxBuilder::set(node, "strides", std::vector<int64_t>{2, 3});
    OnnxBuilder::set(node, "pads", std::vector<int64_t>{1, 0, 0, 2});
  });
  EXPECT_THAT(y.shape, ElementsAre(1, 1, 2, 2));
  EXPECT_THAT(y.values, ElementsAre(2, 1, 21, 1));
  for (auto [mode, first] : {std::pair("SAME_UPPER", 9.0), std::pair("SAME_LOWER", 1.0)}) {
    const std::string name = mode;
    y = conv({"1", "1", "3", "3"}, 9, {1, 1, 2, 2}, ones, [&](onnx::NodeProto& node) { OnnxBuilder::set(node, "auto_pad", name); });
    EXPECT_THAT(y.shape, ElementsAre(1, 1, 3, 3)) << mode;
    EXPECT_EQ(y.values.front(), first) << mode;
  }
  // Two images of two channels, a kernel of one position: 0 1 | 2 3 and 4 5 | 6 7; outputs are c0 + 10 c1 and c1.
  y = conv({"2", "2", "1", "2"}, 8, {2, 2, 1, 1}, {1, 10, 0, 1}, [](onnx::NodeProto&) {});
  EXPECT_THAT(y.values, ElementsAre(21, 32, 3, 4, 65, 76, 7, 8));
  // Each channel by itself, to two outputs.
  y = conv({"1", "2", "1", "2"}, 4, {4, 1, 1, 1}, {1, 2, 3, 4}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "group", int64_t(2)); });
  EXPECT_THAT(y.values, ElementsAre(1, 2, 1, 3, 7, 10, 9, 13));
  // Three dimensions.
  y = conv({"1", "1", "2", "2", "2"}, 8, {1, 1, 2, 1, 2}, ones, [](onnx::NodeProto&) {});
  EXPECT_THAT(y.shape, ElementsAre(1, 1, 1, 2, 1));
  EXPECT_THAT(y.values, ElementsAre(11, 19));
}

TEST_F(OnnxOperators, ConvThatDoesNotFitIsRefused) {
  const auto refusal = [&](const std::vector<std::string>& dims, const std::vector<int64_t>& weight, const char* attribute,
                           const std::vector<int64_t>& values) {
    OnnxBuilder builder;
    builder.input("x", onnx::TensorProto::FLOAT, dims);
    int64_t count = 1;
    for (int64_t size : weight)
      count *= size;
    builder.floats("w", weight, std::vector<float>(count, 1));
    onnx::NodeProto& node = builder.node("Conv", {"x", "w"}, {"y"});
    OnnxBuilder::set(node, attribute, values);
    builder.output("y");
    const std::filesystem::path file = folder_.write("model.onnx", builder.bytes());
    return test::errorOf([&] { importOnnx(context_, file, {}); });
  };
  EXPECT_THAT(refusal({"1", "1", "3", "3"}, {1, 1, 4, 1}, "strides", {1, 1}),
              HasSubstr("an image, kernel and padding that do not fit together"));
  EXPECT_THAT(refusal({"1", "3", "3", "3"}, {1, 1, 1, 1}, "strides", {1, 1}),
              HasSubstr("channels, groups and weights that do not fit together"));
  EXPECT_THAT(refusal({"1", "1", "3", "3"}, {1, 1, 1, 1}, "strides", {0, 1}), HasSubstr("strides that do not fit together"));
  EXPECT_THAT(refusal({"1", "1", "3", "3"}, {1, 1, 1, 1}, "pads", {1, 1}), HasSubstr("pads that do not fit together"));
  EXPECT_THAT(refusal({"1", "1", "3", "n"}, {1, 1, 1, 1}, "strides", {1, 1}), HasSubstr("export the model with images of a fixed size"));
  EXPECT_THAT(refusal({"1", "1", "n"}, {1, 1, 3}, "pads", {1, 0}), HasSubstr("over 3 positions of a sequence that may be shorter"));
  EXPECT_THAT(refusal({"1", "1", "n"}, {1, 1, 3}, "pads", {1, -1}), HasSubstr("padding that does not depend on it"));
  EXPECT_THAT(refusal({"1", "3", "n"}, {1, 1, 1}, "strides", {1}), HasSubstr("an input, groups and a kernel that do not fit together"));
  EXPECT_THAT(refusal({"1", "1", "3"}, {1, 1, 1, 1}, "strides", {1, 1}),
              HasSubstr("rank 3 with weights of rank 4, expected the same rank"));
}

TEST_F(OnnxOperators, NormsOfGroupsOfChannels) {
  // Channels 0 4 | 2 6 | 1 1 | 3 3 of two positions each; two groups: mean 3 and 2, variance 5 and 1.
  const std::vector<double> x = {0, 4, 2, 6, 1, 1, 3, 3}, normed = {-3, 1, -1, 3, -1, -1, 1, 1};
  const auto expect = [&](const tfm::Array& y, const std::vector<double>& scale, const std::vector<double>& bias) {
    ASSERT_EQ(y.values.size(), x.size());
    for (size_t i = 0; i < x.size(); ++i)
      EXPECT_NEAR(y.values[i], normed[i] / (i < 4 ? std::sqrt(5.0) : 1.0) * scale[i / 2] + bias[i / 2], 1e-5) << i;
  };
  const auto noEpsilon = [](onnx::NodeProto& node) { OnnxBuilder::set(node, "epsilon", 0.0f); };
  for (int64_t opset : {18, 21}) {
    OnnxBuilder builder(opset);
    give(builder, {"1", "4", "2", "1"}, x);
    builder.floats("scale", {opset == 18 ? 2 : 4}, opset == 18 ? std::vector<float>{2, 3} : std::vector<float>{1, 2, 3, 4});
    builder.floats("bias", {opset == 18 ? 2 : 4}, opset == 18 ? std::vector<float>{5, 6} : std::vector<float>{5, 6, 7, 8});
    const tfm::Array y = evaluate(builder, "GroupNormalization", {"x", "scale", "bias"}, [&](onnx::NodeProto& node) {
      noEpsilon(node);
      OnnxBuilder::set(node, "num_groups", int64_t(2));
    });
    if (opset == 18)
      expect(y, {2, 2, 3, 3}, {5, 5, 6, 6});
    else
      expect(y, {1, 2, 3, 4}, {5, 6, 7, 8});
  }
  // As PyTorch exports it: an instance norm of groups that a reshape makes.
  OnnxBuilder builder;
  give(builder, {"1", "4", "2", "1"}, x);
  builder.ints("grouped", {0, 2, -1});
  builder.ints("whole", {1, 4, 2, 1});
  builder.floats("ones", {2}, {1, 1});
  builder.floats("zeros", {2}, {0, 0});
  builder.floats("scale", {4, 1, 1}, {1, 2, 3, 4});
  builder.node("Reshape", {"x", "grouped"}, {"groups"});
  noEpsilon(builder.node("InstanceNormalization", {"groups", "ones", "zeros"}, {"normed"}));
  builder.node("Reshape", {"normed", "whole"}, {"again"});
  expect(evaluate(builder, "Mul", {"again", "scale"}), {1, 2, 3, 4}, {0, 0, 0, 0});
  bool found = false;
  module_->walk([&](tfm::GroupNormOp op) {
    found = true;
    EXPECT_EQ(op.getGroups(), 2);
    EXPECT_THAT(mlir::cast<mlir::RankedTensorType>(op.getType()).getShape(), ElementsAre(1, 2, 1, 4));
  });
  EXPECT_TRUE(found);
}

TEST_F(OnnxOperators, ResizeToTheNearest) {
  const auto resize = [&](const std::vector<float>& scales, const std::vector<int64_t>& sizes, const char* coordinates,
                          const char* rounding) {
    OnnxBuilder builder;
    give(builder, {"1", "1", "1", "4"}, {0, 1, 2, 3});
    std::vector<std::string> inputs = {"x", "", ""};
    if (!scales.empty()) {
      builder.floats("scales", {4}, scales);
      inputs[2] = "scales";
    } else {
      builder.ints("sizes", sizes);
      inputs.push_back("sizes");
    }
    return evaluate(builder, "Resize", inputs,
                    [&](onnx::NodeProto& node) {
                      OnnxBuilder::set(node, "mode", std::string("nearest"));
                      OnnxBuilder::set(node, "coordinate_transformation_mode", std::string(coordinates));
                      OnnxBuilder::set(node, "nearest_mode", std::string(rounding));
                    })
        .values;
  };
  EXPECT_THAT(resize({1, 1, 2, 2}, {}, "asymmetric", "floor"), ElementsAre(0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 1, 1, 2, 2, 3, 3));
  EXPECT_THAT(resize({1, 1, 1, 0.5f}, {}, "asymmetric", "floor"), ElementsAre(0, 2));
  EXPECT_THAT(resize({1, 1, 1, 0.5f}, {}, "half_pixel", "round_prefer_floor"), ElementsAre(0, 2));
  EXPECT_THAT(resize({1, 1, 1, 0.5f}, {}, "half_pixel", "round_prefer_ceil"), ElementsAre(1, 3));
  EXPECT_THAT(resize({}, {1, 1, 1, 3}, "align_corners", "ceil"), ElementsAre(0, 2, 3));
  EXPECT_THAT(resize({}, {1, 1, 1, 4}, "half_pixel", "round_prefer_floor"), ElementsAre(0, 1, 2, 3));
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

/// Distances of positions, as DeBERTa counts them: the numbers of all, as often as there are.
TEST_F(OnnxOperators, TileAsOftenAsTheSequenceIsLong) {
  OnnxBuilder builder;
  builder.ints("index", {1});
  builder.ints("one", {1});
  give(builder, {"1", "sequence"}, {7, 8, 9});
  builder.node("Shape", {"input_ids"}, {"shape"});
  builder.node("Gather", {"shape", "index"}, {"length"});
  OnnxBuilder::set(builder.node("Concat", {"length", "one"}, {"repeats"}), "axis", int64_t(0));
  tfm::Array y = evaluate(builder, "Tile", {"x", "repeats"});
  EXPECT_THAT(y.shape, ElementsAre(3, 3));
  EXPECT_THAT(y.values, ElementsAre(7, 8, 9, 7, 8, 9, 7, 8, 9));
  OnnxBuilder negative;
  give(negative, {"1", "sequence"}, {7, 8, 9});
  negative.ints("repeats", {1, -1});
  EXPECT_THAT(test::errorOf([&] { evaluate(negative, "Tile", {"x", "repeats"}); }), HasSubstr("can have a negative repeat"));
}

/// The middles of a grid's cells, as DINOv3 counts them.
TEST_F(OnnxOperators, RangeOfFloats) {
  auto range = [](float start, float step) {
    OnnxBuilder builder;
    builder.floats("start", {}, {start});
    builder.ints("cells", {4}).clear_dims();
    builder.floats("step", {}, {step});
    OnnxBuilder::set(builder.node("Cast", {"cells"}, {"limit"}), "to", int64_t(onnx::TensorProto::FLOAT));
    return builder;
  };
  OnnxBuilder up = range(0.5f, 1), down = range(5.25f, -0.5f), none = range(4.5f, 1), endless = range(0.5f, 0);
  const std::vector<std::string> inputs = {"start", "limit", "step"};
  EXPECT_THAT(evaluate(up, "Range", inputs).values, ElementsAre(0.5, 1.5, 2.5, 3.5));
  EXPECT_THAT(evaluate(down, "Range", inputs).values, ElementsAre(5.25, 4.75, 4.25));
  EXPECT_THAT(evaluate(none, "Range", inputs).shape, ElementsAre(0));
  EXPECT_THAT(test::errorOf([&] { evaluate(endless, "Range", inputs); }), HasSubstr("steps of 0"));
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

TEST_F(OnnxOperators, DropoutInTrainingIsRefusedUnlessItDropsNothing) {
  for (float ratio : {0.0f, 0.5f}) {
    OnnxBuilder builder;
    give(builder, {"2"}, {1, 2});
    builder.floats("ratio", {}, {ratio});
    builder.initializer("training", onnx::TensorProto::BOOL, {}).set_raw_data(std::string(1, 1));
    if (ratio == 0)
      EXPECT_THAT(evaluate(builder, "Dropout", {"x", "ratio", "training"}).values, ElementsAre(1, 2));
    else
      EXPECT_THAT(errorOf(builder, "Dropout", {"x", "ratio", "training"}), testing::HasSubstr("Dropout may be in training mode"));
  }
}

/// [columns, batch, 1] goes as [batch, columns, 1], then as [batch, 1, columns].
TEST_F(OnnxOperators, FusedMatMulMovesItsBatch) {
  OnnxBuilder builder;
  give(builder, {"2", "3", "1"}, {1, 2, 3, 10, 20, 30});
  builder.floats("weights", {3, 2, 1}, {1, 1, 1, 2, 1, 3});
  tfm::Array y = evaluate(builder, "FusedMatMul", {"x", "weights"}, [](onnx::NodeProto& node) {
    node.set_domain("com.microsoft");
    OnnxBuilder::set(node, "transBatchA", int64_t(1));
    OnnxBuilder::set(node, "transA", int64_t(1));
  });
  EXPECT_THAT(y.shape, ElementsAre(3, 1, 1));
  EXPECT_THAT(y.values, ElementsAre(11, 42, 93));
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
