// Decoders whose graphs take the past of a layer as one tensor [2, batch, heads, positions, width], in the forms of several exporters: each gives the very
// bits of the same model without past, whatever the chunks.
#include <random>

#include "tests/end_to_end/Programs.h"
#include "tests/import/OnnxBuilder.h"

using namespace quantc;
using namespace quantc::test;

namespace {

constexpr int64_t kLayers = 2, kHeads = 2, kWidth = 16, kModel = kHeads * kWidth, kVocabulary = 24, kPositions = 32;

enum class Form { withoutPast, huggingFace, megatron, contribUnidirectional, contribMask };

/// Two layers of attention without norms.
class Decoder {
public:
  explicit Decoder(Form form) : builder_(12), form_(form) {
    for (auto [name, value] : {std::pair{"zero", 0}, {"one", 1}})
      scalar(name, value);
    builder_.ints("first", {0});
    builder_.ints("step", {1});
    builder_.ints("rows", {2});
    builder_.ints("keys", {3});
    builder_.ints("heads", {0, 0, kHeads, kWidth});
    builder_.ints("flat", {0, 0, kModel});
    builder_.node("Shape", {"input_ids"}, {"shape"});
    builder_.node("Gather", {"shape", "one"}, {"sequence"});
    if (hasPast())
      builder_.input("position_ids", onnx::TensorProto::INT64, {"batch", "sequence"});
    else
      unsqueezed(builder_.node("Range", {"zero", "sequence", "one"}, {"range"}).output(0), "position_ids");
    weight("wte", {kVocabulary, kModel});
    weight("wpe", {kPositions, kModel});
    builder_.node("Gather", {"wte", "input_ids"}, {"tokens"});
    builder_.node("Gather", {"wpe", "position_ids"}, {"positions"});
    builder_.node("Add", {"tokens", "positions"}, {"x0"});
    addMaskInput();
    for (int64_t layer = 0; layer < kLayers; ++layer)
      addLayer(std::to_string(layer), std::to_string(layer + 1));
    weight("head", {kModel, kVocabulary});
    builder_.node("MatMul", {"x" + std::to_string(kLayers), "head"}, {"logits"});
    builder_.output("logits");
    for (int64_t layer = 0; hasPast() && layer < kLayers; ++layer)
      builder_.output("present_" + std::to_string(layer));
  }

  std::string bytes() const { return builder_.bytes(); }

private:
  bool hasPast() const { return form_ != Form::withoutPast; }
  bool isContrib() const { return form_ == Form::contribUnidirectional || form_ == Form::contribMask; }

  void scalar(const std::string& name, int64_t value) {
    builder_.initializer(name, onnx::TensorProto::INT64, {}).set_raw_data(&value, sizeof(value));
  }
  void number(const std::string& name, float value) {
    builder_.initializer(name, onnx::TensorProto::FLOAT, {}).set_raw_data(&value, sizeof(value));
  }
  void weight(const std::string& name, const std::vector<int64_t>& dims) {
    int64_t count = 1;
    for (int64_t dim : dims)
      count *= dim;
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i)
      values.push_back(static_cast<float>(std::uniform_int_distribution<int>(-1000, 1000)(random_)) / 3000);
    builder_.floats(name, dims, values);
  }
  void unsqueezed(const std::string& from, const std::string& to) {
    OnnxBuilder::set(builder_.node("Unsqueeze", {from}, {to}), "axes", std::vector<int64_t>{0});
  }
  void transposed(const std::string& from, const std::string& to, const std::vector<int64_t>& order) {
    OnnxBuilder::set(builder_.node("Transpose", {from}, {to}), "perm", order);
  }
  void concatenated(const std::vector<std::string>& from, const std::string& to, int64_t axis) {
    OnnxBuilder::set(builder_.node("Concat", from, {to}), "axis", axis);
  }

  void addMaskInput() {
    if (form_ == Form::huggingFace)
      builder_.input("attention_mask", onnx::TensorProto::FLOAT, {"batch", "past + sequence"});
    if (form_ == Form::megatron || form_ == Form::contribMask)
      builder_.input("attention_mask", onnx::TensorProto::FLOAT, {"batch", "1", std::to_string(kPositions), std::to_string(kPositions)});
    if (form_ == Form::contribMask)
      OnnxBuilder::set(builder_.node("Cast", {"attention_mask"}, {"mask_of_ints"}), "to", int64_t(onnx::TensorProto::INT32));
    number("whole", 1);
    number("least", -10000);
    number("large", 10000);
    number("scale", 4);
    number("root", 2);
    std::string lower;
    for (int64_t i = 0; i < kPositions; ++i)
      for (int64_t j = 0; j < kPositions; ++j)
        lower.push_back(static_cast<char>(j <= i));
    builder_.initializer("lower", onnx::TensorProto::UINT8, {1, 1, kPositions, kPositions}).set_raw_data(lower);
  }

