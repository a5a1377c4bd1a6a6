// A mixture of experts as PyTorch's exporter writes the loop over them, in the form of Mixtral and Qwen: for each expert, `torch.where` of the slots and
// tokens that chose it, their rows through its MLP, and `index_add_`. Compared with the sum over the chosen experts, in double. Parameters are the inner width -
// experts whose rows fill whole tiles are computed where they are chosen, others for every token - and whether the router is DeepSeek-V3's: sigmoids, with a
// correction for the choice alone, and experts with a bias.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "compiler/evaluate/Artifact.h"
#include "tests/end_to_end/Programs.h"
#include "tests/import/OnnxBuilder.h"

using namespace quantc;
using namespace quantc::test;

namespace {

constexpr int64_t kExperts = 4, kChosen = 2, kWidth = 32, kVocabulary = 40, kWholeTiles = 48, kPartsOfTiles = 40;

struct Form {
  int64_t inner;
  bool sigmoid;
};

void PrintTo(const Form& form, std::ostream* out) { *out << form.inner << (form.sigmoid ? " by sigmoid" : ""); }

class TracedMixture : public testing::TestWithParam<Form> {
protected:
  TracedMixture() : builder_(17) {
    builder_.ints("axis0", {0});
    builder_.ints("axis1", {1});
    builder_.ints("k", {kChosen});
    builder_.ints("rows", {-1, kWidth});
    builder_.ints("batch", {1, -1, kWidth});
    builder_.ints("values", {0, 1});
    number("depth", kExperts);
    weight("embedding", {kVocabulary, kWidth});
    weight("router", {kWidth, kExperts});
    builder_.node("Gather", {"embedding", "input_ids"}, {"embedded"});
    builder_.node("Reshape", {"embedded", "rows"}, {"hidden"});
    builder_.node("MatMul", {"hidden", "router"}, {"scores"});
    if (GetParam().sigmoid) {
      builder_.node("Sigmoid", {"scores"}, {"probabilities"});
      weight("correction", {1, kExperts});
      builder_.node("Add", {"probabilities", "correction"}, {"corrected"});
      builder_.node("TopK", {"corrected", "k"}, {"largest", "chosen"});
      set(builder_.node("GatherElements", {"probabilities", "chosen"}, {"weights"}), "axis", 1);
    } else {
      set(builder_.node("Softmax", {"scores"}, {"probabilities"}), "axis", -1);
      builder_.node("TopK", {"probabilities", "k"}, {"weights", "chosen"});
    }
    builder_.node("ReduceSum", {"weights", "axis1"}, {"sum"});
    builder_.node("Div", {"weights", "sum"}, {"normalized"});
    set(builder_.node("OneHot", {"chosen", "depth", "values"}, {"onehot"}), "axis", -1);
    OnnxBuilder::set(builder_.node("Transpose", {"onehot"}, {"masks"}), "perm", std::vector<int64_t>{2, 1, 0});
    builder_.node("Shape", {"hidden"}, {"shape"});
    builder_.node("ConstantOfShape", {"shape"}, {"result0"});
    for (int64_t expert = 0; expert < kExperts; ++expert)
      addExpert(std::to_string(expert), std::to_string(expert + 1));
    builder_.node("Reshape", {"result" + std::to_string(kExperts), "batch"}, {"y"});
    builder_.output("y");
  }

  static void set(onnx::NodeProto& node, const char* name, int64_t value) { OnnxBuilder::set(node, name, value); }
  void number(const std::string& name, int64_t value) {
    builder_.initializer(name, onnx::TensorProto::INT64, {}).set_raw_data(&value, sizeof(value));
  }
  void weight(const std::string& name, const std::vector<int64_t>& dims) {
    std::vector<float>& values = weights_[name];
    for (int64_t i = 0; i < dims[0] * dims[1]; ++i)
      values.push_back(static_cast<float>(std::uniform_int_distribution<int>(-1000, 1000)(random_)) / 1500);
    builder_.floats(name, dims, values);
  }

  void addExpert(const std::string& e, const std::string& next) {
    auto at = [&](const char* name) { return name + e; };
    number(at("number"), std::stoll(e));
    builder_.node("Gather", {"masks", at("number")}, {at("mask")});  // [slots, tokens]
    builder_.node("NonZero", {at("mask")}, {at("found")});
    OnnxBuilder::set(builder_.node("Transpose", {at("found")}, {at("tuples")}), "perm", std::vector<int64_t>{1, 0});
    set(builder_.node("Split", {at("tuples")}, {at("slots"), at("tokens")}), "axis", 1);
    builder_.node("Squeeze", {at("tokens"), "axis1"}, {at("token")});
    builder_.node("Unsqueeze", {"hidden", "axis0"}, {at("batched")});
    set(builder_.node("Gather", {at("batched"), at("token")}, {at("gathered")}), "axis", 1);
    builder_.node("Reshape", {at("gathered"), "rows"}, {at("state")});
    weight(at("gate"), {kWidth, GetParam().inner});
    weight(at("up"), {kWidth, GetParam().inner});
    weight(at("down"), {GetParam().inner, kWidth});
    builder_.node("MatMul", {at("state"), at("gate")}, {at("g")});
    builder_.node("Sigmoid", {at("g")}, {at("s")});
    builder_.node("Mul", {at("g"), at("s")}, {at("silu")});
    builder_.node("MatMul", {at("state"), at("up")}, {at("u")});
    builder_.node("Mul", {at("silu"), at("u")}, {at("inner")});
    builder_.node("MatMul", {at("inner"), at("down")}, {GetParam().sigmoid ? at("product") : at("out")});
    if (GetParam().sigmoid) {
      std::vector<float>& bias = weights_[at("bias")];
      for (int64_t i = 0; i < kWidth; ++i)
        bias.push_back(static_cast<float>(i % 5) - static_cast<float>(std::stoll(e)));
      builder_.floats(at("bias"), {kWidth}, bias);
      builder_.node("Add", {at("product"), at("bias")}, {at("out")});
    }
    set(builder_.node("Concat", {at("tokens"), at("slots")}, {at("pairs")}), "axis", 1);
    builder_.node("GatherND", {"normalized", at("pairs")}, {at("factor")});
    builder_.node("Unsqueeze", {at("factor"), "axis1"}, {at("column")});
    builder_.node("Mul", {at("out"), at("column")}, {at("scaled")});
    builder_.node("Shape", {at("scaled")}, {at("extent")});
    builder_.node("Expand", {at("tokens"), at("extent")}, {at("places")});
    onnx::NodeProto& scatter = builder_.node("ScatterElements", {at("result"), at("places"), at("scaled")}, {"result" + next});
    set(scatter, "axis", 0);
    OnnxBuilder::set(scatter, "reduction", std::string("add"));
  }

