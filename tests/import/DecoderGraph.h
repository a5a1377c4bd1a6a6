// A decoder of one layer as an ONNX graph, of which a test varies what exporters vary: positions, rotation, mask, activation.
#pragma once

#include <cmath>
#include <functional>
#include <random>

#include "tests/import/OnnxBuilder.h"

namespace quantc::test {

class DecoderGraph {
public:
  static constexpr int64_t kVocabulary = 32, kWidth = 16, kHeads = 2, kHeadDim = 8;

  OnnxBuilder builder;

  /// The name of a value that the operation gives.
  std::string op(
      const std::string& type, const std::vector<std::string>& inputs,
      const std::function<void(onnx::NodeProto&)>& change = [](onnx::NodeProto&) {}) {
    const std::string name = type + std::to_string(count_++);
    change(builder.node(type, inputs, {name}));
    return name;
  }
  std::string constant(float value) {
    const std::string name = "constant" + std::to_string(count_++);
    builder.floats(name, {}, {value});
    return name;
  }
  std::string integer(int64_t value) {
    const std::string name = "integer" + std::to_string(count_++);
    builder.initializer(name, onnx::TensorProto::INT64, {}).set_raw_data(&value, sizeof value);
    return name;
  }
  std::string integers(const std::vector<int64_t>& values) {
    const std::string name = "integers" + std::to_string(count_++);
    builder.ints(name, values);
    return name;
  }
  std::string weight(const std::vector<int64_t>& dims, float scale) {
    const std::string name = "weight" + std::to_string(count_++);
    int64_t count = 1;
    for (int64_t dim : dims)
      count *= dim;
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values)
      value = scale * std::uniform_real_distribution<float>(-1, 1)(random_);
    builder.floats(name, dims, values);
    return name;
  }
  std::string cast(const std::string& value, int type) {
    return op("Cast", {value}, [&](onnx::NodeProto& node) { OnnxBuilder::set(node, "to", int64_t(type)); });
  }
  std::string concat(const std::vector<std::string>& values, int64_t axis) {
    return op("Concat", values, [&](onnx::NodeProto& node) { OnnxBuilder::set(node, "axis", axis); });
  }
  std::string transpose(const std::string& value, const std::vector<int64_t>& order) {
    return op("Transpose", {value}, [&](onnx::NodeProto& node) { OnnxBuilder::set(node, "perm", order); });
  }
  std::string unsqueeze(const std::string& value, int64_t axis) { return op("Unsqueeze", {value, integers({axis})}); }

  /// Number of tokens, as a scalar.
  std::string length() { return op("Gather", {op("Shape", {"input_ids"}), integer(1)}); }
  /// [sequence] int64
  std::string positions() { return op("Range", {integer(0), length(), integer(1)}); }
  /// [sequence, 1] and [1, sequence] int64
  std::string queries() { return unsqueeze(positions(), 1); }
  std::string keys() { return unsqueeze(positions(), 0); }
  std::string causal() { return op("LessOrEqual", {keys(), queries()}); }
  std::string hiddenUnless(const std::string& condition, float hidden = -3.4e38f) {
    return op("Where", {condition, constant(0), constant(hidden)});
  }
  /// The causal keys that are less than `window` behind their query.
  std::string windowed(int64_t window) { return op("And", {causal(), op("Less", {op("Sub", {queries(), keys()}), integer(window)})}); }
  /// The first rows and columns of a table [rows, rows] of what each query sees, as booleans.
  std::string table(int64_t rows, const std::function<bool(int64_t query, int64_t key)>& sees) {
    std::string bytes;
    for (int64_t query = 0; query < rows; ++query)
      for (int64_t key = 0; key < rows; ++key)
        bytes.push_back(static_cast<char>(sees(query, key)));
    const std::string name = "table" + std::to_string(count_++), end = op("Reshape", {length(), integers({1})});
    builder.initializer(name, onnx::TensorProto::BOOL, {rows, rows}).set_raw_data(bytes);
    return op("Slice", {op("Slice", {name, integers({0}), end, integers({0})}), integers({0}), end, integers({1})});
  }
  /// Cosines or sines [sequence, head_dim] of `positions` times frequencies [head_dim / 2].
  std::pair<std::string, std::string> rotaryFactors(const std::string& positions, const std::string& frequencies) {
    const std::string angles = op("Mul", {unsqueeze(cast(positions, onnx::TensorProto::FLOAT), 1), frequencies});
    const std::string both = concat({angles, angles}, 1);
    return {op("Cos", {both}), op("Sin", {both})};
  }
  std::string frequencies(float theta = 10000) {
    const std::string name = "frequencies" + std::to_string(count_++);
    std::vector<float> values;
    for (int64_t i = 0; i < kHeadDim / 2; ++i)
      values.push_back(std::pow(theta, -2 * static_cast<float>(i) / kHeadDim));
    builder.floats(name, {kHeadDim / 2}, values);
    return name;
  }

