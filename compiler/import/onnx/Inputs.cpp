#include "compiler/import/onnx/Inputs.h"

#include <map>

#include "compiler/import/onnx/Ops.h"
#include "compiler/support/Error.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::Symbol;

namespace {

class InputReader {
public:
  InputReader(const OnnxModel& model, MLIRContext* context) : model_(model), context_(context) {}

  std::vector<Input> read() {
    for (const onnx::ValueInfoProto& input : model_.proto.graph().input())
      if (!model_.weights->find(input.name()))  // old models list initializers too
        inputs_.push_back(&input);
    const onnx::ValueInfoProto* ids = findIds();
    if (ids)
      bindIds(*ids);
    for (const onnx::ValueInfoProto* input : inputs_)
      hasPast_ |= roleOf(*input, ids) == InputRole::past;
    std::vector<Input> result;
    for (InputRole role : {InputRole::ids, InputRole::past, InputRole::positions, InputRole::mask, InputRole::other})
      for (const onnx::ValueInfoProto* input : inputs_)
        if (roleOf(*input, ids) == role)
          result.push_back({input->name(), role, typeOf(*input, role)});
    return result;
  }

private:
  [[noreturn]] void fail(const onnx::ValueInfoProto& input, const std::string& what) const {
    throw UserError(model_.path.string() + ":" + input.name(), what);
  }

  static int rankOf(const onnx::ValueInfoProto& input) { return input.type().tensor_type().shape().dim_size(); }
  static bool isInteger(const onnx::ValueInfoProto& input) {
    int type = input.type().tensor_type().elem_type();
    return type == onnx::TensorProto::INT64 || type == onnx::TensorProto::INT32;
  }

  /// nullptr for a model that takes no tokens: no integer input [batch, sequence] of any length.
  const onnx::ValueInfoProto* findIds() const {
    std::vector<const onnx::ValueInfoProto*> candidates;
    for (const onnx::ValueInfoProto* input : inputs_) {
      if (!isInteger(*input) || rankOf(*input) != 2)
        continue;
      if (input->name() == "input_ids")
        return input;
      if (!input->type().tensor_type().shape().dim(1).has_dim_value())
        candidates.push_back(input);
    }
    if (candidates.size() > 1)
      throw UserError(model_.path.string(), "has " + std::to_string(candidates.size()) +
                                                " inputs that can be token ids, expected one named input_ids among them; rename it");
    return candidates.empty() ? nullptr : candidates.front();
  }

  InputRole roleOf(const onnx::ValueInfoProto& input, const onnx::ValueInfoProto* ids) const {
    if (&input == ids)
      return InputRole::ids;
    if (!ids)
      return InputRole::other;
    if (isInteger(input) && rankOf(input) == 2)
      return input.name() == "position_ids" ? InputRole::positions : input.name() == "attention_mask" ? InputRole::mask : InputRole::other;
    // A float tensor with a dynamic dimension that is neither batch nor sequence holds what earlier steps left.
    if (!isInteger(input) && rankOf(input) >= 3)
      for (const auto& dim : input.type().tensor_type().shape().dim())
        if (!dim.has_dim_value() && dim.dim_param() != batch_ && dim.dim_param() != sequence_)
          return InputRole::past;
    return InputRole::other;
  }

  void bindIds(const onnx::ValueInfoProto& ids) {
    const auto& shape = ids.type().tensor_type().shape();
    if (shape.dim(0).has_dim_value() && shape.dim(0).dim_value() != 1)
      fail(ids, "has a fixed batch of " + std::to_string(shape.dim(0).dim_value()) +
                    ", expected 1 or a dynamic one; export with a dynamic batch");
    if (shape.dim(1).has_dim_value())
      fail(ids, "has a fixed length of " + std::to_string(shape.dim(1).dim_value()) +
                    " tokens, expected a dynamic one; export with a dynamic sequence");
    hasIds_ = hasSequence_ = true;
    batch_ = shape.dim(0).dim_param();
    sequence_ = shape.dim(1).dim_param();
    if (!batch_.empty())
      named_[batch_] = constantExpr(1, context_);
    if (!sequence_.empty())
      named_[sequence_] = symbolExpr(Symbol::sequence, context_);
  }

  /// What a dimension without a known name is, by the role of its input.
  AffineExpr unnamedDim(const onnx::ValueInfoProto& input, InputRole role, int axis) {
    AffineExpr sequence = symbolExpr(Symbol::sequence, context_), past = symbolExpr(Symbol::past, context_);
    if (axis == 0)
      return constantExpr(1, context_);
    switch (role) {
    case InputRole::ids:
    case InputRole::positions: return sequence;
    case InputRole::mask: return hasPast_ ? sequence + past : sequence;
    case InputRole::past: return past;
    case InputRole::other: break;
    }
    // Without tokens, the only dynamic dimension besides the batch is what a step has any number of.
    if (sequence_.empty() && !hasSequence_) {
      hasSequence_ = true;
      sequence_ = input.type().tensor_type().shape().dim(axis).dim_param();
      return sequence;
    }
    if (!hasIds_ && input.type().tensor_type().shape().dim(axis).dim_param() == sequence_)
      return sequence;
    fail(input, "has dynamic dimension " + std::to_string(axis) + ", whose meaning is not known; export the model without this input");
  }

  RankedTensorType typeOf(const onnx::ValueInfoProto& input, InputRole role) {
    const auto& tensor = input.type().tensor_type();
    Type element = elementOf(tensor.elem_type(), context_);
    if (!element)
      fail(input, "has elements of a type that is not supported; export the model in float32");
    SmallVector<AffineExpr> dims;
    int dynamic = 0;
    for (int axis = 0; axis < tensor.shape().dim_size(); ++axis) {
      const auto& dim = tensor.shape().dim(axis);
      if (dim.has_dim_value()) {
        if (dim.dim_value() < 0)
          fail(input, "has dimension " + std::to_string(dim.dim_value()) + "; the model is damaged, export it again");
        dims.push_back(constantExpr(dim.dim_value(), context_));
        continue;
      }
      auto named = named_.find(dim.dim_param());
      AffineExpr expr = named != named_.end() && !dim.dim_param().empty() ? named->second : unnamedDim(input, role, axis);
      if (!dim.dim_param().empty())
        named_[dim.dim_param()] = expr;
      dynamic += !isa<AffineConstantExpr>(expr);
      dims.push_back(expr);
    }
    if (role == InputRole::past && dynamic != 1)
      fail(input, "has " + std::to_string(dynamic) +
                      " dynamic dimensions besides the batch, expected one; export it as a cache of keys or values");
    return tfm::makeTensorType(dims, element);
  }

  const OnnxModel& model_;
  MLIRContext* context_;
  std::vector<const onnx::ValueInfoProto*> inputs_;
  std::string batch_, sequence_;
  bool hasPast_ = false, hasIds_ = false, hasSequence_ = false;
  std::map<std::string, AffineExpr> named_;
};

}  // namespace

std::vector<Input> readInputs(const OnnxModel& model, MLIRContext* context) { return InputReader(model, context).read(); }

}  // namespace quantc::onnx_import
