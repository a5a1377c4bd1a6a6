// Convolutions along a sequence of any length: compiled, against the definition.
#include <fstream>

#include <gmock/gmock.h>

#include "compiler/evaluate/Artifact.h"
#include "tests/end_to_end/Programs.h"
#include "tests/import/OnnxBuilder.h"
#include "tests/support/RandomNumbers.h"
#include "tests/support/SafetensorsWriter.h"

using namespace quantc;
using namespace quantc::test;
using testing::HasSubstr;

namespace {

constexpr int64_t kChannels = 8;

struct ConvCase {
  const char* name;
  int64_t out, kernel, groups, dilation, before, after;
  const char* automatic = nullptr;  ///< auto_pad, which gives these `before` and `after`
  bool cut = false;                 ///< the first positions, as many as there are, of the result
};

class SequenceConv : public testing::TestWithParam<ConvCase> {
protected:
  int64_t channelsOfGroup() const { return kChannels / GetParam().groups; }
  std::vector<float> weights() const { return numbers(GetParam().out * channelsOfGroup() * GetParam().kernel, 1); }
  std::vector<float> bias() const { return numbers(GetParam().out, 2); }

  /// Rows of channels in and out.
  OnnxBuilder graph() const {
    const ConvCase& c = GetParam();
    OnnxBuilder builder;
    builder.model.mutable_graph()->clear_input();
    builder.input("x", onnx::TensorProto::FLOAT, {"batch", "length", std::to_string(kChannels)});
    builder.floats("w", {c.out, channelsOfGroup(), c.kernel}, weights());
    builder.floats("b", {c.out}, bias());
    OnnxBuilder::set(builder.node("Transpose", {"x"}, {"channels"}), "perm", std::vector<int64_t>{0, 2, 1});
    onnx::NodeProto& conv = builder.node("Conv", {"channels", "w", "b"}, {"convolved"});
    OnnxBuilder::set(conv, "group", c.groups);
    OnnxBuilder::set(conv, "dilations", std::vector<int64_t>{c.dilation});
    if (c.automatic)
      OnnxBuilder::set(conv, "auto_pad", std::string(c.automatic));
    else
      OnnxBuilder::set(conv, "pads", std::vector<int64_t>{c.before, c.after});
    builder.node("Shape", {"x"}, {"shape"});
    for (int64_t i : {0, 1, 2})
      builder.ints("number" + std::to_string(i), {i});
    builder.node("Slice", {"shape", "number1", "number2", "number0"}, {"length"});
    builder.node("Slice", {"convolved", "number0", "length", "number2"}, {"first"});
    OnnxBuilder::set(builder.node("Transpose", {c.cut ? "first" : "convolved"}, {"y"}), "perm", std::vector<int64_t>{0, 2, 1});
    builder.output("y");
    return builder;
  }

  std::vector<float> expected(const std::vector<float>& x, int64_t length) const {
    const ConvCase& c = GetParam();
    const std::vector<float> w = weights(), b = bias();
    const int64_t places = c.cut ? length : length + c.before + c.after - (c.kernel - 1) * c.dilation;
    std::vector<float> y;
    for (int64_t place = 0; place < places; ++place)
      for (int64_t o = 0; o < c.out; ++o) {
        double sum = b[o];
        for (int64_t i = 0; i < channelsOfGroup(); ++i)
          for (int64_t k = 0; k < c.kernel; ++k) {
            const int64_t position = place - c.before + k * c.dilation, channel = o / (c.out / c.groups) * channelsOfGroup() + i;
            if (position >= 0 && position < length)
              sum += double(w[(o * channelsOfGroup() + i) * c.kernel + k]) * x[position * kChannels + channel];
          }
        y.push_back(static_cast<float>(sum));
      }
    return y;
  }
};

TEST_P(SequenceConv, IsThatOfItsDefinitionForEveryLength) {
  TemporaryFolder temporary;
  const std::filesystem::path graph = temporary.write("model.onnx", this->graph().bytes()), artifact = temporary.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(graph, "f32", "host", artifact, {"--context=40"}));
  ArtifactRun single(artifact, "", 1), several(artifact, "", 3);
  for (int64_t length : {40, 1, 2, 13}) {
    const std::vector<float> x = numbers(length * kChannels, static_cast<uint32_t>(length));
    for (ArtifactRun* run : {&single, &several}) {
      run->setInput("x", x.data(), x.size() * sizeof(float));
      run->restart();
      run->step(static_cast<size_t>(length));
    }
    const std::vector<float> y = single.output("y");
    EXPECT_THAT(y, testing::Pointwise(testing::FloatNear(1e-5f), expected(x, length))) << length;
    EXPECT_EQ(y, several.output("y")) << length;
  }
}