  /// What is varied; values are names.
  std::function<std::string(DecoderGraph&)> positionRows;                          // [sequence, width], added to the embeddings
  std::function<std::pair<std::string, std::string>(DecoderGraph&)> rotation;      // [sequence, head_dim] each
  std::function<std::string(DecoderGraph&, const std::string& scores)> masked;     // of scores [1, heads, sequence, sequence]
  std::function<std::string(DecoderGraph&, const std::string& hidden)> activated;  // of [1, sequence, width]

  /// The model's bytes.
  std::string bytes() {
    std::string x = op("Gather", {weight({kVocabulary, kWidth}, 2), "input_ids"});
    if (positionRows)
      x = op("Add", {x, positionRows(*this)});
    auto heads = [&](const std::string& rows) {
      return transpose(op("Reshape", {op("MatMul", {rows, weight({kWidth, kWidth}, 0.8f)}), integers({1, -1, kHeads, kHeadDim})}),
                       {0, 2, 1, 3});
    };
    std::string q = heads(x), k = heads(x);
    const std::string v = heads(x);
    if (rotation) {
      const auto [cosine, sine] = rotation(*this);
      q = rotated(q, cosine, sine);
      k = rotated(k, cosine, sine);
    }
    std::string scores = op("Div", {op("MatMul", {q, transpose(k, {0, 1, 3, 2})}), constant(2.828427f)});
    scores = masked ? masked(*this, scores) : op("Add", {scores, hiddenUnless(causal())});
    const std::string weights = op("Softmax", {scores}, [](onnx::NodeProto& node) { OnnxBuilder::set(node, "axis", int64_t(-1)); });
    const std::string rows = op("Reshape", {transpose(op("MatMul", {weights, v}), {0, 2, 1, 3}), integers({1, -1, kWidth})});
    x = op("Add", {x, op("MatMul", {rows, weight({kWidth, kWidth}, 0.5f)})});
    if (activated)
      x = op("Add", {x, op("MatMul", {activated(*this, op("MatMul", {x, weight({kWidth, kWidth}, 6)})), weight({kWidth, kWidth}, 0.1f)})});
    builder.node("MatMul", {x, weight({kWidth, kVocabulary}, 1)}, {"logits"});
    builder.output("logits");
    return builder.bytes();
  }

private:
  std::string rotated(const std::string& x, const std::string& cosine, const std::string& sine) {
    auto half = [&](int64_t begin, int64_t end) { return op("Slice", {x, integers({begin}), integers({end}), integers({3})}); };
    const std::string turned = concat({op("Neg", {half(kHeadDim / 2, kHeadDim)}), half(0, kHeadDim / 2)}, 3);
    return op("Add", {op("Mul", {x, cosine}), op("Mul", {turned, sine})});
  }

  std::mt19937 random_{1};
  int count_ = 0;
};

}  // namespace quantc::test
