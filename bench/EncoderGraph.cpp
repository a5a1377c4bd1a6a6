#include "bench/EncoderGraph.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "bench/support/RandomWeights.h"
#include "dialects/schemes/Scheme.h"
#include "tests/import/OnnxBuilder.h"

namespace quantc::bench {
namespace {

class Graph {
public:
  Graph(const EncoderShape& shape, EncoderWeights weights) : shape(shape), weights(weights) {
    builder.input("attention_mask", onnx::TensorProto::INT64, {"batch", "sequence"});
  }

  onnx::ModelProto build() {
    std::string x = embeddings();
    const std::string mask = additiveMask();
    for (int64_t i = 0; i < shape.layers; ++i)
      x = layer("encoder.layer." + std::to_string(i), x, mask);
    *builder.model.mutable_graph()->mutable_node(builder.model.graph().node_size() - 1)->mutable_output(0) = "last_hidden_state";
    builder.output("last_hidden_state");
    builder.model.mutable_graph()->set_name("bert");
    addOutputType();
    return std::move(builder.model);
  }

private:
  using Names = std::vector<std::string>;

  /// One node with one output, which gets the node's name.
  std::string op(const std::string& type, const std::string& name, const Names& inputs) {
    builder.node(type, inputs, {name});
    return name;
  }
  template <typename T>
  std::string op(const std::string& type, const std::string& name, const Names& inputs, const char* attribute, T value) {
    test::OnnxBuilder::set(builder.node(type, inputs, {name}), attribute, value);
    return name;
  }

  std::string ints(const std::string& name, const std::vector<int64_t>& values) {
    builder.ints(name, values);
    return name;
  }
  std::string scalar(const std::string& name, float value) {
    builder.floats(name, {}, {value});
    return name;
  }

  std::vector<float> draw(int64_t count, bool norm) {
    std::vector<float> values;
    values.reserve(static_cast<size_t>(count));
    random.draw(static_cast<uint64_t>(count), norm, [&](const uint16_t* halves, uint64_t drawn) {
      for (uint64_t i = 0; i < drawn; ++i)
        values.push_back(floatFromHalf(halves[i]));
    });
    return values;
  }
  std::string vector(const std::string& name, int64_t size, bool norm = false) {
    builder.floats(name, {size}, draw(size, norm));
    return name;
  }
  std::string matrix(const std::string& name, int64_t rows, int64_t columns) {
    builder.floats(name, {rows, columns}, draw(rows * columns, false));
    return name;
  }

  /// Writes NAME_quantized, NAME_scale and NAME_zero_point of a matrix [rows, columns], scales per column or for the whole.
  void quantized(const std::string& name, int64_t rows, int64_t columns, bool perColumn) {
    const std::vector<float> values = draw(rows * columns, false);
    const int64_t groups = perColumn ? columns : 1;
    std::vector<float> largest(static_cast<size_t>(groups)), scales;
    for (size_t i = 0; i < values.size(); ++i) {
      float& most = largest[i % static_cast<size_t>(groups)];
      most = std::max(most, std::fabs(values[i]));
    }
    for (float most : largest)
      scales.push_back(most > 0 ? most / 127 : 1);
    std::string codes(values.size(), '\0');
    for (size_t i = 0; i < values.size(); ++i)
      codes[i] = static_cast<char>(std::lrint(std::clamp(values[i] / scales[i % static_cast<size_t>(groups)], -127.0f, 127.0f)));
    const std::vector<int64_t> scaleDims = perColumn ? std::vector<int64_t>{columns} : std::vector<int64_t>{};
    builder.initializer(name + "_quantized", onnx::TensorProto::INT8, {rows, columns}).set_raw_data(codes);
    builder.floats(name + "_scale", scaleDims, scales);
    builder.initializer(name + "_zero_point", onnx::TensorProto::INT8, scaleDims)
        .set_raw_data(std::string(static_cast<size_t>(groups), '\0'));
  }

