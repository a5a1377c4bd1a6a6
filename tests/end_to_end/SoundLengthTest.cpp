// Models that take samples, of which convolutions with strides make positions: compiled for any length, against the definition.
#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>

#include "compiler/evaluate/Artifact.h"
#include "tests/end_to_end/Programs.h"
#include "tests/end_to_end/SoundFile.h"
#include "tests/import/OnnxBuilder.h"
#include "tests/support/RandomNumbers.h"

using namespace quantc;
using namespace quantc::test;

namespace {

constexpr int64_t kWidth = 8;

struct Step {
  int64_t in, kernel, stride, padding, groups;
};
/// Two make positions of samples; what follows adds one, which is cut off again, as a positional convolution of an even kernel does.
constexpr Step kSteps[] = {{1, 5, 3, 0, 1}, {kWidth, 3, 2, 0, 1}, {kWidth, 4, 1, 2, 4}};

std::vector<float> weightsOf(size_t i) { return numbers(kWidth * kSteps[i].in / kSteps[i].groups * kSteps[i].kernel, i + 1); }

/// Channels before positions.
std::vector<double> convolved(size_t i, const std::vector<double>& x) {
  const Step& step = kSteps[i];
  const std::vector<float> weights = weightsOf(i);
  const int64_t length = static_cast<int64_t>(x.size()) / step.in, places = (length + 2 * step.padding - step.kernel) / step.stride + 1;
  const int64_t inputs = step.in / step.groups, outputs = kWidth / step.groups;
  std::vector<double> y(kWidth * places, 0);
  for (int64_t at = 0; at < kWidth * places; ++at)
    for (int64_t c = 0; c < inputs; ++c)
      for (int64_t k = 0; k < step.kernel; ++k)
        if (int64_t position = at % places * step.stride + k - step.padding; position >= 0 && position < length)
          y[at] += weights[(at / places * inputs + c) * step.kernel + k] * x[(at / places / outputs * inputs + c) * length + position];
  return y;
}

/// A row for every position, to which its number is added.
std::vector<float> expected(const std::vector<float>& samples, int64_t positions) {
  const std::vector<double> heard = convolved(1, convolved(0, {samples.begin(), samples.end()})), more = convolved(2, heard);
  EXPECT_EQ(heard.size(), static_cast<size_t>(kWidth * positions));
  EXPECT_EQ(more.size(), static_cast<size_t>(kWidth * (positions + 1)));
  std::vector<float> rows;
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t c = 0; c < kWidth; ++c)
      rows.push_back(static_cast<float>(heard[c * positions + p] + more[c * (positions + 1) + p] + static_cast<double>(p)));
  return rows;
}

OnnxBuilder graph() {
  OnnxBuilder builder;
  builder.model.mutable_graph()->clear_input();
  builder.input("input_values", onnx::TensorProto::FLOAT, {"batch", "samples"});
  for (int64_t i : {-1, 0, 1, 2})
    builder.ints("n" + std::to_string(i), {i});
  builder.node("Unsqueeze", {"input_values", "n1"}, {"x0"});
  for (size_t i : {0, 1, 2}) {
    const std::string number = std::to_string(i), input = "x" + number;
    const Step& step = kSteps[i];
    builder.floats("w" + number, {kWidth, step.in / step.groups, step.kernel}, weightsOf(i));
    onnx::NodeProto& conv = builder.node("Conv", {input, "w" + number}, {"x" + std::to_string(i + 1)});
    OnnxBuilder::set(conv, "strides", std::vector<int64_t>{step.stride});
    OnnxBuilder::set(conv, "pads", std::vector<int64_t>{step.padding, step.padding});
    OnnxBuilder::set(conv, "group", step.groups);
  }
  builder.node("Slice", {"x3", "n0", "n-1", "n2"}, {"cut"});
  // As many numbers as positions, which an exporter counts for a mask: there is a negative number of none.
  builder.node("Shape", {"x2"}, {"shape"});
  builder.node("Gather", {"shape", "n2"}, {"length"});
  for (const std::string name : {"length", "n0", "n1"})
    builder.node("Squeeze", {name}, {name + ".scalar"});
  builder.node("Range", {"n0.scalar", "length.scalar", "n1.scalar"}, {"counted"});
  OnnxBuilder::set(builder.node("Cast", {"counted"}, {"places"}), "to", int64_t(onnx::TensorProto::FLOAT));
  builder.node("Add", {"x2", "cut"}, {"sum"});
  builder.node("Add", {"sum", "places"}, {"channels"});
  OnnxBuilder::set(builder.node("Transpose", {"channels"}, {"logits"}), "perm", std::vector<int64_t>{0, 2, 1});
  builder.output("logits");
  return builder;
}

