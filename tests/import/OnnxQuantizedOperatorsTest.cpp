// Operators of codes: each against the operator of floats between DequantizeLinear and QuantizeLinear, or against plain loops.
#include <cmath>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/import/OnnxOperatorFixture.h"

namespace quantc {
namespace {

using test::OnnxBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kUint8 = onnx::TensorProto::UINT8, kInt8 = onnx::TensorProto::INT8;

using Change = std::function<void(onnx::NodeProto&)>;

Change axis(int64_t value) {
  return [value](onnx::NodeProto& node) { OnnxBuilder::set(node, "axis", value); };
}

class OnnxQuantizedOperators : public test::OnnxOperatorFixture {
protected:
  int random(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }

  std::vector<int> codes(OnnxBuilder& builder, const std::string& name, int type, const std::vector<int64_t>& dims, int least = 0,
                         int most = 127) {
    int64_t count = 1;
    for (int64_t dim : dims)
      count *= dim;
    std::vector<int> values;
    for (int64_t i = 0; i < count; ++i)
      values.push_back(random(least, most));
    builder.initializer(name, type, dims).set_raw_data(std::string(values.begin(), values.end()));
    return values;
  }

  /// Codes a, b, c and r with scales as.., zero points az.. of their own.
  void giveCodes(OnnxBuilder& builder, const std::vector<int64_t>& dims) {
    give(builder, {"1"}, {0});
    random_.seed(7);
    std::string conditions;
    for (int64_t i = 0; i < dims.back(); ++i)
      conditions.push_back(static_cast<char>(i % 2));
    builder.initializer("condition", onnx::TensorProto::BOOL, {dims.back()}).set_raw_data(conditions);
    float scale = 0.01f;
    for (const char* name : {"a", "b", "c", "r"}) {
      codes(builder, name, kUint8, dims);
      builder.floats(name + std::string("s"), {}, {scale});
      codes(builder, name + std::string("z"), kUint8, {}, 20, 100);
      scale *= 1.5f;
    }
  }

  struct Form {
    std::string op;
    std::vector<std::string> inputs;
    std::string floats;
    std::vector<std::string> floatInputs;
    Change change = [](onnx::NodeProto&) {};
    std::vector<int64_t> dims = {1, 2, 4, 4};
  };

  /// `op` gives what `floats` gives between the two operators that the standard defines.
  void expectSame(const Form& form) {
    OnnxBuilder fused(21), apart(21);
    giveCodes(fused, form.dims);
    onnx::NodeProto& node = fused.node(form.op, form.inputs, {"y"});
    node.set_domain("com.microsoft");
    form.change(node);
    fused.output("y");
    giveCodes(apart, form.dims);
    for (const char* name : {"a", "b", "c"})
      apart.node("DequantizeLinear", {name, name + std::string("s"), name + std::string("z")}, {name + std::string("f")});
    form.change(apart.node(form.floats, form.floatInputs, {"f"}));
    apart.node("QuantizeLinear", {"f", "rs", "rz"}, {"y"});
    apart.output("y");
    const tfm::Array expected = evaluate(apart), got = evaluate(fused);
    EXPECT_EQ(got.shape, expected.shape) << form.op;
    EXPECT_EQ(got.values, expected.values) << form.op;
    EXPECT_GT(std::set<double>(got.values.begin(), got.values.end()).size(), 1u) << form.op;
  }

