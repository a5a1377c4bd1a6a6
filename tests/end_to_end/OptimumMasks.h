// Masks of attention in an ONNX graph, in the forms that exporters have given them.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "compiler/weights/OnnxProto.h"
#include "tests/import/OnnxBuilder.h"

namespace quantc::test {

/// What exporters make of masks of padding.
enum class MaskForm {
  conditions,  ///< conditions of every pair, as transformers 5 has them
  floats,      ///< (1 - mask) * lowest, and the decoder's own mask takes part in the causal one
  filled,      ///< 1 - mask of every pair, its ones replaced by the lowest; batch and heads are one dimension in products, as in BART
  booleans     ///< where mask, 0, -infinity; weights that are not a number are replaced
};

/// Adds nodes behind a graph's, and constants.
class GraphEdit {
public:
  explicit GraphEdit(onnx::GraphProto& graph) : graph_(graph) {}

  onnx::NodeProto& add(const std::string& op, const std::vector<std::string>& inputs, const std::string& output) {
    onnx::NodeProto* node = graph_.add_node();
    node->set_op_type(op);
    node->set_name(output);
    for (const std::string& input : inputs)
      node->add_input(input);
    node->add_output(output);
    return *node;
  }

  std::string cast(const std::string& input, int type, const std::string& output) {
    OnnxBuilder::set(add("Cast", {input}, output), "to", int64_t(type));
    return output;
  }

  void integers(const std::string& name, const std::vector<int64_t>& values, bool scalar = false) {
    onnx::TensorProto* tensor = graph_.add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(onnx::TensorProto::INT64);
    if (!scalar)
      tensor->add_dims(static_cast<int64_t>(values.size()));
    tensor->set_raw_data(values.data(), values.size() * sizeof(int64_t));
  }

  void number(const std::string& name, float value) {
    onnx::TensorProto* tensor = graph_.add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(onnx::TensorProto::FLOAT);
    tensor->set_raw_data(&value, sizeof value);
  }

private:
  onnx::GraphProto& graph_;
};

/// Computes masks that are added to scores from attention_mask [batch, keys] and from the length of other tokens.
class MaskNodes {
public:
  /// `ids` [batch, rows] are the tokens whose queries are masked.
  MaskNodes(onnx::GraphProto& graph, const std::string& ids, MaskForm form) : edit_(graph), form_(form) {
    edit_.number("mask.zero", 0);
    edit_.number("mask.one", 1);
    edit_.number("mask.lowest", std::numeric_limits<float>::lowest());
    edit_.number("mask.infinity", -std::numeric_limits<float>::infinity());
    edit_.integers("mask.outer", {0, 1});
    edit_.integers("mask.inner", {1, 2});
    edit_.integers("mask.0", {0}, true);
    edit_.integers("mask.1", {1}, true);
    for (int64_t i : {-1, 0, 1, 2, 3, 4})
      edit_.integers("mask.[" + std::to_string(i) + "]", {i});
    edit_.add("Shape", {ids}, "mask.shape");
    edit_.add("Gather", {"mask.shape", "mask.1"}, "mask.length");
  }

  /// [batch, 1, 1, keys], or of every query.
  void addPadding(const std::string& mask) {
    edit_.add("Unsqueeze", {"attention_mask", "mask.inner"}, mask + ".keys");
    if (form_ == MaskForm::booleans) {
      edit_.add("Where", {edit_.cast(mask + ".keys", onnx::TensorProto::BOOL, mask + ".kept"), "mask.zero", "mask.infinity"}, mask);
      return;
    }
    std::string keys = edit_.cast(mask + ".keys", onnx::TensorProto::FLOAT, mask + ".float");
    if (form_ == MaskForm::filled) {
      edit_.add("Shape", {"attention_mask"}, mask + ".shape");
      for (const std::string axis : {"0", "1"}) {
        edit_.add("Gather", {mask + ".shape", "mask." + axis}, mask + ".dim" + axis);
        edit_.add("Reshape", {mask + ".dim" + axis, "mask.[1]"}, mask + ".[dim" + axis + "]");
      }
      edit_.add("Reshape", {"mask.length", "mask.[1]"}, mask + ".[rows]");
      OnnxBuilder::set(edit_.add("Concat", {mask + ".[dim0]", "mask.[1]", mask + ".[rows]", mask + ".[dim1]"}, mask + ".pairs"), "axis",
                       int64_t(0));
      edit_.add("Expand", {keys, mask + ".pairs"}, mask + ".expanded");
      keys = mask + ".expanded";
    }
    const std::string hidden = mask + ".hidden";
    edit_.add("Sub", {"mask.one", keys}, hidden);
    if (form_ == MaskForm::floats)
      edit_.add("Mul", {hidden, "mask.lowest"}, mask);
    else
      edit_.add("Where", {edit_.cast(hidden, onnx::TensorProto::BOOL, mask + ".fills"), "mask.lowest", hidden}, mask);
  }

