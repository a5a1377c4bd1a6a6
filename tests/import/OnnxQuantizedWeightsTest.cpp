// Weights that ONNX files hold as codes: what they are worth, against plain loops, and that their codes stay as they are.
#include <algorithm>
#include <cmath>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mlir/Pass/PassManager.h"
#include "passes/raise/Raise.h"
#include "tests/import/OnnxOperatorFixture.h"

namespace quantc {
namespace {

using test::OnnxBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

class OnnxQuantizedWeights : public test::OnnxOperatorFixture {
protected:
  static onnx::TensorProto& bytes(OnnxBuilder& builder, const std::string& name, int type, const std::vector<int64_t>& dims,
                                  const std::vector<int>& values) {
    onnx::TensorProto& tensor = builder.initializer(name, type, dims);
    tensor.set_raw_data(std::string(values.begin(), values.end()));
    return tensor;
  }

  int random(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }

  /// The weight of the only linear after the raise passes.
  mlir::Attribute raisedWeight() {
    mlir::PassManager manager(&context_);
    buildRaisePipeline(manager);
    EXPECT_TRUE(mlir::succeeded(manager.run(*module_)));
    mlir::Attribute weight;
    module_->walk([&](tfm::LinearOp op) { weight = op.getWeight().getDefiningOp<tfm::WeightOp>().getExpr(); });
    EXPECT_TRUE(weight);
    return weight;
  }

