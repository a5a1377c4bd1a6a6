// Operators of codes, as ONNX Runtime's quantizer writes them into graphs of integers: each is the operator of floats between DequantizeLinear and
// QuantizeLinear. Products with weights are made of the codes less their zero points, and scaled behind.
#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"
#include "compiler/import/onnx/QuantizedWeights.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

/// The nodes that one node means. Tensors between them have names that begin with its first output's.
class Meaning {
public:
  explicit Meaning(Node& node) : node_(node) {}

  /// Input `codes` as floats; `scale` and the zero point behind it are inputs too.
  std::string dequantized(unsigned codes, unsigned scale) { return dequantized(codes, scale, scale + 1); }
  std::string dequantized(unsigned codes, unsigned scale, unsigned zero) {
    onnx::NodeProto part = make("DequantizeLinear", {input(codes), input(scale), input(zero)});
    setAxis(part, 0);  // for the vectors that have more than one scale
    return imported(part);
  }

  /// `op` of these tensors, with the node's own attributes.
  std::string applied(const char* op, ArrayRef<std::string> inputs, const char* domain = "") {
    onnx::NodeProto part = make(op, inputs);
    part.set_domain(domain);
    *part.mutable_attribute() = node_.handedOn().attribute();
    return imported(part);
  }

  /// The node's output: codes of a tensor.
  void quantize(const std::string& tensor, unsigned scale, unsigned zero) {
    onnx::NodeProto part = make("QuantizeLinear", {tensor, input(scale), input(zero)});
    part.set_output(0, node_.outputName(0));
    node_.importAs(part);
  }

  std::string named(Value value) {
    std::string name = fresh();
    node_.define(name, value);
    return name;
  }
  /// The node's output is that of `op`.
  void finish(const char* op, ArrayRef<std::string> inputs, const char* domain) {
    onnx::NodeProto part = make(op, inputs);
    part.set_domain(domain);
    *part.mutable_attribute() = node_.handedOn().attribute();
    part.clear_output();
    *part.mutable_output() = node_.handedOn().output();
    node_.importAs(part);
  }
  std::string input(unsigned i) const { return node_.has(i) ? node_.inputName(i) : ""; }

private:
  std::string fresh() { return node_.outputName(0) + ":" + std::to_string(count_++); }

  onnx::NodeProto make(const char* op, ArrayRef<std::string> inputs) {
    onnx::NodeProto part;
    part.set_op_type(op);
    part.set_name(node_.name());
    for (const std::string& name : inputs)
      part.add_input(name);
    part.add_output(fresh());
    return part;
  }
  static void setAxis(onnx::NodeProto& part, int64_t axis) {
    onnx::AttributeProto* attribute = part.add_attribute();
    attribute->set_name("axis");
    attribute->set_type(onnx::AttributeProto::INT);
    attribute->set_i(axis);
  }
  std::string imported(const onnx::NodeProto& part) {
    node_.importAs(part);
    return part.output(0);
  }

  Node& node_;
  unsigned count_ = 0;
};

/// Codes less their zero point as float32, which has them exactly. Zero points of a vector are those of an axis.
Value centeredFloats(Node& node, unsigned codes, unsigned zero, int64_t axis) {
  Maker make(node);
  Value x = make.toFloat(node.value(codes));
  if (!node.has(zero))
    return x;
  Value start = make.toFloat(node.value(zero));
  SmallVector<AffineExpr> dims = make.dims(start);
  if (dims.size() == 1) {
    SmallVector<AffineExpr> line(constantOf(dims[0]) == 1 ? 0 : make.dims(x).size(), make.number(1));
    if (!line.empty())
      line[axis] = dims[0];
    start = make.reshape(start, line);
  }
  return make.sub(x, start);
}

Value centeredWeight(Node& node, unsigned codes, unsigned zero, int64_t axis) {
  Value weight = centeredConstant(node, codes, zero, axis);
  return weight ? weight : centeredFloats(node, codes, zero, axis);
}

/// A scale of one number, or of one for each channel [.., channels, 1, 1, ..], or of each column where there are none.
Value scaleOfChannels(Node& node, unsigned input, int64_t positions) {
  Maker make(node);
  Value scale = make.toFloat(node.value(input));
  SmallVector<AffineExpr> dims = make.dims(scale);
  if (dims.size() == 1 && constantOf(dims[0]) == 1)
    return make.reshape(scale, {});
  dims.append(dims.empty() ? 0 : positions, make.number(1));
  return make.reshape(scale, dims);
}

}  // namespace

void importConvInteger(Node& node) {
  Meaning meaning(node);
  Maker make(node);
  const std::string weight = meaning.named(centeredWeight(node, 1, 3, 0));
  auto integers = [&] { return meaning.named(centeredFloats(node, 0, 2, 0)); };
  // The rounding of activations is left out as in MatMulInteger.
  const Unrounded* source = node.has(2) ? node.unrounded(0) : nullptr;
  const bool dynamic = source && source->zeros == node.inputName(2);
  Value real = dynamic ? source->real : Value(), scale = dynamic ? source->scale : Value();
  Value product = dynamic ? node.valueOf(meaning.applied("Conv", {meaning.named(real), weight})) : Value();
  Value exact = node.valueOf(meaning.applied("Conv", {integers(), weight}));
  node.set(0, make.cast(exact, IntegerType::get(node.context(), 32)));
  if (product)
    node.setUnrounded(0, {product, scale, ""});
}

