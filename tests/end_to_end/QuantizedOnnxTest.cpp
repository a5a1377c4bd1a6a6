// A quantized graph from its file to its outputs: what it computes is what its codes and scales say, and its codes are not quantized again.
#include <cmath>
#include <random>

#include "compiler/evaluate/Artifact.h"
#include "dialects/schemes/Scheme.h"
#include "tests/end_to_end/Programs.h"
#include "tests/import/OnnxBuilder.h"

using namespace quantc;
using namespace quantc::test;

namespace {

constexpr int kRows = 5, kIn = 64, kInner = 96, kOut = 40, kGroup = 32;

struct Layer {
  std::vector<int> codes;     // [out, in], less their zero points
  std::vector<float> scales;  // [out, in / kGroup]
};

/// In double but for what the contract rounds: activations are int8 per group with a float32 scale (docs/numerics.md).
std::vector<double> product(const std::vector<float>& x, const Layer& layer, int in, int out) {
  std::vector<double> y;
  for (int row = 0; row < kRows; ++row)
    for (int column = 0; column < out; ++column) {
      double sum = 0;
      for (int first = 0; first < in; first += kGroup) {
        const float* group = &x[row * in + first];
        float largest = 0;
        for (int i = 0; i < kGroup; ++i)
          largest = std::max(largest, std::fabs(group[i]));
        const float inverse = largest > 0 ? 127 / largest : 0;
        double dot = 0;
        for (int i = 0; i < kGroup; ++i)
          dot += std::nearbyint(group[i] * inverse) * layer.codes[column * in + first + i];
        sum += dot * (largest / 127) * layer.scales[(column * in + first) / kGroup];
      }
      y.push_back(sum);
    }
  return y;
}

void expectNear(const std::vector<float>& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  double largest = 0;
  for (double value : expected)
    largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], expected[i], 2e-6 * largest) << i;
}

/// h = x times a weight of four bits around zero points of its own, y = relu(h) times one of int8 with a scale per column.
class QuantizedOnnx : public testing::Test {
protected:
  QuantizedOnnx() : builder_(21) {
    builder_.model.mutable_graph()->clear_input();
    builder_.input("x", onnx::TensorProto::FLOAT, {std::to_string(kRows), std::to_string(kIn)});
    addFirst();
    builder_.node("Relu", {"h"}, {"r"});
    addSecond();
    builder_.output("h");
    builder_.output("y");
    for (int i = 0; i < kRows * kIn; ++i)
      x_.push_back(static_cast<float>(number(-1000, 1000)) / 512);
  }

  int number(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }

  void addFirst() {
    std::string codes, zeros;
    for (int row = 0; row < kInner; ++row) {
      int zero[2] = {number(0, 15), number(0, 15)};
      zeros.push_back(static_cast<char>(zero[0] | zero[1] << 4));
      for (int i = 0; i < kIn; i += 2) {
        const int low = number(0, 15), high = number(0, 15);
        codes.push_back(static_cast<char>(low | high << 4));
        first_.codes.push_back(low - zero[i / kGroup]);
        first_.codes.push_back(high - zero[i / kGroup]);
      }
      for (int block = 0; block < kIn / kGroup; ++block)
        first_.scales.push_back(floatFromHalf(halfFromFloat(static_cast<float>(number(1, 1000)) / 8192)));
    }
    builder_.initializer("w", onnx::TensorProto::UINT8, {kInner, kIn / kGroup, kGroup / 2}).set_raw_data(codes);
    builder_.initializer("zeros", onnx::TensorProto::UINT8, {kInner}).set_raw_data(zeros);
    builder_.floats("scales", {kInner * kIn / kGroup}, first_.scales);
    onnx::NodeProto& node = builder_.node("MatMulNBits", {"x", "w", "scales", "zeros"}, {"h"});
    node.set_domain("com.microsoft");
    OnnxBuilder::set(node, "K", int64_t(kIn));
    OnnxBuilder::set(node, "N", int64_t(kInner));
    OnnxBuilder::set(node, "block_size", int64_t(kGroup));
  }

  void addSecond() {
    std::vector<float> scales;
    for (int column = 0; column < kOut; ++column)
      scales.push_back(static_cast<float>(number(1, 1000)) / 16384);  // ten bits: binary16 has them
    std::string codes(kInner * kOut, '\0');
    second_.codes.resize(codes.size());
    for (int column = 0; column < kOut; ++column)
      for (int i = 0; i < kInner; ++i) {
        const int code = number(-127, 127);
        codes[i * kOut + column] = static_cast<char>(code);
        second_.codes[column * kInner + i] = code;
        if (i % kGroup == 0)
          second_.scales.push_back(scales[column]);
      }
    builder_.initializer("v", onnx::TensorProto::INT8, {kInner, kOut}).set_raw_data(codes);
    builder_.floats("v.scales", {kOut}, scales);
    builder_.node("DequantizeLinear", {"v", "v.scales"}, {"v.floats"});
    builder_.node("MatMul", {"r", "v.floats"}, {"y"});
  }

  std::mt19937 random_{11};
  OnnxBuilder builder_;
  Layer first_, second_;
  std::vector<float> x_;
};

TEST_F(QuantizedOnnx, KeepsItsCodesByDefault) {
  TemporaryFolder folder;
  const auto model = folder.write("model.onnx", builder_.bytes()), artifact = folder.path() / "model.qc";
  ProcessResult compiled = runProcess({builtProgram("quantc"), model.string(), "--target=host", "-o", artifact.string()});
  ASSERT_EQ(compiled.exitCode, 0) << compiled.err;
  std::vector<float> h, y;
  for (uint32_t threads : {1u, 3u}) {
    ArtifactRun run(artifact, "", threads);
    run.setInput("x", x_.data(), x_.size() * sizeof(float));
    run.step(1);
    if (threads > 1) {
      EXPECT_EQ(run.output("h"), h);
      EXPECT_EQ(run.output("y"), y);
    }
    h = run.output("h");
    y = run.output("y");
  }
  expectNear(h, product(x_, first_, kIn, kInner));
  std::vector<float> r(h);
  for (float& value : r)
    value = std::max(value, 0.0f);
  expectNear(y, product(r, second_, kInner, kOut));
}

TEST_F(QuantizedOnnx, DecodesToFloatsWhereThatIsWanted) {
  TemporaryFolder folder;
  const auto model = folder.write("model.onnx", builder_.bytes()), artifact = folder.path() / "model.qc";
  compile(model, "f32", "host", artifact);
  ArtifactRun run(artifact, "", 1);
  run.setInput("x", x_.data(), x_.size() * sizeof(float));
  run.step(1);
  std::vector<double> expected;
  for (int row = 0; row < kRows; ++row)
    for (int column = 0; column < kInner; ++column) {
      double sum = 0;
      for (int i = 0; i < kIn; ++i)
        sum += static_cast<double>(x_[row * kIn + i]) * first_.codes[column * kIn + i] * first_.scales[(column * kIn + i) / kGroup];
      expected.push_back(sum);
    }
  expectNear(run.output("h"), expected);
}

}  // namespace