  std::mt19937 random_{7};
};

TEST_F(OnnxQuantizedWeights, MatMulIntegerIsExact) {
  OnnxBuilder builder;
  give(builder, {"1"}, {0});
  bytes(builder, "a", onnx::TensorProto::UINT8, {2, 3}, {11, 7, 3, 10, 6, 255});
  bytes(builder, "b", onnx::TensorProto::INT8, {3, 2}, {1, -4, 2, 5, -128, 6});
  bytes(builder, "za", onnx::TensorProto::UINT8, {2}, {12, 0});
  bytes(builder, "zb", onnx::TensorProto::INT8, {2}, {0, 1});
  builder.node("MatMulInteger", {"a", "b", "za", "zb"}, {"y"});
  builder.output("y");
  EXPECT_THAT(evaluate(builder).values,
              ElementsAre(-1 * 1 - 5 * 2 - 9 * -128, -1 * -5 - 5 * 4 - 9 * 5, 10 + 12 + 255 * -128, -50 + 24 + 255 * 5));
}

TEST_F(OnnxQuantizedWeights, QLinearMatMulRoundsAndSaturates) {
  OnnxBuilder builder;
  give(builder, {"1"}, {0});
  bytes(builder, "a", onnx::TensorProto::INT8, {1, 2}, {3, -5});
  bytes(builder, "b", onnx::TensorProto::INT8, {2, 3}, {1, 100, -100, 2, -100, 100});
  builder.floats("sa", {}, {0.5f});
  builder.floats("sb", {3}, {1, 2, 2});
  builder.floats("sy", {}, {1});
  bytes(builder, "za", onnx::TensorProto::INT8, {}, {1});
  bytes(builder, "zb", onnx::TensorProto::INT8, {}, {0});
  bytes(builder, "zy", onnx::TensorProto::INT8, {}, {2});
  builder.node("QLinearMatMul", {"a", "sa", "za", "b", "sb", "zb", "sy", "zy"}, {"y"});
  builder.output("y");
  // (2, -6) times the columns: -10, 800, -800, in halves and ones.
  EXPECT_THAT(evaluate(builder).values, ElementsAre(-5 + 2, 127, -128));
}

struct NBits {
  int64_t k, n, bits, block;
  bool zeros, floatZeros, bias;
};

TEST_F(OnnxQuantizedWeights, MatMulNBitsIsThePlainProduct) {
  for (const NBits& shape :
       {NBits{32, 3, 4, 16, false, false, false}, NBits{40, 3, 4, 16, true, false, true}, NBits{48, 2, 8, 32, true, false, false},
        NBits{32, 2, 2, 16, true, false, false}, NBits{20, 2, 4, 16, true, true, false}, NBits{33, 2, 8, 16, false, false, true}}) {
    SCOPED_TRACE(shape.k * 100 + shape.bits);
    const int64_t blocks = (shape.k + shape.block - 1) / shape.block, perByte = 8 / shape.bits, most = (1 << shape.bits) - 1;
    OnnxBuilder builder;
    std::vector<double> x(2 * shape.k);
    for (double& value : x)
      value = random(-8, 8) / 4.0;
    give(builder, {"2", std::to_string(shape.k)}, x);
    std::vector<int> codes(shape.n * blocks * shape.block), packed(codes.size() / perByte, 0);
    for (size_t i = 0; i < codes.size(); ++i)
      packed[i / perByte] |= (codes[i] = random(0, static_cast<int>(most))) << (i % perByte * shape.bits);
    std::vector<float> scales(shape.n * blocks), floatZeros(scales.size());
    for (size_t i = 0; i < scales.size(); ++i) {
      scales[i] = static_cast<float>(random(1, 9)) / 16;
      floatZeros[i] = static_cast<float>(random(0, 31)) / 4;
    }
    const int64_t zeroBytes = (blocks + perByte - 1) / perByte;
    std::vector<int> zeros(scales.size(), 1 << (shape.bits - 1)), packedZeros(shape.n * zeroBytes, 0);
    for (int64_t row = 0; row < shape.n; ++row)
      for (int64_t b = 0; b < blocks; ++b) {
        int& zero = zeros[row * blocks + b];
        if (shape.zeros)
          zero = random(0, static_cast<int>(most));
        packedZeros[row * zeroBytes + b / perByte] |= zero << (b % perByte * shape.bits);
      }
    bytes(builder, "w", onnx::TensorProto::UINT8, {shape.n, blocks, shape.block / perByte}, packed);
    builder.floats("scales", {shape.n * blocks}, scales);
    std::vector<std::string> inputs{"x", "w", "scales"};
    if (shape.zeros) {
      inputs.push_back("zeros");
      if (shape.floatZeros)
        builder.floats("zeros", {shape.n * blocks}, floatZeros);
      else
        bytes(builder, "zeros", onnx::TensorProto::UINT8, {shape.n * zeroBytes}, packedZeros);
    }
    std::vector<float> bias;
    if (shape.bias) {
      inputs.resize(5);
      inputs.push_back("bias");
      for (int64_t i = 0; i < shape.n; ++i)
        bias.push_back(static_cast<float>(i) + 0.5f);
      builder.floats("bias", {shape.n}, bias);
    }
    onnx::NodeProto& node = builder.node("MatMulNBits", inputs, {"y"});
    node.set_domain("com.microsoft");
    OnnxBuilder::set(node, "K", shape.k);
    OnnxBuilder::set(node, "N", shape.n);
    OnnxBuilder::set(node, "bits", shape.bits);
    OnnxBuilder::set(node, "block_size", shape.block);
    builder.output("y");
    tfm::Array y = evaluate(builder);
    ASSERT_EQ(y.values.size(), static_cast<size_t>(2 * shape.n));
    for (int64_t row = 0; row < 2; ++row)
      for (int64_t column = 0; column < shape.n; ++column) {
        double sum = shape.bias ? bias[column] : 0;
        for (int64_t i = 0; i < shape.k; ++i) {
          const int64_t b = column * blocks + i / shape.block;
          const double zero = shape.floatZeros ? floatZeros[b] : zeros[b];
          sum += x[row * shape.k + i] * (codes[column * blocks * shape.block + i] - zero) * scales[b];
        }
        EXPECT_NEAR(y.values[row * shape.n + column], sum, 1e-5 * std::fabs(sum) + 1e-6) << row << " " << column;
      }
  }
}

TEST_F(OnnxQuantizedWeights, MatMulNBitsKeepsItsCodes) {
  const int64_t k = 64, n = 2;
  OnnxBuilder builder;
  give(builder, {"1", "64"}, std::vector<double>(k, 1));
  std::vector<int> packed(n * k / 2);
  for (int& byte : packed)
    byte = random(0, 255);
  bytes(builder, "w", onnx::TensorProto::UINT8, {n, 2, 16}, packed);
  builder.floats("scales", {n * 2}, {0.5f, 0.25f, 1, 2});
  bytes(builder, "zeros", onnx::TensorProto::UINT8, {n}, {0x88, 0x88});  // all 8: symmetric
  onnx::NodeProto& node = builder.node("MatMulNBits", {"x", "w", "scales", "zeros"}, {"y"});
  node.set_domain("com.microsoft");
  OnnxBuilder::set(node, "K", k);
  OnnxBuilder::set(node, "N", n);
  OnnxBuilder::set(node, "block_size", int64_t(32));
  builder.output("y");
  evaluate(builder);
  mlir::Attribute weight = raisedWeight();
  WeightReader reader(*module_);
  ASSERT_TRUE(reader.hasGroups(weight, *findScheme("int4")));
  std::vector<EncodedRow> rows = reader.readGroups(weight, *findScheme("int4"), 0, n);
  for (int64_t row = 0; row < n; ++row)
    for (int64_t i = 0; i < k; ++i)
      EXPECT_EQ(rows[row].codes[i], (packed[(row * k + i) / 2] >> (i % 2 * 4) & 15) - 8);
  EXPECT_THAT(rows[1].scales, ElementsAre(halfFromFloat(1), halfFromFloat(2)));
}

TEST_F(OnnxQuantizedWeights, ReorderedColumnsAreRefused) {
  for (bool inOrder : {true, false}) {
    OnnxBuilder builder;
    give(builder, {"1", "32"}, std::vector<double>(32, 1));
    bytes(builder, "w", onnx::TensorProto::UINT8, {1, 2, 8}, std::vector<int>(16, 0x99));
    builder.floats("scales", {2}, {1, 2});
    onnx::TensorProto& order = builder.initializer("order", onnx::TensorProto::INT32, {32});
    for (int i = 0; i < 32; ++i)
      order.add_int32_data(inOrder ? i / 16 : i % 2);
    onnx::NodeProto& node = builder.node("MatMulNBits", {"x", "w", "scales", "", "order"}, {"y"});
    node.set_domain("com.microsoft");
    OnnxBuilder::set(node, "K", int64_t(32));
    OnnxBuilder::set(node, "N", int64_t(1));
    OnnxBuilder::set(node, "block_size", int64_t(16));
    builder.output("y");
    if (inOrder)
      EXPECT_THAT(evaluate(builder).values, ElementsAre(16 * 1 + 16 * 2));
    else
      EXPECT_THAT(test::errorOf([&] { evaluate(builder); }), HasSubstr("has a g_idx that takes columns out of their order"));
  }
}

TEST_F(OnnxQuantizedWeights, GatherBlockQuantizedDecodesTheRowsItTakes) {
  for (int type : {int(onnx::TensorProto::UINT8), int(kOnnxInt4), int(kOnnxUint4)}) {
    SCOPED_TRACE(type);
    OnnxBuilder builder(21);
    give(builder, {"1"}, {0});
    const bool isBytes = type == onnx::TensorProto::UINT8, isSigned = type == kOnnxInt4;
    std::vector<int> packed(3 * 10);
    for (int& byte : packed)
      byte = random(0, 255);
    bytes(builder, "table", type, {3, isBytes ? 10 : 20}, packed);
    builder.floats("scales", {3, 2}, {1, 2, 3, 4, 5, 6});
    builder.ints("rows", {2, 0});
    onnx::NodeProto& node = builder.node("GatherBlockQuantized", {"table", "rows", "scales"}, {"y"});
    node.set_domain("com.microsoft");
    OnnxBuilder::set(node, "block_size", int64_t(16));
    builder.output("y");
    tfm::Array y = evaluate(builder);
    EXPECT_THAT(y.shape, ElementsAre(2, 20));
    for (int64_t i = 0; i < 40; ++i) {
      const int64_t row = i < 20 ? 2 : 0, column = i % 20;
      int code = packed[row * 10 + column / 2] >> (column % 2 * 4) & 15;
      code = isBytes ? code - 8 : isSigned && code > 7 ? code - 16 : code;
      EXPECT_EQ(y.values[i], code * (1.0 + static_cast<double>(row * 2 + column / 16))) << i;
    }
  }
}

struct Kept {
  const char* name;
  int type;
  bool transposed;            ///< stored as [out, in] and multiplied by Gemm with transB
  std::vector<int64_t> dims;  ///< of scales
  int64_t axis, block;
  int zero;
  const char* scheme;
  int least, most;  ///< codes in the file
};

TEST_F(OnnxQuantizedWeights, DequantizedConstantsKeepTheirCodes) {
  const int64_t in = 64, out = 3;
  for (const Kept& kept : {Kept{"int8 per column", onnx::TensorProto::INT8, false, {3}, 1, 0, 0, "int8", -127, 127},
                           Kept{"int8 for all", onnx::TensorProto::INT8, true, {}, 1, 0, 0, "int8", -127, 127},
                           Kept{"uint8 around 128", onnx::TensorProto::UINT8, true, {3}, 0, 0, 128, "int8", 1, 255},
                           Kept{"int8 in blocks", onnx::TensorProto::INT8, false, {2, 3}, 0, 32, 0, "int8", -127, 127},
                           Kept{"uint4 around 3", kOnnxUint4, true, {3, 1}, 1, 64, 3, "int6", 0, 15}}) {
    SCOPED_TRACE(kept.name);
    OnnxBuilder builder(21);
    give(builder, {"1", "64"}, std::vector<double>(in, 1));
    std::vector<int> codes(in * out);
    for (int& code : codes)
      code = random(kept.least, kept.most);
    std::vector<int> stored(codes);
    if (kept.type == kOnnxUint4) {
      stored.assign(codes.size() / 2, 0);
      for (size_t i = 0; i < codes.size(); ++i)
        stored[i / 2] |= codes[i] << (i % 2 * 4);
    }
    bytes(builder, "codes", kept.type, kept.transposed ? std::vector<int64_t>{out, in} : std::vector<int64_t>{in, out}, stored);
    int64_t count = 1;
    for (int64_t dim : kept.dims)
      count *= dim;
    std::vector<float> scales(count);
    for (size_t i = 0; i < scales.size(); ++i)
      scales[i] = 0.5f + static_cast<float>(i);
    builder.floats("scales", kept.dims, scales);
    std::vector<std::string> inputs{"codes", "scales"};
    if (kept.zero) {
      const int zero = kept.type == kOnnxUint4 ? kept.zero * 0x11 : kept.zero;
      bytes(builder, "zeros", kept.type, kept.dims, std::vector<int>(kept.type == kOnnxUint4 ? (count + 1) / 2 : count, zero));
      inputs.push_back("zeros");
    }
    onnx::NodeProto& node = builder.node("DequantizeLinear", inputs, {"w"});
    OnnxBuilder::set(node, "axis", kept.axis);
    if (kept.block)
      OnnxBuilder::set(node, "block_size", kept.block);
    onnx::NodeProto& product = builder.node(kept.transposed ? "Gemm" : "MatMul", {"x", "w"}, {"y"});
    if (kept.transposed)
      OnnxBuilder::set(product, "transB", int64_t(1));
    builder.output("y");
    tfm::Array y = evaluate(builder);
    mlir::Attribute weight = raisedWeight();
    const Scheme& scheme = *findScheme(kept.scheme);
    WeightReader reader(*module_);
    ASSERT_TRUE(reader.hasGroups(weight, scheme));
    std::vector<EncodedRow> rows = reader.readGroups(weight, scheme, 0, out);
    for (int64_t row = 0; row < out; ++row) {
      double sum = 0;
      for (int64_t i = 0; i < in; ++i) {
        const int code = codes[kept.transposed ? row * in + i : i * out + row] - kept.zero;
        const int64_t scale = count == 1 ? 0 : count == out ? row : i / 32 * out + row;
        ASSERT_EQ(rows[row].codes[i], code) << row << " " << i;
        ASSERT_EQ(rows[row].scales[i / 32], halfFromFloat(scales[scale]));
        sum += code * static_cast<double>(scales[scale]);
      }
      EXPECT_EQ(y.values[row], sum);
    }
  }
}

TEST_F(OnnxQuantizedWeights, TheLeastCodeOfInt8IsEncodedAnew) {
  OnnxBuilder builder;
  give(builder, {"1", "64"}, std::vector<double>(64, 1));
  std::vector<int> codes(64, 3);
  codes[5] = -128;
  bytes(builder, "codes", onnx::TensorProto::INT8, {64, 1}, codes);
  builder.floats("scales", {}, {0.5f});
  builder.node("DequantizeLinear", {"codes", "scales"}, {"w"});
  builder.node("MatMul", {"x", "w"}, {"y"});
  builder.output("y");
  EXPECT_THAT(evaluate(builder).values, ElementsAre((63 * 3 - 128) * 0.5));
  mlir::Attribute weight = raisedWeight();
  std::vector<EncodedRow> rows = WeightReader(*module_).readGroups(weight, *findScheme("int8"), 0, 1);
  EXPECT_EQ(rows[0].codes[5], -127);
  EXPECT_EQ(rows[0].scales[0], halfFromFloat(64.0f / 127));
  EXPECT_EQ(rows[0].codes[32], 3);
  EXPECT_EQ(rows[0].scales[1], halfFromFloat(0.5f));
}

TEST_F(OnnxQuantizedWeights, GroupsKeepTheirCodesAroundAnyZeroPointWhereInt8HasThem) {
  OnnxBuilder builder;
  give(builder, {"1", "64"}, std::vector<double>(64, 1));
  std::vector<int> codes(64, 123);
  codes[5] = 255;
  bytes(builder, "codes", onnx::TensorProto::UINT8, {64, 1}, codes);
  builder.floats("scales", {}, {0.5f});
  bytes(builder, "zero", onnx::TensorProto::UINT8, {}, {120});
  builder.node("DequantizeLinear", {"codes", "scales", "zero"}, {"w"});
  builder.node("MatMul", {"x", "w"}, {"y"});
  builder.output("y");
  EXPECT_THAT(evaluate(builder).values, ElementsAre((63 * 3 + 135) * 0.5));
  mlir::Attribute weight = raisedWeight();
  std::vector<EncodedRow> rows = WeightReader(*module_).readGroups(weight, *findScheme("int8"), 0, 1);
  EXPECT_EQ(rows[0].codes[5], 127);
  EXPECT_EQ(rows[0].scales[0], halfFromFloat(67.5f / 127));
  EXPECT_EQ(rows[0].codes[32], 3);
  EXPECT_EQ(rows[0].scales[1], halfFromFloat(0.5f));
}

/// y = x w as tools for dynamic quantization write it, w [64, 2] of int8 with one scale.
class OnnxDynamicQuantization : public OnnxQuantizedWeights {
protected:
  OnnxDynamicQuantization() {
    for (int& code : codes_)
      code = random(-127, 127);
    std::vector<double> x(64);
    for (double& value : x)
      value = random(-64, 64) / 16.0;
    give(builder_, {"1", "64"}, x);
    bytes(builder_, "w", onnx::TensorProto::INT8, {64, 2}, codes_);
    builder_.floats("w.scale", {}, {0.3f});
    bytes(builder_, "w.zero", onnx::TensorProto::INT8, {}, {0});
  }

