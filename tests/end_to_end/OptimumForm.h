// A T5 that is one ONNX graph, as the files that Optimum writes of it.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "tests/end_to_end/OptimumMasks.h"

namespace quantc::test {

class OptimumForm {
public:
  OptimumForm(const std::filesystem::path& graph, MaskForm form) : form_(form) {
    std::ifstream file(graph, std::ios::binary);
    whole_.ParseFromIstream(&file);
    for (const onnx::NodeProto& node : whole_.graph().node())
      if (node.output(0).find("/EncDecAttention/k/MatMul") != std::string::npos)
        hidden_ = node.input(0);
  }

  /// Takes input_ids and attention_mask.
  onnx::ModelProto encoder() const {
    onnx::ModelProto model = part(hidden_, {});
    changeMasks(*model.mutable_graph(), "input_ids");
    rename(*model.mutable_graph(), {{hidden_, "last_hidden_state"}});
    addInput(model, "input_ids", onnx::TensorProto::INT64, {"batch_size", "encoder_sequence_length"});
    addInput(model, "attention_mask", onnx::TensorProto::INT64, {"batch_size", "encoder_sequence_length"});
    model.mutable_graph()->add_output()->set_name("last_hidden_state");
    return model;
  }

  /// Takes encoder_attention_mask, input_ids and encoder_hidden_states, and gives logits and the keys and values of a first step.
  onnx::ModelProto decoder() const {
    onnx::ModelProto model = part("logits", {hidden_});
    onnx::GraphProto& graph = *model.mutable_graph();
    changeMasks(graph, "decoder_input_ids");
    rename(graph, {{hidden_, "encoder_hidden_states"}, {"attention_mask", "encoder_attention_mask"}, {"decoder_input_ids", "input_ids"}});
    if (form_ == MaskForm::floats)
      addInput(model, "decoder_attention_mask", onnx::TensorProto::INT64, {"batch_size", "decoder_sequence_length"});
    addInput(model, "encoder_attention_mask", onnx::TensorProto::INT64, {"batch_size", "encoder_sequence_length"});
    addInput(model, "input_ids", onnx::TensorProto::INT64, {"batch_size", "decoder_sequence_length"});
    addInput(model, "encoder_hidden_states", onnx::TensorProto::FLOAT, {"batch_size", "encoder_sequence_length", "64"});
    graph.add_output()->set_name("logits");
    for (const auto& [present, heads] : presents(graph)) {
      onnx::NodeProto& node = GraphEdit(graph).add("Transpose", {heads}, present);
      onnx::AttributeProto* order = node.add_attribute();
      order->set_name("perm");
      order->set_type(onnx::AttributeProto::INTS);
      for (int64_t axis : {0, 2, 1, 3})
        order->add_ints(axis);
      graph.add_output()->set_name(present);
    }
    return model;
  }

  /// The decoder as the branch without a past. The other one, which is for single tokens and not read, holds an operator that nobody knows.
  onnx::ModelProto merged() const {
    onnx::ModelProto first = decoder(), model = first;
    onnx::GraphProto& graph = *model.mutable_graph();
    graph.clear_node();
    graph.clear_initializer();
    onnx::GraphProto branch = first.graph();
    branch.clear_input();
    // Large initializers lie outside of the branches, which share them.
    onnx::GraphProto kept = branch;
    kept.clear_initializer();
    for (const onnx::TensorProto& tensor : branch.initializer())
      *(tensor.dims_size() > 1 ? graph : kept).add_initializer() = tensor;
    onnx::NodeProto* node = graph.add_node();
    node->set_op_type("If");
    node->set_name("optimum::if");
    node->add_input("use_cache_branch");
    onnx::GraphProto later;
    onnx::NodeProto* unknown = later.add_node();
    unknown->set_op_type("StepOfOneToken");
    for (const onnx::ValueInfoProto& output : branch.output()) {
      node->add_output(output.name());
      unknown->add_output("later_" + output.name());
      later.add_output()->set_name("later_" + output.name());
    }
    for (const auto& [name, body] : {std::pair<const char*, onnx::GraphProto>{"then_branch", later}, {"else_branch", kept}}) {
      onnx::AttributeProto* attribute = node->add_attribute();
      attribute->set_name(name);
      attribute->set_type(onnx::AttributeProto::GRAPH);
      *attribute->mutable_g() = body;
    }
    // Within the branch the outputs have names of their own.
    onnx::GraphProto& inside = *node->mutable_attribute(1)->mutable_g();
    for (const onnx::ValueInfoProto& output : first.graph().output())
      rename(inside, {{output.name(), "first_" + output.name()}});
    for (onnx::ValueInfoProto& output : *inside.mutable_output())
      output.set_name("first_" + output.name());
    for (const onnx::ValueInfoProto& output : first.graph().output())
      if (output.name() != "logits")
        addInput(model, "past_key_values." + output.name().substr(sizeof "present"), onnx::TensorProto::FLOAT,
                 {"batch_size", "4",
                  output.name().find("encoder") == std::string::npos ? "past_decoder_sequence_length" : "encoder_sequence_length_out",
                  "16"});
    addInput(model, "use_cache_branch", onnx::TensorProto::BOOL, {"1"});
    return model;
  }