  void addLayer(const std::string& layer, const std::string& next) {
    const std::string x = "x" + layer, past = "past_" + layer;
    if (hasPast())
      builder_.input(past, onnx::TensorProto::FLOAT, {"2", "batch", std::to_string(kHeads), "past", std::to_string(kWidth)});
    weight("w" + layer, {kModel, 3 * kModel});
    weight("b" + layer, {3 * kModel});
    if (isContrib()) {
      const std::string mask = form_ == Form::contribMask ? "mask_of_ints" : "";
      onnx::NodeProto& node = builder_.node("Attention", {x, "w" + layer, "b" + layer, mask, past}, {"joined" + layer, "present_" + layer});
      node.set_domain("com.microsoft");
      OnnxBuilder::set(node, "num_heads", kHeads);
      OnnxBuilder::set(node, "unidirectional", int64_t(form_ == Form::contribUnidirectional));
    } else {
      addAttention(layer);
    }
    weight("p" + layer, {kModel, kModel});
    builder_.node("MatMul", {"joined" + layer, "p" + layer}, {"projected" + layer});
    builder_.node("Add", {x, "projected" + layer}, {"middle" + layer});
    weight("u" + layer, {kModel, 2 * kModel});
    weight("d" + layer, {2 * kModel, kModel});
    builder_.node("MatMul", {"middle" + layer, "u" + layer}, {"up" + layer});
    builder_.node("Relu", {"up" + layer}, {"inner" + layer});
    builder_.node("MatMul", {"inner" + layer, "d" + layer}, {"down" + layer});
    builder_.node("Add", {"middle" + layer, "down" + layer}, {"x" + next});
  }

  void addAttention(const std::string& layer) {
    auto at = [&](const char* name) { return name + layer; };
    builder_.node("MatMul", {at("x"), at("w")}, {at("product")});
    builder_.node("Add", {at("product"), at("b")}, {at("qkv")});
    OnnxBuilder::set(builder_.node("Split", {at("qkv")}, {at("q"), at("k"), at("v")}), "axis", int64_t(2));
    for (const char* part : {"q", "k", "v"}) {
      builder_.node("Reshape", {at(part), "heads"}, {at(part) + "apart"});
      transposed(at(part) + "apart", at(part) + "rows", {0, 2, 1, 3});
    }
    addPast(layer);
    std::string query = at("q") + "rows";
    if (form_ == Form::megatron) {
      builder_.node("Div", {query, "root"}, {at("halfquery")});
      builder_.node("Div", {at("turned"), "root"}, {at("halfkeys")});
      builder_.node("MatMul", {at("halfquery"), at("halfkeys")}, {at("scores")});
    } else {
      builder_.node("MatMul", {query, at("turned")}, {at("unscaled")});
      builder_.node("Div", {at("unscaled"), "scale"}, {at("scores")});
    }
    addMask(layer);
    OnnxBuilder::set(builder_.node("Softmax", {at("masked")}, {at("weights")}), "axis", int64_t(3));
    builder_.node("MatMul", {at("weights"), at("values")}, {at("result")});
    transposed(at("result"), at("moved"), {0, 2, 1, 3});
    builder_.node("Reshape", {at("moved"), "flat"}, {at("joined")});
  }