/// x, scale, zero point, weight, scales, zero points, scale and zero point of the result, bias of integers.
void importQLinearConv(Node& node) {
  Meaning meaning(node);
  Maker make(node);
  const int64_t positions = std::max<int64_t>(node.type(0).getRank() - 2, 0);
  Value product =
      node.valueOf(meaning.applied("Conv", {meaning.named(centeredFloats(node, 0, 2, 0)), meaning.named(centeredWeight(node, 3, 5, 0))}));
  if (node.has(8)) {
    Value bias = make.toFloat(node.value(8));
    SmallVector<AffineExpr> dims = make.dims(bias);
    dims.append(positions, make.number(1));
    product = make.add(product, make.reshape(bias, dims));
  }
  product = make.mul(product, make.mul(scaleOfChannels(node, 4, positions), scaleOfChannels(node, 1, 0)));
  meaning.quantize(meaning.named(product), 6, 7);
}

/// com.microsoft: a, scale, zero point, b, scale, zero point, c of integers, scale and zero point of a result that is no float.
void importQGemm(Node& node) {
  Meaning meaning(node);
  Maker make(node);
  const int64_t columns = node.attribute("transB", int64_t(0)) ? 0 : 1;
  auto operand = [&](Value x, const char* transposes) {
    if (make.type(x).getRank() != 2)
      node.fail(std::string("needs matrices") + kDamaged);
    return node.attribute(transposes, int64_t(0)) ? make.transposeLast(x) : x;
  };
  Value product = make.matmul(operand(centeredFloats(node, 0, 2, 0), "transA"), operand(centeredWeight(node, 3, 5, columns), "transB"));
  if (node.has(6))
    product = make.add(product, make.toFloat(node.value(6)));
  Value scale = make.mul(scaleOfChannels(node, 4, 0), scaleOfChannels(node, 1, 0));
  product = make.mul(product, make.mul(scale, node.attribute("alpha", 1.0f)));
  if (node.has(7))
    meaning.quantize(meaning.named(product), 7, 8);
  else
    node.set(0, product);
}

void importQLinearBinary(Node& node, const char* op) {
  Meaning meaning(node);
  const std::string a = meaning.dequantized(0, 1), b = meaning.dequantized(3, 4);
  meaning.quantize(meaning.applied(op, {a, b}), 6, 7);
}

void importQLinearUnary(Node& node, const char* op) {
  if (node.attribute("channels_last", int64_t(0)))
    node.fail("has channels behind positions, which is not supported; quantize the model without optimizing it for one machine");
  const int64_t opset = node.attribute("opset", int64_t(13)), axis = node.attribute("axis", int64_t(-1));
  if (opset < 13 && axis != -1 && axis != node.type(0).getRank() - 1)
    node.fail("is a Softmax of opset " + std::to_string(opset) + " over several dimensions, which is not supported; export for opset 13");
  Meaning meaning(node);
  meaning.quantize(meaning.applied(op, {meaning.dequantized(0, 1)}), 3, 4);
}

/// com.microsoft: scale and zero point of the result, then each tensor with its own.
void importQLinearConcat(Node& node) {
  Meaning meaning(node);
  SmallVector<std::string> parts;
  for (unsigned i = 2; i + 1 < node.inputs(); i += 3)
    parts.push_back(meaning.dequantized(i, i + 1));
  if (parts.empty())
    node.fail(std::string("has nothing to put together") + kDamaged);
  meaning.quantize(meaning.applied("Concat", parts), 0, 1);
}

/// com.microsoft: condition, two tensors with their scales and zero points, those of the result.
void importQLinearWhere(Node& node) {
  Meaning meaning(node);
  const std::string x = meaning.dequantized(1, 2), y = meaning.dequantized(4, 5);
  meaning.quantize(meaning.applied("Where", {meaning.input(0), x, y}), 7, 8);
}

/// com.microsoft: input, weights, bias, their scales, mask_index, their zero points, past.
void importQAttention(Node& node) {
  Meaning meaning(node);
  Maker make(node);
  const std::string x = meaning.dequantized(0, 3, 6);
  Value codes = centeredConstant(node, 1, 7);
  if (!codes)
    node.fail("has weights that are computed from the input; export the model with constant ones");
  Value weight = make.mul(codes, scaleOfChannels(node, 4, 0));
  SmallVector<std::string> inputs{x, meaning.named(weight), meaning.input(2), meaning.input(5), meaning.input(8)};
  while (inputs.back().empty())
    inputs.pop_back();
  meaning.finish("Attention", inputs, "com.microsoft");
}

/// com.microsoft: ids, segments, five constants, a mask, five scales, five zero points.
void importQEmbedLayerNormalization(Node& node) {
  Meaning meaning(node);
  SmallVector<std::string> inputs{meaning.input(0), meaning.input(1)};
  for (unsigned i = 0; i < 5; ++i)
    inputs.push_back(node.has(2 + i) ? meaning.dequantized(2 + i, 8 + i, 13 + i) : "");
  inputs.push_back(meaning.input(7));
  while (inputs.back().empty())
    inputs.pop_back();
  meaning.finish("EmbedLayerNormalization", inputs, "com.microsoft");
}

}  // namespace quantc::onnx_import