  std::mt19937 random_{7};
};

TEST_F(OnnxQuantizedOperators, AreThoseOfFloatsBetweenCodes) {
  const std::vector<std::string> one{"a", "as", "az", "rs", "rz"}, two{"a", "as", "az", "b", "bs", "bz", "rs", "rz"};
  expectSame({"QLinearAdd", two, "Add", {"af", "bf"}});
  expectSame({"QLinearMul", two, "Mul", {"af", "bf"}});
  expectSame({"QLinearSigmoid", one, "Sigmoid", {"af"}});
  expectSame({"QLinearLeakyRelu", one, "LeakyRelu", {"af"}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "alpha", 0.3f); }});
  expectSame({"QLinearGlobalAveragePool", one, "GlobalAveragePool", {"af"}});
  expectSame({"QLinearAveragePool", one, "AveragePool", {"af"}, [](onnx::NodeProto& node) {
                OnnxBuilder::set(node, "kernel_shape", std::vector<int64_t>{2, 3});
              }});
  auto overRows = [](onnx::NodeProto& node) { OnnxBuilder::set(node, "axes", std::vector<int64_t>{2}); };
  expectSame({"QLinearReduceMean", one, "ReduceMean", {"af"}, overRows});
  expectSame({"QLinearWhere", {"condition", "a", "as", "az", "b", "bs", "bz", "rs", "rz"}, "Where", {"condition", "af", "bf"}});
  expectSame({"QLinearConcat", {"rs", "rz", "a", "as", "az", "b", "bs", "bz", "c", "cs", "cz"}, "Concat", {"af", "bf", "cf"}, axis(2)});
}

TEST_F(OnnxQuantizedOperators, SoftmaxSaysWhichOpsetItIsOf) {
  OnnxBuilder builder;
  giveCodes(builder, {2, 3, 4});
  auto old = [](onnx::NodeProto& node) {
    node.set_domain("com.microsoft");
    OnnxBuilder::set(node, "opset", int64_t(12));
    OnnxBuilder::set(node, "axis", int64_t(1));
  };
  EXPECT_THAT(errorOf(builder, "QLinearSoftmax", {"a", "as", "az", "rs", "rz"}, old), HasSubstr("Softmax of opset 12"));
  expectSame({"QLinearSoftmax", {"a", "as", "az", "rs", "rz"}, "Softmax", {"af"}, axis(3)});
}

TEST_F(OnnxQuantizedOperators, ChannelsBehindPositionsAreRefused) {
  OnnxBuilder builder;
  giveCodes(builder, {1, 4, 4, 2});
  auto last = [](onnx::NodeProto& node) {
    node.set_domain("com.microsoft");
    OnnxBuilder::set(node, "channels_last", int64_t(1));
  };
  EXPECT_THAT(errorOf(builder, "QLinearGlobalAveragePool", {"a", "as", "az", "rs", "rz"}, last), HasSubstr("channels behind positions"));
}

TEST_F(OnnxQuantizedOperators, QLinearConvHasScalesAndZeroPointsOfChannels) {
  OnnxBuilder builder;
  give(builder, {"1"}, {0});
  // As many channels as the kernel is wide: what belongs to channels is not mistaken for columns.
  const std::vector<int> x = codes(builder, "x8", kUint8, {1, 2, 4, 4}), w = codes(builder, "w", kUint8, {3, 2, 3, 3}),
                         zw = codes(builder, "zw", kUint8, {3}, 10, 90);
  const std::vector<int32_t> bias{1000, -3000, 50};
  builder.floats("sx", {}, {0.02f});
  codes(builder, "zx", kUint8, {}, 5, 5);
  builder.floats("sw", {3}, {0.01f, 0.02f, 0.004f});
  builder.floats("sy", {}, {0.5f});
  codes(builder, "zy", kUint8, {}, 100, 100);
  builder.initializer("bias", onnx::TensorProto::INT32, {3}).set_raw_data(bias.data(), bias.size() * 4);
  OnnxBuilder::set(builder.node("QLinearConv", {"x8", "sx", "zx", "w", "sw", "zw", "sy", "zy", "bias"}, {"y"}), "pads",
                   std::vector<int64_t>{1, 0, 0, 0});
  builder.output("y");
  const tfm::Array y = evaluate(builder);
  ASSERT_THAT(y.shape, ElementsAre(1, 3, 3, 2));
  const double scales[] = {0.01f, 0.02f, 0.004f};
  for (int m = 0; m < 3; ++m)
    for (int row = 0; row < 3; ++row)
      for (int column = 0; column < 2; ++column) {
        int sum = bias[m];
        for (int c = 0; c < 2; ++c)
          for (int i = 0; i < 3; ++i)
            for (int j = 0; j < 3; ++j)
              if (row + i >= 1)
                sum += (x[(c * 4 + row + i - 1) * 4 + column + j] - 5) * (w[((m * 2 + c) * 3 + i) * 3 + j] - zw[m]);
        const double real = sum * 0.02f * scales[m] / 0.5;
        EXPECT_NEAR(y.values[(m * 3 + row) * 2 + column], std::clamp(std::nearbyint(real) + 100, 0.0, 255.0),
                    std::abs(real - std::floor(real) - 0.5) < 1e-4 ? 1 : 0);
      }
}