  std::vector<double> times(const std::vector<double>& x, const std::string& name, int64_t columns) const {
    const std::vector<float>& w = weights_.at(name);
    std::vector<double> y(columns, 0);
    for (size_t i = 0; i < x.size(); ++i)
      for (int64_t j = 0; j < columns; ++j)
        y[j] += x[i] * w[i * columns + j];
    return y;
  }

  std::vector<double> expected(int32_t id) const {
    const float* row = &weights_.at("embedding")[id * kWidth];
    const std::vector<double> x(row, row + kWidth), scores = times(x, "router", kExperts);
    std::vector<int64_t> order(kExperts);
    std::vector<double> shares, by(scores);
    for (int64_t i = 0; i < kExperts; ++i)
      if (GetParam().sigmoid) {
        shares.push_back(1 / (1 + std::exp(-scores[i])));
        by[i] = shares[i] + weights_.at("correction")[i];
      } else {
        shares.push_back(std::exp(scores[i]));
      }
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return by[a] > by[b]; });
    double sum = 0;
    for (int64_t i = 0; i < kChosen; ++i)
      sum += shares[order[i]];
    std::vector<double> y(kWidth, 0);
    for (int64_t i = 0; i < kChosen; ++i) {
      const std::string e = std::to_string(order[i]);
      std::vector<double> g = times(x, "gate" + e, GetParam().inner), u = times(x, "up" + e, GetParam().inner);
      for (int64_t j = 0; j < GetParam().inner; ++j)
        g[j] = g[j] / (1 + std::exp(-g[j])) * u[j];
      const std::vector<double> out = times(g, "down" + e, kWidth);
      for (int64_t j = 0; j < kWidth; ++j)
        y[j] += (out[j] + (GetParam().sigmoid ? weights_.at("bias" + e)[j] : 0)) * shares[order[i]] / sum;
    }
    return y;
  }

  OnnxBuilder builder_;
  std::mt19937 random_{3};
  std::map<std::string, std::vector<float>> weights_;
};

TEST_P(TracedMixture, SumsWhatTheChosenExpertsGive) {
  TemporaryFolder folder;
  const auto model = folder.write("model.onnx", builder_.bytes()), artifact = folder.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(model, "f32", "host", artifact, {"--context=16"}));
  const std::vector<int32_t> ids = {3, 17, 0, 39, 22, 8, 8, 11};
  for (size_t count : {ids.size(), size_t(1), size_t(3)}) {
    ArtifactRun run(artifact, "", 2);
    run.setInput("input_ids", ids.data(), count * sizeof(int32_t));
    run.step(count);
    const std::vector<float> y = run.output("y");
    ASSERT_EQ(y.size(), count * kWidth);
    for (size_t t = 0; t < count; ++t) {
      const std::vector<double> right = expected(ids[t]);
      for (int64_t j = 0; j < kWidth; ++j)
        EXPECT_NEAR(y[t * kWidth + j], right[j], 1e-4) << "token " << t << " of " << count << ", " << j;
    }
  }
}

TEST_P(TracedMixture, ReadsChosenExpertsAloneWhereTheyAreWholeTiles) {
  TemporaryFolder folder;
  const auto model = folder.write("model.onnx", builder_.bytes()), artifact = folder.path() / "model.qc";
  ASSERT_NO_FATAL_FAILURE(compile(model, "int8", "host", artifact, {"--context=16"}));
  ProcessResult inspected = runProcess({builtProgram("quantc"), "inspect", artifact.string()});
  ASSERT_EQ(inspected.exitCode, 0) << inspected.err;
  for (const char* kernel : {"qc_top_k_count4_k2_normalize1", "_experts4_", "qc_combine_k2"})
    if (!GetParam().sigmoid || kernel[0] == '_') {  // whose choice is the graph's own
      EXPECT_EQ(inspected.out.find(kernel) != std::string::npos, GetParam().inner == kWholeTiles) << kernel;
    }
}

INSTANTIATE_TEST_SUITE_P(Inner, TracedMixture,
                         testing::Values(Form{kWholeTiles, false}, Form{kPartsOfTiles, false}, Form{kWholeTiles, true},
                                         Form{kPartsOfTiles, true}));

}  // namespace