TEST(SoundLength, PositionsCountAndSamplesFollow) {
  TemporaryFolder temporary;
  const std::filesystem::path model = temporary.write("model.onnx", graph().bytes()), artifact = temporary.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(model, "f32", "host", artifact, {"--context=20"}));
  ArtifactRun run(artifact, "", 2);
  for (int64_t positions : {20, 1, 7}) {
    const std::vector<float> samples = numbers(6 * positions + 5, 9);  // ((positions - 1) * 2 + 3 - 1) * 3 + 5
    run.setInput("input_values", samples.data(), samples.size() * sizeof(float));
    run.restart();
    run.step(static_cast<size_t>(positions));
    EXPECT_THAT(run.output("logits"), testing::Pointwise(testing::FloatNear(1e-4f), expected(samples, positions))) << positions;
  }
}

TEST(SoundLength, MayBeGiven) {
  TemporaryFolder temporary;
  const std::filesystem::path model = temporary.write("model.onnx", graph().bytes()), artifact = temporary.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(model, "f32", "host", artifact, {"--dim=samples=33"}));
  ArtifactRun run(artifact, "", 1);
  const std::vector<float> samples = numbers(33, 3);
  run.setInput("input_values", samples.data(), samples.size() * sizeof(float));
  run.step(1);
  EXPECT_THAT(run.output("logits"), testing::Pointwise(testing::FloatNear(1e-4f), expected(samples, 4)));
}

/// Text of the likeliest labels: equal neighbours are one, the first label is none.
TEST(SoundLength, LabelsOfASoundAreItsText) {
  const char* labels[] = {"<pad>", "<s>", "A", "B", "|", "C", "D", "E"};
  TemporaryFolder temporary;
  const std::filesystem::path artifact = temporary.path() / "model.qc";
  temporary.write("model.onnx", graph().bytes());
  temporary.write("preprocessor_config.json", R"({"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 16000})");
  temporary.write("config.json", R"({"architectures": ["Wav2Vec2ForCTC"]})");
  std::string vocabulary;
  for (int id = 0; id < kWidth; ++id)
    vocabulary += (id ? ", \"" : "\"") + std::string(labels[id]) + "\": " + std::to_string(id);
  temporary.write("vocab.json", "{" + vocabulary + "}");
  ASSERT_NO_FATAL_FAILURE(compile(temporary.path() / "model.onnx", "f32", "host", artifact, {"--context=40"}));
  std::vector<float> samples = numbers(6 * 40 + 5, 21);
  for (float& sample : samples)
    sample = sample * 0.01f + 0.5f;  // far from the mean and variance that the model hears
  const std::filesystem::path sound = temporary.write("x.wav", wavOf(samples));
  double mean = 0, variance = 0;
  for (float sample : samples)
    mean += sample / static_cast<double>(samples.size());
  for (float sample : samples)
    variance += (sample - mean) * (sample - mean) / static_cast<double>(samples.size());
  for (float& sample : samples)
    sample = static_cast<float>((sample - mean) / std::sqrt(variance + 1e-7));
  const std::vector<float> rows = expected(samples, 40);
  std::string text, ids;
  for (int64_t p = 0, before = 0; p < 40; ++p) {
    const int64_t label = std::max_element(rows.begin() + p * kWidth, rows.begin() + (p + 1) * kWidth) - rows.begin() - p * kWidth;
    if (label != before && label != 0) {
      ids += (ids.empty() ? "" : ",") + std::to_string(label);
      if (label != 1 && !(label == 4 && text.empty()))
        text += label == 4 ? " " : labels[label];
    }
    before = label;
  }
  ASSERT_THAT(text, testing::HasSubstr(" "));
  text.resize(text.find_last_not_of(' ') + 1);
  const auto heard = [&](const std::vector<std::string>& more) {
    std::vector<std::string> command = {builtProgram("quantc-run"), artifact.string(), "--audio", sound.string()};
    command.insert(command.end(), more.begin(), more.end());
    return runProcess(command);
  };
  EXPECT_EQ(heard({"--print-ids"}).out, ids + "\n");
  EXPECT_EQ(heard({}).out, text + "\n") << heard({}).err;
  // A fixed length is heard too, with silence behind the sound.
  ASSERT_NO_FATAL_FAILURE(compile(temporary.path() / "model.onnx", "f32", "host", artifact, {"--dim=samples=245"}));
  EXPECT_EQ(heard({}).out, text + "\n") << heard({}).err;
  ASSERT_NO_FATAL_FAILURE(compile(temporary.path() / "model.onnx", "f32", "host", artifact, {"--context=39"}));
  EXPECT_THAT(heard({}).err, testing::HasSubstr("has 245 samples, expected 1 to 239; cut the sound or compile with a larger --context"));
  temporary.write("vocab.json", R"({"A": 0, "B": 1})");
  EXPECT_THAT(runProcess({builtProgram("quantc"), (temporary.path() / "model.onnx").string(), "-o", artifact.string()}).err,
              testing::HasSubstr("vocab.json: has no label '<pad>', which stands for none; correct pad_token in tokenizer_config.json"));
}

}  // namespace