  void expectTheProductOfFloats(const tfm::Array& y) {
    for (int column = 0; column < 2; ++column) {
      double sum = 0;
      for (int i = 0; i < 64; ++i)
        sum += x_[i] * codes_[i * 2 + column];
      EXPECT_FLOAT_EQ(static_cast<float>(y.values[column]), static_cast<float>(sum) * 0.3f);
    }
    mlir::Attribute weight = raisedWeight();
    const Scheme& scheme = *findScheme("int8");
    WeightReader reader(*module_);
    ASSERT_TRUE(reader.hasGroups(weight, scheme));
    std::vector<EncodedRow> rows = reader.readGroups(weight, scheme, 0, 2);
    for (int i = 0; i < 128; ++i)
      EXPECT_EQ(rows[i % 2].codes[i / 2], codes_[i]);
    EXPECT_EQ(rows[1].scales[1], halfFromFloat(1));
    module_->walk([](tfm::ReduceOp op) { ADD_FAILURE() << "the range of the activations is still computed"; });
  }

  OnnxBuilder builder_;
  std::vector<int> codes_ = std::vector<int>(128);
};

TEST_F(OnnxDynamicQuantization, OfSeveralNodesIsALinear) {
  builder_.node("DynamicQuantizeLinear", {"x"}, {"q", "s", "z"});
  builder_.node("Mul", {"s", "w.scale"}, {"scale"});
  builder_.node("MatMulInteger", {"q", "w", "z", "w.zero"}, {"i"});
  OnnxBuilder::set(builder_.node("Cast", {"i"}, {"f"}), "to", int64_t(onnx::TensorProto::FLOAT));
  builder_.node("Mul", {"f", "scale"}, {"y"});
  builder_.output("y");
  expectTheProductOfFloats(evaluate(builder_));
}

TEST_F(OnnxDynamicQuantization, OfOneNodeIsALinear) {
  builder_.node("DynamicQuantizeMatMul", {"x", "w", "w.scale", "w.zero"}, {"y"}).set_domain("com.microsoft");
  builder_.output("y");
  expectTheProductOfFloats(evaluate(builder_));
}

TEST_F(OnnxDynamicQuantization, OfTwoNodesIsALinear) {
  builder_.node("DynamicQuantizeLinear", {"x"}, {"q", "s", "z"});
  builder_.node("MatMulIntegerToFloat", {"q", "w", "s", "w.scale", "z", "w.zero"}, {"y"}).set_domain("com.microsoft");
  builder_.output("y");
  expectTheProductOfFloats(evaluate(builder_));
}

TEST_F(OnnxDynamicQuantization, TheIntegersThemselvesAreExact) {
  builder_.node("DynamicQuantizeLinear", {"x"}, {"q", "s", "z"});
  builder_.node("MatMulInteger", {"q", "w", "z", "w.zero"}, {"y"});
  builder_.output("y");
  tfm::Array y = evaluate(builder_);
  const auto [least, most] = std::minmax_element(x_.begin(), x_.end());
  const float scale = static_cast<float>(*most - *least) / 255, zero = std::nearbyint(0 - static_cast<float>(*least) / scale);
  for (int column = 0; column < 2; ++column) {
    int sum = 0;
    for (int i = 0; i < 64; ++i) {
      const float code = std::clamp(std::nearbyint(static_cast<float>(x_[i]) / scale) + zero, 0.0f, 255.0f);
      sum += static_cast<int>(code - zero) * codes_[i * 2 + column];
    }
    EXPECT_EQ(y.values[column], sum);
  }
}

}  // namespace
}  // namespace quantc