  /// keys as `turned` [batch, heads, width, positions], `values`, and the present tensor.
  void addPast(const std::string& layer) {
    auto at = [&](const char* name) { return name + layer; };
    const std::string key = at("k") + "rows", value = at("v") + "rows";
    if (form_ == Form::withoutPast) {
      transposed(key, at("turned"), {0, 1, 3, 2});
      builder_.node("Identity", {value}, {at("values")});
      return;
    }
    if (form_ == Form::huggingFace) {  // keys are put together the other way round
      builder_.node("Gather", {at("past_"), "zero"}, {at("pastkeys")});
      builder_.node("Gather", {at("past_"), "one"}, {at("pastvalues")});
      transposed(at("pastkeys"), at("pastturned"), {0, 1, 3, 2});
      transposed(at("k") + "apart", at("keyturned"), {0, 2, 3, 1});
      concatenated({at("pastturned"), at("keyturned")}, at("turned"), -1);
      transposed(at("turned"), at("keys"), {0, 1, 3, 2});
    } else {
      OnnxBuilder::set(builder_.node("Split", {at("past_")}, {at("firsthalf"), at("secondhalf")}), "axis", int64_t(0));
      OnnxBuilder::set(builder_.node("Squeeze", {at("firsthalf")}, {at("pastkeys")}), "axes", std::vector<int64_t>{0});
      OnnxBuilder::set(builder_.node("Squeeze", {at("secondhalf")}, {at("pastvalues")}), "axes", std::vector<int64_t>{0});
      concatenated({at("pastkeys"), key}, at("keys"), -2);
      transposed(at("keys"), at("turned"), {0, 1, 3, 2});
    }
    concatenated({at("pastvalues"), value}, at("values"), -2);
    unsqueezed(at("keys"), at("keyhalf"));
    unsqueezed(at("values"), at("valuehalf"));
    concatenated({at("keyhalf"), at("valuehalf")}, at("present_"), 0);
  }

  /// `masked` of `scores`.
  void addMask(const std::string& layer) {
    auto at = [&](const char* name) { return name + layer; };
    builder_.node("Shape", {at("scores")}, {at("scoreshape")});
    for (auto [name, axis] : {std::pair{"total", 3}, {"queries", 2}}) {
      scalar(at(name) + "axis", axis);
      builder_.node("Gather", {at("scoreshape"), at(name) + "axis"}, {at(name)});
      unsqueezed(at(name), at(name) + "end");
    }
    builder_.node("Sub", {at("total") + "end", at("queries") + "end"}, {at("begin")});
    const std::string table = form_ == Form::megatron ? "attention_mask" : "lower";
    builder_.node("Slice", {table, at("begin"), at("total") + "end", "rows", "step"}, {at("rowsof")});
    builder_.node("Slice", {at("rowsof"), "first", at("total") + "end", "keys", "step"}, {at("mask")});
    if (form_ == Form::megatron) {
      builder_.node("Mul", {at("scores"), at("mask")}, {at("kept")});
      builder_.node("Sub", {"whole", at("mask")}, {at("hides")});
      builder_.node("Mul", {at("hides"), "large"}, {at("hidden")});
      builder_.node("Sub", {at("kept"), at("hidden")}, {at("masked")});
      return;
    }
    OnnxBuilder::set(builder_.node("Cast", {at("mask")}, {at("sees")}), "to", int64_t(onnx::TensorProto::BOOL));
    builder_.node("Where", {at("sees"), at("scores"), "least"}, {at(hasPast() ? "causal" : "masked")});
    if (!hasPast())
      return;
    OnnxBuilder::set(builder_.node("Unsqueeze", {"attention_mask"}, {at("wide")}), "axes", std::vector<int64_t>{1, 2});
    builder_.node("Sub", {"whole", at("wide")}, {at("pads")});
    builder_.node("Mul", {at("pads"), "least"}, {at("padding")});
    builder_.node("Add", {at("causal"), at("padding")}, {at("masked")});
  }

  OnnxBuilder builder_;
  const Form form_;
  std::mt19937 random_{5};
};

std::string hashOf(const TemporaryFolder& folder, Form form, const char* chunk) {
  const auto model = folder.write("model.onnx", Decoder(form).bytes()), artifact = folder.path() / "model.qc";
  compile(model, "f32", "host", artifact, {"--context=" + std::to_string(kPositions)});
  if (testing::Test::HasFatalFailure())
    return "not compiled";
  ProcessResult run = runProcess({builtProgram("quantc-run"), artifact.string(), "--ids", "3,1,20,7,9,2,11", "--max-tokens", "12",
                                  "--temperature", "0", "--chunk", chunk, "--logits-hash"});
  EXPECT_EQ(run.exitCode, 0) << run.err;
  return run.out;
}

TEST(StackedPast, GivesTheBitsOfTheModelWithoutPast) {
  TemporaryFolder folder;
  const std::string expected = hashOf(folder, Form::withoutPast, "7");
  EXPECT_EQ(expected.size(), 65u) << expected;
  for (Form form : {Form::huggingFace, Form::megatron, Form::contribUnidirectional, Form::contribMask})
    for (const char* chunk : {"7", "3", "1"})
      EXPECT_EQ(hashOf(folder, form, chunk), expected) << "form " << static_cast<int>(form) << ", chunks of " << chunk;
}

}  // namespace