TEST_F(OnnxQuantizedOperators, ConvIntegerOfDynamicCodesIsAConvOfFloats) {
  OnnxBuilder builder;
  std::vector<double> x(32);
  for (double& value : x)
    value = random(-64, 64) / 16.0;
  give(builder, {"1", "2", "4", "4"}, x);
  const std::vector<int> w = codes(builder, "w", kInt8, {1, 2, 4, 4}, -127, 127);
  builder.floats("w.scale", {}, {0.25f});
  codes(builder, "w.zero", kInt8, {}, 3, 3);
  builder.node("DynamicQuantizeLinear", {"x"}, {"q", "s", "z"});
  builder.node("ConvInteger", {"q", "w", "z", "w.zero"}, {"i"});
  OnnxBuilder::set(builder.node("Cast", {"i"}, {"f"}), "to", int64_t(onnx::TensorProto::FLOAT));
  builder.node("Mul", {"s", "w.scale"}, {"scale"});
  builder.node("Mul", {"f", "scale"}, {"y"});
  builder.output("y");
  double sum = 0;
  for (int i = 0; i < 32; ++i)
    sum += x[i] * (w[i] - 3);
  EXPECT_THAT(evaluate(builder).values, ElementsAre(sum * 0.25));
}

TEST_F(OnnxQuantizedOperators, QGemmTransposesAndScalesColumns) {
  OnnxBuilder builder;
  give(builder, {"1"}, {0});
  const std::vector<int> a = codes(builder, "a", kUint8, {2, 3}), b = codes(builder, "b", kUint8, {3, 3}),
                         zb = codes(builder, "zb", kUint8, {3}, 10, 90);
  const std::vector<int32_t> c{700, -900, 20};
  builder.floats("sa", {}, {0.5f});
  codes(builder, "za", kUint8, {}, 9, 9);
  builder.floats("sb", {3}, {0.25f, 0.5f, 2});
  builder.initializer("c", onnx::TensorProto::INT32, {3}).set_raw_data(c.data(), c.size() * 4);
  onnx::NodeProto& node = builder.node("QGemm", {"a", "sa", "za", "b", "sb", "zb", "c"}, {"y"});
  node.set_domain("com.microsoft");
  OnnxBuilder::set(node, "transB", int64_t(1));
  OnnxBuilder::set(node, "alpha", 2.0f);
  builder.output("y");
  const tfm::Array y = evaluate(builder);
  const double scales[] = {0.25, 0.5, 2};
  for (int row = 0; row < 2; ++row)
    for (int column = 0; column < 3; ++column) {
      int sum = c[column];
      for (int k = 0; k < 3; ++k)
        sum += (a[row * 3 + k] - 9) * (b[column * 3 + k] - zb[column]);
      EXPECT_EQ(y.values[row * 3 + column], sum * scales[column]);
    }
}

TEST_F(OnnxQuantizedOperators, ALookupBeforeItsScaleIsARowOfTheTable) {
  OnnxBuilder builder;
  const std::vector<int> table = codes(builder, "table", kUint8, {5, 4});
  builder.floats("scale", {}, {0.5f});
  codes(builder, "zero", kUint8, {}, 70, 70);
  builder.node("Gather", {"table", "input_ids"}, {"rows"});
  OnnxBuilder::set(builder.node("Transpose", {"rows"}, {"columns"}), "perm", std::vector<int64_t>{0, 2, 1});  // as T5 has its biases
  builder.node("DequantizeLinear", {"columns", "scale", "zero"}, {"y"});
  builder.output("y");
  const tfm::Array y = evaluate(builder, {1, 0, 1});  // one id, 1
  EXPECT_THAT(y.shape, ElementsAre(1, 4, 1));
  ASSERT_EQ(y.values.size(), 4u);
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(y.values[i], (table[4 + i] - 70) * 0.5);
  int lookups = 0;
  module_->walk([&](tfm::GatherOp op) {
    auto weight = op.getOperand().getDefiningOp<tfm::WeightOp>();
    lookups += weight && mlir::isa<tfm::DequantizedAttr>(weight.getExpr()) && !op.getResult().use_empty();
  });
  EXPECT_EQ(lookups, 1);
}

