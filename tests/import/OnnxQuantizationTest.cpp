// Quantized tensors of ONNX: imported, then evaluated by the reference interpreter, against values worked out by hand or by plain loops.
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

class OnnxQuantization : public test::OnnxOperatorFixture {};

onnx::TensorProto& bytes(OnnxBuilder& builder, const std::string& name, int type, const std::vector<int64_t>& dims,
                         const std::vector<int>& values) {
  onnx::TensorProto& tensor = builder.initializer(name, type, dims);
  tensor.set_raw_data(std::string(values.begin(), values.end()));
  return tensor;
}

TEST_F(OnnxQuantization, RoundsTiesToEvenAndSaturates) {
  OnnxBuilder builder;
  give(builder, {"8"}, {0, 1, 3, 5, -1, -3, 1000, -1000});
  builder.floats("scale", {}, {2});
  bytes(builder, "zero", onnx::TensorProto::INT8, {}, {1});
  EXPECT_THAT(evaluate(builder, "QuantizeLinear", {"x", "scale", "zero"}).values, ElementsAre(1, 1, 3, 3, 1, -1, 127, -128));
  OnnxBuilder plain;  // uint8 without a zero point
  give(plain, {"4"}, {-1, 1, 3, 1000});
  plain.floats("scale", {}, {2});
  EXPECT_THAT(evaluate(plain, "QuantizeLinear", {"x", "scale"}).values, ElementsAre(0, 0, 2, 255));
}

TEST_F(OnnxQuantization, FourBitsSaturateAtTheirOwnRange) {
  OnnxBuilder builder(21);
  give(builder, {"2", "3"}, {-100, 3, 100, -100, 3, 100});
  builder.floats("scale", {2}, {1, 2});
  bytes(builder, "zero", kOnnxInt4, {2}, {0x10});  // 0, 1
  auto axis = [](onnx::NodeProto& node) { OnnxBuilder::set(node, "axis", int64_t(0)); };
  EXPECT_THAT(evaluate(builder, "QuantizeLinear", {"x", "scale", "zero"}, axis).values, ElementsAre(-8, 3, 7, -8, 3, 7));
}

TEST_F(OnnxQuantization, BlocksAlongAnAxisMayEndEarly) {
  OnnxBuilder builder(21);
  give(builder, {"5", "2"}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  builder.floats("scale", {3, 2}, {1, 0.5f, 0.25f, 0.125f, 2, 4});
  auto blocks = [](onnx::NodeProto& node) {
    OnnxBuilder::set(node, "axis", int64_t(0));
    OnnxBuilder::set(node, "block_size", int64_t(2));
  };
  EXPECT_THAT(evaluate(builder, "QuantizeLinear", {"x", "scale"}, blocks).values, ElementsAre(1, 2, 1, 2, 4, 8, 4, 8, 0, 0));
}

TEST_F(OnnxQuantization, DequantizesPackedConstantsOfEveryWidth) {
  struct Row {
    int type;
    std::vector<int> bytes;
    std::vector<double> codes;
  };
  for (const Row& row :
       {Row{kOnnxInt4, {0x8f, 0x07}, {-1, -8, 7}}, Row{kOnnxUint4, {0x8f, 0x07}, {15, 8, 7}}, Row{kOnnxInt2, {0x27}, {-1, 1, -2}},
        Row{kOnnxUint2, {0x27}, {3, 1, 2}}, Row{onnx::TensorProto::INT8, {-128, 0, 127}, {-128, 0, 127}},
        Row{onnx::TensorProto::UINT8, {200, 0, 255}, {200, 0, 255}}}) {
    OnnxBuilder builder(21);
    bytes(builder, "codes", row.type, {3}, row.bytes);
    builder.floats("scale", {}, {0.5f});
    builder.node("DequantizeLinear", {"codes", "scale"}, {"y"});
    builder.output("y");
    tfm::Array y = evaluate(builder);
    ASSERT_EQ(y.values.size(), row.codes.size()) << row.type;
    for (size_t i = 0; i < row.codes.size(); ++i)
      EXPECT_EQ(y.values[i], row.codes[i] / 2) << row.type << " " << i;
  }
}

TEST_F(OnnxQuantization, WideCodesAreSubtractedAsIntegers) {
  OnnxBuilder builder;
  onnx::TensorProto& codes = builder.initializer("codes", onnx::TensorProto::INT32, {2});
  codes.add_int32_data(16777217);
  codes.add_int32_data(-5);
  onnx::TensorProto& zero = builder.initializer("zero", onnx::TensorProto::INT32, {});
  zero.add_int32_data(16777216);
  builder.floats("scale", {}, {3});
  builder.node("DequantizeLinear", {"codes", "scale", "zero"}, {"y"});
  builder.output("y");
  EXPECT_THAT(evaluate(builder).values, ElementsAre(3, 3.0 * (-16777216 - 5 + 1)));
}

TEST_F(OnnxQuantization, DynamicRangesHoldZero) {
  for (const auto& [x, scale, zero] : std::vector<std::tuple<std::vector<double>, double, double>>{
           {{-1, 0, 254}, 1, 1}, {{51, 102, 255}, 1, 0}, {{-255, -102, -51}, 1, 255}, {{0, 0, 0}, 1, 0}}) {
    OnnxBuilder builder;
    give(builder, {"3"}, x);
    builder.node("DynamicQuantizeLinear", {"x"}, {"y", "scale", "zero"});
    builder.output("y");
    builder.output("scale");
    builder.output("zero");
    tfm::Array y = evaluate(builder);
    for (size_t i = 0; i < 3; ++i)
      EXPECT_EQ(y.values[i], x[i] / scale + zero) << i;
    EXPECT_THAT(result(1).values, ElementsAre(scale));
    EXPECT_THAT(result(2).values, ElementsAre(zero));
  }
}

TEST_F(OnnxQuantization, WhatIsNoIntegerIsRefused) {
  OnnxBuilder builder;
  give(builder, {"2"}, {1, 2});
  builder.floats("scale", {}, {1});
  auto toFloat8 = [](onnx::NodeProto& node) { OnnxBuilder::set(node, "output_dtype", int64_t(17)); };
  EXPECT_THAT(
      errorOf(builder, "QuantizeLinear", {"x", "scale"}, toFloat8),
      HasSubstr("model.onnx:/y: QuantizeLinear makes codes that are no integers of 2 to 16 bits, which is not supported; quantize to "
                "int8, uint8, int4 or uint4"));
  OnnxBuilder floats;
  give(floats, {"2"}, {1, 2});
  floats.floats("scale", {}, {1});
  EXPECT_THAT(errorOf(floats, "DequantizeLinear", {"x", "scale"}), HasSubstr("DequantizeLinear takes codes that are no integers"));
}

TEST_F(OnnxQuantization, ScalesMustFit) {
  OnnxBuilder builder;
  give(builder, {"2", "3"}, {1, 2, 3, 4, 5, 6});
  builder.floats("scale", {2}, {1, 2});
  EXPECT_THAT(errorOf(builder, "QuantizeLinear", {"x", "scale"}), HasSubstr("neither one number nor one for each index of axis 1"));
  OnnxBuilder blocks;
  give(blocks, {"2", "3"}, {1, 2, 3, 4, 5, 6});
  blocks.floats("scale", {2, 1}, {1, 2});
  EXPECT_THAT(
      errorOf(blocks, "QuantizeLinear", {"x", "scale"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "block_size", int64_t(2)); }),
      HasSubstr("are not one for each block of 2 along axis 1"));
}

}  // namespace
}  // namespace quantc