  /// [1, 1, rows, rows], or with decoder_attention_mask [batch, rows], which then takes part.
  void addCausal(const std::string& mask) {
    edit_.add("Range", {"mask.0", "mask.length", "mask.1"}, mask + ".keys");
    edit_.add("Unsqueeze", {mask + ".keys", "mask.[1]"}, mask + ".rows");
    if (form_ == MaskForm::floats) {
      edit_.add("LessOrEqual", {mask + ".keys", mask + ".rows"}, mask + ".seen");
      edit_.add("Unsqueeze", {"decoder_attention_mask", "mask.inner"}, mask + ".given");
      edit_.add("Mul",
                {edit_.cast(mask + ".seen", onnx::TensorProto::FLOAT, mask + ".a"),
                 edit_.cast(mask + ".given", onnx::TensorProto::FLOAT, mask + ".b")},
                mask + ".kept");
      edit_.add("Sub", {"mask.one", mask + ".kept"}, mask + ".hidden");
      edit_.add("Mul", {mask + ".hidden", "mask.lowest"}, mask);
      return;
    }
    edit_.add("Reshape", {"mask.length", "mask.[1]"}, mask + ".[rows]");
    OnnxBuilder::set(edit_.add("Concat", {mask + ".[rows]", mask + ".[rows]"}, mask + ".square"), "axis", int64_t(0));
    const bool filled = form_ == MaskForm::filled;
    edit_.add("Expand", {filled ? "mask.lowest" : "mask.one", mask + ".square"}, mask + ".full");
    if (filled) {
      edit_.add("Add", {mask + ".rows", "mask.1"}, mask + ".next");
      edit_.add("Less", {mask + ".keys", mask + ".next"}, mask + ".seen");
      edit_.add("Where", {mask + ".seen", "mask.zero", mask + ".full"}, mask + ".square_mask");
    } else {
      OnnxBuilder::set(edit_.add("Trilu", {mask + ".full"}, mask + ".lower"), "upper", int64_t(0));
      edit_.cast(mask + ".lower", onnx::TensorProto::BOOL, mask + ".seen");
      edit_.add("Where", {mask + ".seen", "mask.zero", "mask.infinity"}, mask + ".square_mask");
    }
    edit_.add("Unsqueeze", {mask + ".square_mask", "mask.outer"}, mask);
  }

  /// What a softmax now gives as `weights`.raw is 0 in `weights` where it is not a number.
  void addNanGuard(const std::string& weights) {
    edit_.add("IsNaN", {weights + ".raw"}, weights + ".nan");
    edit_.add("Where", {weights + ".nan", "mask.zero", weights + ".raw"}, weights);
  }

  /// A product of [batch, heads, ...] becomes one of [batch * heads, ...].
  void joinBatchAndHeads(onnx::NodeProto& product) {
    const std::string result = product.output(0);
    product.set_output(0, result + ".joined");
    for (int i : {0, 1}) {
      const std::string whole = product.input(i), joined = result + ".joined" + std::to_string(i);
      edit_.add("Shape", {whole}, joined + ".shape");
      edit_.add("Slice", {joined + ".shape", "mask.[2]", "mask.[4]"}, joined + ".last");
      OnnxBuilder::set(edit_.add("Concat", {"mask.[-1]", joined + ".last"}, joined + ".to"), "axis", int64_t(0));
      edit_.add("Reshape", {whole, joined + ".to"}, joined);
      product.set_input(i, joined);
      edit_.add("Slice", {joined + ".shape", "mask.[0]", "mask.[2]"}, joined + ".first");
    }
    edit_.add("Shape", {result + ".joined"}, result + ".shape");
    edit_.add("Slice", {result + ".shape", "mask.[1]", "mask.[3]"}, result + ".last");
    OnnxBuilder::set(edit_.add("Concat", {result + ".joined0.first", result + ".last"}, result + ".to"), "axis", int64_t(0));
    edit_.add("Reshape", {result + ".joined", result + ".to"}, result);
  }

private:
  GraphEdit edit_;
  const MaskForm form_;
};

}  // namespace quantc::test
