// Small ONNX models for tests.
#pragma once

#include <string>
#include <vector>

#include "compiler/weights/OnnxProto.h"

namespace quantc::test {

/// Starts with input_ids [batch, sequence]; dimensions are numbers or names.
class OnnxBuilder {
public:
  explicit OnnxBuilder(int64_t opset = 17) {
    model.set_ir_version(8);
    model.add_opset_import()->set_version(opset);
    input("input_ids", onnx::TensorProto::INT64, {"batch", "sequence"});
  }

  void input(const std::string& name, int type, const std::vector<std::string>& dims) {
    onnx::ValueInfoProto* value = model.mutable_graph()->add_input();
    value->set_name(name);
    value->mutable_type()->mutable_tensor_type()->set_elem_type(type);
    auto* shape = value->mutable_type()->mutable_tensor_type()->mutable_shape();
    for (const std::string& dim : dims)
      if (dim.find_first_not_of("0123456789") == std::string::npos)
        shape->add_dim()->set_dim_value(std::stoll(dim));
      else
        shape->add_dim()->set_dim_param(dim);
  }
  void output(const std::string& name) { model.mutable_graph()->add_output()->set_name(name); }

  onnx::TensorProto& floats(const std::string& name, const std::vector<int64_t>& dims, const std::vector<float>& values) {
    onnx::TensorProto& tensor = initializer(name, onnx::TensorProto::FLOAT, dims);
    tensor.set_raw_data(values.data(), values.size() * sizeof(float));
    return tensor;
  }
  onnx::TensorProto& ints(const std::string& name, const std::vector<int64_t>& values) {
    onnx::TensorProto& tensor = initializer(name, onnx::TensorProto::INT64, {static_cast<int64_t>(values.size())});
    tensor.set_raw_data(values.data(), values.size() * sizeof(int64_t));
    return tensor;
  }
  onnx::TensorProto& initializer(const std::string& name, int type, const std::vector<int64_t>& dims) {
    onnx::TensorProto* tensor = model.mutable_graph()->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(type);
    for (int64_t dim : dims)
      tensor->add_dims(dim);
    return *tensor;
  }

  onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
    onnx::NodeProto* node = model.mutable_graph()->add_node();
    node->set_op_type(op);
    node->set_name("/" + outputs.front());
    for (const std::string& input : inputs)
      node->add_input(input);
    for (const std::string& output : outputs)
      node->add_output(output);
    return *node;
  }
  static void set(onnx::NodeProto& node, const std::string& name, int64_t value) {
    onnx::AttributeProto* attribute = node.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::INT);
    attribute->set_i(value);
  }
  static void set(onnx::NodeProto& node, const std::string& name, float value) {
    onnx::AttributeProto* attribute = node.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::FLOAT);
    attribute->set_f(value);
  }
  static void set(onnx::NodeProto& node, const std::string& name, const std::string& value) {
    onnx::AttributeProto* attribute = node.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::STRING);
    attribute->set_s(value);
  }
  static void set(onnx::NodeProto& node, const std::string& name, const std::vector<int64_t>& values) {
    onnx::AttributeProto* attribute = node.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::INTS);
    for (int64_t value : values)
      attribute->add_ints(value);
  }

  std::string bytes() const { return model.SerializeAsString(); }

  onnx::ModelProto model;
};

}  // namespace quantc::test