TEST(SequenceGather, OfNumbersThatCountUpIsAView) {
  // Every position with the two before it, as exporters write `unfold`: places 2 i + 0, 1, 2 of twice as many rows with padding.
  OnnxBuilder builder;
  builder.model.mutable_graph()->clear_input();
  builder.input("x", onnx::TensorProto::FLOAT, {"batch", "length", "4"});
  builder.floats("zeros", {1, 1, 4}, {0, 0, 0, 0});
  OnnxBuilder::set(builder.node("Concat", {"zeros", "x", "x"}, {"padded"}), "axis", int64_t(1));
  for (int64_t i : {0, 1, 2})
    builder.ints("number" + std::to_string(i), {i});
  builder.node("Shape", {"x"}, {"shape"});
  builder.node("Slice", {"shape", "number1", "number2", "number0"}, {"length"});
  for (const std::string name : {"length", "number0", "number1"})
    builder.node("Squeeze", {name}, {name + ".scalar"});
  builder.node("Range", {"number0.scalar", "length.scalar", "number1.scalar"}, {"positions"});
  builder.node("Unsqueeze", {"positions", "number0"}, {"columns"});
  builder.node("Mul", {"columns", "number2"}, {"places"});
  builder.initializer("taps", onnx::TensorProto::INT64, {3, 1}).set_raw_data(bytesOfValues(std::vector<int64_t>{0, 1, 2}));
  builder.node("Add", {"places", "taps"}, {"indices"});
  OnnxBuilder::set(builder.node("Gather", {"padded", "indices"}, {"taken"}), "axis", int64_t(1));
  OnnxBuilder::set(builder.node("Transpose", {"taken"}, {"y"}), "perm", std::vector<int64_t>{0, 2, 1, 3});
  builder.output("y");
  TemporaryFolder temporary;
  const std::filesystem::path graph = temporary.write("model.onnx", builder.bytes()), artifact = temporary.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(graph, "f32", "host", artifact, {"--context=9"}));
  ArtifactRun run(artifact, "", 2);
  for (int64_t length : {9, 1, 4}) {
    const std::vector<float> x = numbers(length * 4, 5);
    std::vector<float> padded(4, 0), expected;
    padded.insert(padded.end(), x.begin(), x.end());
    padded.insert(padded.end(), x.begin(), x.end());
    for (int64_t place = 0; place < length; ++place)
      expected.insert(expected.end(), padded.begin() + place * 8, padded.begin() + place * 8 + 12);
    run.setInput("x", x.data(), x.size() * sizeof(float));
    run.restart();
    run.step(static_cast<size_t>(length));
    EXPECT_EQ(run.output("y"), expected) << length;
  }
  ProcessResult lowered = runProcess({builtProgram("quantc"), graph.string(), "--quant=f32", "--context=9", "--quiet", "--compile-to=lower",
                                      "-o", (temporary.path() / "lower.mlir").string()});
  ASSERT_EQ(lowered.exitCode, 0) << lowered.err;
  std::ifstream file(temporary.path() / "lower.mlir");
  const std::string calls((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(calls, HasSubstr("kern.call"));
  EXPECT_THAT(calls, testing::Not(HasSubstr("gather")));
}

INSTANTIATE_TEST_SUITE_P(Cases, SequenceConv,
                         testing::Values(ConvCase{"CausalDepthwise", 8, 4, 8, 1, 3, 3, nullptr, true},
                                         ConvCase{"GroupsOfOnePosition", 12, 1, 4, 1, 0, 0}, ConvCase{"GroupsWithGaps", 6, 3, 2, 2, 2, 2},
                                         ConvCase{"GapsAndPaddingBefore", 5, 3, 1, 3, 6, 0}, ConvCase{"MuchPadding", 8, 2, 1, 1, 3, 2},
                                         ConvCase{"PaddedByItself", 16, 4, 8, 1, 1, 2, "SAME_UPPER"},
                                         ConvCase{"PaddedByItselfBefore", 8, 2, 2, 3, 2, 1, "SAME_LOWER"},
                                         ConvCase{"Windows", 8, 3, 1, 1, 1, 1}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