  static void write(const std::filesystem::path& path, const onnx::ModelProto& model) {
    std::ofstream file(path, std::ios::binary);
    model.SerializeToOstream(&file);
  }

private:
  using Renames = std::vector<std::pair<std::string, std::string>>;

  const onnx::NodeProto* producer(const std::string& tensor) const {
    for (const onnx::NodeProto& node : whole_.graph().node())
      for (const std::string& output : node.output())
        if (output == tensor)
          return &node;
    return nullptr;
  }

  bool isConstant(const std::string& tensor) const {
    const onnx::NodeProto* node = producer(tensor);
    return node && node->op_type() == "Constant";
  }

  /// The nodes and initializers that a tensor is computed from, up to those that are given.
  onnx::ModelProto part(const std::string& tensor, const std::set<std::string>& given) const {
    std::set<std::string> needed;
    std::vector<std::string> pending{tensor};
    while (!pending.empty()) {
      const std::string name = pending.back();
      pending.pop_back();
      if (given.count(name) || !needed.insert(name).second)
        continue;
      if (const onnx::NodeProto* node = producer(name))
        pending.insert(pending.end(), node->input().begin(), node->input().end());
    }
    onnx::ModelProto model = whole_;
    onnx::GraphProto& graph = *model.mutable_graph();
    graph.clear_node();
    graph.clear_initializer();
    graph.clear_input();
    graph.clear_output();
    graph.clear_value_info();
    for (const onnx::NodeProto& node : whole_.graph().node())
      if (needed.count(node.output(0)) && !given.count(node.output(0)))
        *graph.add_node() = node;
    for (const onnx::TensorProto& initializer : whole_.graph().initializer())
      if (needed.count(initializer.name()))
        *graph.add_initializer() = initializer;
    return model;
  }

  static void rename(onnx::GraphProto& graph, const Renames& renames) {
    for (onnx::NodeProto& node : *graph.mutable_node())
      for (auto* names : {node.mutable_input(), node.mutable_output()})
        for (std::string& name : *names)
          for (const auto& [from, to] : renames)
            if (name == from) {
              name = to;
              break;
            }
  }

  static void addInput(onnx::ModelProto& model, const std::string& name, int type, const std::vector<std::string>& dims) {
    onnx::ValueInfoProto* input = model.mutable_graph()->add_input();
    input->set_name(name);
    input->mutable_type()->mutable_tensor_type()->set_elem_type(type);
    for (const std::string& dim : dims)
      if (isdigit(static_cast<unsigned char>(dim.front())))
        input->mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(std::stoll(dim));
      else
        input->mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_param(dim);
  }

  /// Masks that are added to scores are where a condition, one constant, else another.
  void changeMasks(onnx::GraphProto& graph, const std::string& ids) const {
    if (form_ == MaskForm::conditions)
      return;
    const onnx::GraphProto before = graph;
    graph.clear_node();
    MaskNodes nodes(graph, ids, form_);
    for (const onnx::NodeProto& node : before.node()) {
      if (node.op_type() == "Where" && isConstant(node.input(1)) && isConstant(node.input(2))) {
        readsPadding(node.output(0)) ? nodes.addPadding(node.output(0)) : nodes.addCausal(node.output(0));
        continue;
      }
      onnx::NodeProto* kept = graph.add_node();
      *kept = node;
      if (node.op_type() == "Softmax" && form_ == MaskForm::booleans) {
        kept->set_output(0, node.output(0) + ".raw");
        nodes.addNanGuard(node.output(0));
      }
      if (node.op_type() == "MatMul" && form_ == MaskForm::filled && producer(node.input(1)))
        nodes.joinBatchAndHeads(*kept);
    }
  }

  bool readsPadding(const std::string& tensor) const {
    const onnx::ModelProto model = part(tensor, {});
    for (const onnx::NodeProto& node : model.graph().node())
      if (std::find(node.input().begin(), node.input().end(), "attention_mask") != node.input().end())
        return true;
    return false;
  }

  /// Names of outputs, and the heads [batch, positions, heads, head_dim] that they give.
  static std::vector<std::pair<std::string, std::string>> presents(const onnx::GraphProto& graph) {
    std::vector<std::pair<std::string, std::string>> found;
    for (const onnx::NodeProto& node : graph.node())
      for (const auto& [projection, kind] :
           {std::pair<std::string, std::string>{"/k/MatMul_output_0", "key"}, {"/v/MatMul_output_0", "value"}})
        if (node.op_type() == "Reshape" && node.input(0).find(projection) != std::string::npos) {
          const size_t block = node.input(0).find("/block.") + 7;
          const std::string layer = node.input(0).substr(block, node.input(0).find('/', block) - block);
          const bool cross = node.input(0).find("EncDecAttention") != std::string::npos;
          found.push_back({"present." + layer + (cross ? ".encoder." : ".decoder.") + kind, node.output(0)});
        }
    return found;
  }

  const MaskForm form_;
  onnx::ModelProto whole_;
  std::string hidden_;  ///< the encoder's rows
};

}  // namespace quantc::test