  /// x times a matrix [in, out] of its own.
  std::string product(const std::string& name, const std::string& x, int64_t in, int64_t out) {
    if (weights == EncoderWeights::f32)
      return op("MatMul", name + "/MatMul", {x, matrix(name + ".weight", in, out)});
    quantized(name + ".weight", in, out, weights == EncoderWeights::int8PerChannel);
    if (x != quantizedInput) {  // layers with the same input share its quantization
      builder.node("DynamicQuantizeLinear", {x}, {x + "_quantized", x + "_scale", x + "_zero_point"});
      quantizedInput = x;
    }
    op("MatMulInteger", name + "/MatMul_quant",
       {x + "_quantized", name + ".weight_quantized", x + "_zero_point", name + ".weight_zero_point"});
    op("Cast", name + "/MatMul_cast", {name + "/MatMul_quant"}, "to", int64_t{onnx::TensorProto::FLOAT});
    op("Mul", name + "/MatMul_scales", {x + "_scale", name + ".weight_scale"});
    return op("Mul", name + "/MatMul", {name + "/MatMul_cast", name + "/MatMul_scales"});
  }
  std::string linear(const std::string& name, const std::string& x, int64_t in, int64_t out) {
    const std::string dot = product(name, x, in, out);
    return op("Add", name + "/Add", {vector(name + ".bias", out), dot});
  }

  std::string norm(const std::string& name, const std::string& x) {
    const Names inputs = {x, vector(name + ".weight", shape.width, true), vector(name + ".bias", shape.width)};
    onnx::NodeProto& node = builder.node("LayerNormalization", inputs, {name + "/LayerNormalization"});
    test::OnnxBuilder::set(node, "axis", int64_t{-1});
    test::OnnxBuilder::set(node, "epsilon", 1e-12f);
    return name + "/LayerNormalization";
  }

  /// Dimension `axis` of x as a tensor of one element.
  std::string size(const std::string& name, const std::string& x, int64_t axis) {
    builder.initializer(name + "/axis", onnx::TensorProto::INT64, {}).set_raw_data(&axis, sizeof axis);
    const std::string dims = op("Shape", name + "/Shape", {x});
    const std::string one = op("Gather", name + "/Gather", {dims, name + "/axis"}, "axis", int64_t{0});
    return op("Unsqueeze", name + "/Unsqueeze", {one, zero});
  }
  std::string concat(const std::string& name, const Names& parts) { return op("Concat", name, parts, "axis", int64_t{0}); }

  std::string embeddings() {
    zero = ints("zero", {0});
    const std::string one = ints("one", {1});
    const std::string batch = size("embeddings/batch", "input_ids", 0), length = size("embeddings/sequence", "input_ids", 1);
    std::vector<int64_t> numbers(static_cast<size_t>(shape.positions));
    for (size_t i = 0; i < numbers.size(); ++i)
      numbers[i] = static_cast<int64_t>(i);
    const std::vector<int64_t> none(numbers.size());
    builder.initializer("embeddings.position_ids", onnx::TensorProto::INT64, {1, shape.positions})
        .set_raw_data(numbers.data(), 8 * numbers.size());
    builder.initializer("embeddings.token_type_ids", onnx::TensorProto::INT64, {1, shape.positions})
        .set_raw_data(none.data(), 8 * none.size());
    const std::string positions = op("Slice", "embeddings/positions", {"embeddings.position_ids", zero, length, one, one});
    const std::string types = op("Slice", "embeddings/types", {"embeddings.token_type_ids", zero, length, one, one});
    const std::string allTypes = op("Expand", "embeddings/all_types", {types, concat("embeddings/size", {batch, length})});

    const std::string words = wordEmbedding();
    const std::string typed =
        op("Gather", "embeddings/token_type_embeddings", {matrix("embeddings.token_type_embeddings.weight", 2, shape.width), allTypes});
    const std::string sum = op("Add", "embeddings/Add", {words, typed});
    const std::string placed = op("Gather", "embeddings/position_embeddings",
                                  {matrix("embeddings.position_embeddings.weight", shape.positions, shape.width), positions});
    return norm("embeddings.LayerNorm", op("Add", "embeddings/Add_1", {sum, placed}));
  }

  std::string wordEmbedding() {
    const std::string name = "embeddings.word_embeddings.weight";
    if (weights == EncoderWeights::f32)
      return op("Gather", "embeddings/word_embeddings", {matrix(name, shape.vocabulary, shape.width), "input_ids"});
    quantized(name, shape.vocabulary, shape.width, false);
    const std::string rows = op("Gather", "embeddings/word_embeddings_quant", {name + "_quantized", "input_ids"});
    return op("DequantizeLinear", "embeddings/word_embeddings", {rows, name + "_scale", name + "_zero_point"});
  }