TEST_F(OnnxQuantizedOperators, QAttentionIsAttentionOfItsFloats) {
  auto build = [&](bool fused) {
    OnnxBuilder builder(21);
    give(builder, {"1"}, {0});
    random_.seed(9);
    codes(builder, "x8", kUint8, {1, 3, 4});
    codes(builder, "w", kInt8, {4, 12}, -100, 100);
    builder.floats("bias", {12}, std::vector<float>(12, 0.5f));
    builder.floats("sx", {}, {0.02f});
    builder.floats("sw", {}, {0.01f});
    codes(builder, "zx", kUint8, {}, 60, 60);
    codes(builder, "zw", kInt8, {}, 4, 4);
    std::vector<std::string> inputs{"x8", "w", "bias", "sx", "sw", "", "zx", "zw"};
    if (!fused) {
      builder.node("DequantizeLinear", {"x8", "sx", "zx"}, {"xf"});
      builder.node("DequantizeLinear", {"w", "sw", "zw"}, {"wf"});
      inputs = {"xf", "wf", "bias"};
    }
    onnx::NodeProto& node = builder.node(fused ? "QAttention" : "Attention", inputs, {"y"});
    node.set_domain("com.microsoft");
    OnnxBuilder::set(node, "num_heads", int64_t(2));
    builder.output("y");
    return evaluate(builder).values;
  };
  const std::vector<double> expected = build(false), got = build(true);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], expected[i], 1e-5);
}

TEST_F(OnnxQuantizedOperators, QEmbedLayerNormalizationIsThatOfItsFloats) {
  auto build = [&](bool fused) {
    OnnxBuilder builder(21);
    give(builder, {"1"}, {0});
    random_.seed(11);
    const std::vector<std::string> tables{"words", "places", "segments", "gamma", "beta"};
    std::vector<std::string> inputs{"ids", "segment_ids"}, scales, zeros;
    float scale = 0.01f;
    for (const std::string& name : tables) {
      codes(builder, name, kUint8, name == "gamma" || name == "beta" ? std::vector<int64_t>{4} : std::vector<int64_t>{5, 4});
      builder.floats(name + "s", {}, {scale *= 1.5f});
      codes(builder, name + "z", kUint8, {}, 20, 100);
      if (!fused)
        builder.node("DequantizeLinear", {name, name + "s", name + "z"}, {name + "f"});
      inputs.push_back(name + (fused ? "" : "f"));
      scales.push_back(name + "s");
      zeros.push_back(name + "z");
    }
    const int32_t ids[] = {3, 0, 4}, segments[] = {0, 1, 1};
    builder.initializer("ids", onnx::TensorProto::INT32, {1, 3}).set_raw_data(ids, sizeof ids);
    builder.initializer("segment_ids", onnx::TensorProto::INT32, {1, 3}).set_raw_data(segments, sizeof segments);
    if (fused) {
      inputs.push_back("");  // the mask
      inputs.insert(inputs.end(), scales.begin(), scales.end());
      inputs.insert(inputs.end(), zeros.begin(), zeros.end());
    }
    builder.node(fused ? "QEmbedLayerNormalization" : "EmbedLayerNormalization", inputs, {"y", "mask"}).set_domain("com.microsoft");
    builder.output("y");
    return evaluate(builder).values;
  };
  const std::vector<double> expected = build(false), got = build(true);
  ASSERT_EQ(got.size(), 12u);
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], expected[i], 1e-5);
}

}  // namespace
}  // namespace quantc
