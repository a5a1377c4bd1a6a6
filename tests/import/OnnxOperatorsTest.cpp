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

TEST_F(OnnxOperators, PackedSequencesAreFull) {
  OnnxBuilder builder;
  give(builder, {"1", "2", "2"}, {1, 2, 3, 4});
  builder.ints("count", {2});
  builder.node("RemovePadding", {"x", "count"}, {"packed", "places", "begins", "longest"}).set_domain("com.microsoft");
  builder.node("RestorePadding", {"packed", "places"}, {"restored"}).set_domain("com.microsoft");
  for (const char* name : {"packed", "places", "begins", "longest", "restored"})
    builder.output(name);
  EXPECT_THAT(evaluate(builder).shape, ElementsAre(2, 2));
  EXPECT_THAT(result(1).values, ElementsAre(0, 1));
  EXPECT_THAT(result(2).values, ElementsAre(0, 2));
  EXPECT_THAT(result(3).values, ElementsAre(2));
  EXPECT_THAT(result(4).shape, ElementsAre(1, 2, 2));
  EXPECT_THAT(result(4).values, ElementsAre(1, 2, 3, 4));
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