  /// [batch, 1, 1, sequence]: 0 for a token, the lowest float for padding.
  std::string additiveMask() {
    const std::string wide = op("Unsqueeze", "mask/Unsqueeze_1",
                                {op("Unsqueeze", "mask/Unsqueeze", {"attention_mask", ints("mask/one", {1})}), ints("mask/two", {2})});
    const std::string real = op("Cast", "mask/Cast", {wide}, "to", int64_t{onnx::TensorProto::FLOAT});
    const std::string inverted = op("Sub", "mask/Sub", {scalar("mask/real_one", 1), real});
    return op("Mul", "mask/Mul", {inverted, scalar("mask/lowest", -3.4028234663852886e38f)});
  }

  std::string permuted(const std::string& name, const std::string& x, const std::vector<int64_t>& order) {
    return op("Transpose", name, {x}, "perm", order);
  }

  std::string attention(const std::string& name, const std::string& x, const std::string& mask) {
    const int64_t headDim = shape.width / shape.heads;
    const std::string batch = size(name + "/batch", x, 0), length = size(name + "/sequence", x, 1);
    const std::string heads = ints(name + "/heads", {shape.heads}), dim = ints(name + "/dim", {headDim}),
                      width = ints(name + "/width", {shape.width});
    const auto part = [&](const std::string& which, const std::vector<int64_t>& order) {
      const std::string flat = linear(name + "." + which, x, shape.width, shape.width);
      const std::string dims = concat(name + "/" + which + "/Concat", {batch, length, heads, dim});
      return permuted(name + "/" + which + "/Transpose", op("Reshape", name + "/" + which + "/Reshape", {flat, dims}), order);
    };
    const std::string query = part("query", {0, 2, 1, 3}), key = part("key", {0, 2, 3, 1}), value = part("value", {0, 2, 1, 3});
    const std::string dots = op("MatMul", name + "/MatMul", {query, key});
    const std::string scaled = op("Div", name + "/Div", {dots, scalar(name + "/scale", std::sqrt(static_cast<float>(headDim)))});
    const std::string weights = op("Softmax", name + "/Softmax", {op("Add", name + "/Add", {scaled, mask})}, "axis", int64_t{-1});
    const std::string mixed = permuted(name + "/Transpose", op("MatMul", name + "/MatMul_1", {weights, value}), {0, 2, 1, 3});
    return op("Reshape", name + "/Reshape", {mixed, concat(name + "/Concat", {batch, length, width})});
  }

  /// x / 2 * (1 + erf(x / sqrt(2))), in the exporter's order.
  std::string gelu(const std::string& name, const std::string& x) {
    const std::string erf = op("Erf", name + "/Erf", {op("Div", name + "/Div", {x, scalar(name + "/root", 1.4142135381698608f)})});
    const std::string product = op("Mul", name + "/Mul", {x, op("Add", name + "/Add", {erf, scalar(name + "/one", 1)})});
    return op("Mul", name + "/Mul_1", {product, scalar(name + "/half", 0.5f)});
  }

  std::string layer(const std::string& name, const std::string& x, const std::string& mask) {
    const std::string attended = attention(name + ".attention.self", x, mask);
    const std::string projected = linear(name + ".attention.output.dense", attended, shape.width, shape.width);
    const std::string middle = norm(name + ".attention.output.LayerNorm", op("Add", name + "/attention/output/Add", {projected, x}));
    const std::string inner = gelu(name + "/intermediate", linear(name + ".intermediate.dense", middle, shape.width, shape.ffn));
    const std::string outer = linear(name + ".output.dense", inner, shape.ffn, shape.width);
    return norm(name + ".output.LayerNorm", op("Add", name + "/output/Add", {outer, middle}));
  }

  void addOutputType() {
    onnx::TypeProto::Tensor* type = builder.model.mutable_graph()->mutable_output(0)->mutable_type()->mutable_tensor_type();
    type->set_elem_type(onnx::TensorProto::FLOAT);
    type->mutable_shape()->add_dim()->set_dim_param("batch");
    type->mutable_shape()->add_dim()->set_dim_param("sequence");
    type->mutable_shape()->add_dim()->set_dim_value(shape.width);
  }

  const EncoderShape shape;
  const EncoderWeights weights;
  test::OnnxBuilder builder;
  RandomWeights random;
  std::string zero, quantizedInput;
};

}  // namespace

onnx::ModelProto encoderGraph(const EncoderShape& shape, EncoderWeights weights) { return Graph(shape, weights).build(); }

}  // namespace quantc::bench
