#include "compiler/import/onnx/Inputs.h"

#include <map>

#include "compiler/import/onnx/Ops.h"
#include "compiler/import/onnx/SoundLength.h"
#include "compiler/support/Error.h"
#include "llvm/ADT/StringExtras.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::Symbol;

namespace {

class InputReader {
public:
  InputReader(const OnnxModel& model, const std::map<std::string, int64_t>& sizes, MLIRContext* context)
      : model_(model), context_(context), sizes_(sizes) {}

  std::vector<Input> read() {
    for (const onnx::ValueInfoProto& input : model_.proto.graph().input())
      if (!model_.stored(input.name()))  // old models list initializers too
        inputs_.push_back(&input);
    checkSizes();
    const onnx::ValueInfoProto* ids = findIds();
    if (!ids)
      ids = findEmbeddings();
    if (ids)
      bindTokens(*ids);
    for (const onnx::ValueInfoProto* input : inputs_)
      hasPast_ |= roleOf(*input, ids) == InputRole::past;
    std::vector<Input> result;
    for (InputRole role : {InputRole::ids, InputRole::embeddings, InputRole::past, InputRole::positions, InputRole::mask, InputRole::causal,
                           InputRole::other})
      for (const onnx::ValueInfoProto* input : inputs_)
        if (roleOf(*input, ids) == role)
          result.push_back({input->name(), role, typeOf(*input, role)});
    if (!unknown_.empty())
      failUnknown();
    return result;
  }

private:
  [[noreturn]] void fail(const onnx::ValueInfoProto& input, const std::string& what) const {
    throw UserError(model_.path.string() + ":" + input.name(), what);
  }

  using Shape = onnx::TensorShapeProto;
  static const Shape& shapeOf(const onnx::ValueInfoProto& input) { return input.type().tensor_type().shape(); }

  /// Old exporters write -1 for a dynamic dimension.
  static bool isFixed(const Shape::Dimension& dim) { return dim.has_dim_value() && dim.dim_value() >= 0; }

  static std::string nameOf(const onnx::ValueInfoProto& input, int axis) {
    const std::string& name = shapeOf(input).dim(axis).dim_param();
    return name.empty() ? input.name() + ":" + std::to_string(axis) : name;
  }

  /// nullptr where nobody gave a size for the dimension.
  const int64_t* sizeOf(const onnx::ValueInfoProto& input, int axis) const {
    auto found = sizes_.find(nameOf(input, axis));
    return found == sizes_.end() || isFixed(shapeOf(input).dim(axis)) ? nullptr : &found->second;
  }

  /// Every size is that of some dimension.
  void checkSizes() const {
    SmallVector<std::string> names;
    for (const onnx::ValueInfoProto* input : inputs_)
      for (int axis = 0; axis < rankOf(*input); ++axis) {
        SmallVector<std::string> parts = partsOf(shapeOf(*input).dim(axis).dim_param());
        if (parts.empty())
          parts.push_back(nameOf(*input, axis));
        for (const std::string& part : parts)
          if (!isFixed(shapeOf(*input).dim(axis)) && !llvm::is_contained(names, part))
            names.push_back(part);
      }
    for (const auto& [name, size] : sizes_)
      if (!llvm::is_contained(names, name))
        throw UserError(model_.path.string(), "has no dimension '" + name + "' whose size could be given, those of its inputs are " +
                                                  (names.empty() ? "all fixed" : llvm::join(names, ", ")) + "; correct --dim");
  }

  [[noreturn]] void failUnknown() const {
    std::string text, advice;
    for (const auto& [name, inputs] : unknown_) {
      text += (text.empty() ? "" : ", ") + name + " (" + inputs + ")";
      advice += (advice.empty() ? "--dim=" : ",") + name + "=SIZE";
    }
    std::string count = unknown_.size() == 1 ? "1 dynamic dimension" : std::to_string(unknown_.size()) + " dynamic dimensions";
    throw UserError(model_.path.string(), "has " + count + " besides batch and sequence, whose sizes are not known: " + text + "; give " +
                                              advice + ", or export the model with fixed ones");
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
      if (isFixed(shapeOf(*input).dim(1)))
        continue;
      if (input->name() == "input_ids")
        return input;
      if (sizeOf(*input, 1) || (findEmbeddings() && isBesideTokens(*input)))  // somebody knows better
        continue;
      candidates.push_back(input);
    }
    if (candidates.size() > 1)
      throw UserError(model_.path.string(), "has " + std::to_string(candidates.size()) +
                                                " inputs that can be token ids, expected one named input_ids among them; rename it");
    return candidates.empty() ? nullptr : candidates.front();
  }

  static bool isBesideTokens(const onnx::ValueInfoProto& input) {
    return input.name() == "attention_mask" || input.name() == "position_ids" || input.name() == "token_type_ids";
  }

  /// Floats [batch, sequence, width] in place of token ids, with a mask or positions of the same sequence; nullptr for none.
  const onnx::ValueInfoProto* findEmbeddings() const {
    auto isOf = [&](const onnx::ValueInfoProto& other, const std::string& length) {
      return isInteger(other) && rankOf(other) == 2 && isBesideTokens(other) && shapeOf(other).dim(1).dim_param() == length;
    };
    for (const onnx::ValueInfoProto* input : inputs_) {
      if (isInteger(*input) || rankOf(*input) != 3 || isFixed(shapeOf(*input).dim(1)) || !isFixed(shapeOf(*input).dim(2)) ||
          sizeOf(*input, 1))
        continue;
      const std::string& length = shapeOf(*input).dim(1).dim_param();
      if (!length.empty() && llvm::any_of(inputs_, [&](const onnx::ValueInfoProto* other) { return isOf(*other, length); }))
        return input;
    }
    return nullptr;
  }

  /// [batch, keys], or [batch, 1, positions, positions] as Megatron has it, of which graphs with past cut what a step needs.
  static bool isMask(const onnx::ValueInfoProto& input) {
    const Shape& shape = shapeOf(input);
    auto fixed = [&](int axis) { return isFixed(shape.dim(axis)) ? shape.dim(axis).dim_value() : -1; };
    return input.name() == "attention_mask" &&
           (rankOf(input) == 2 || (rankOf(input) == 4 && fixed(1) == 1 && fixed(2) >= 1 && fixed(2) == fixed(3)));
  }

  InputRole roleOf(const onnx::ValueInfoProto& input, const onnx::ValueInfoProto* ids) const {
    if (&input == ids)
      return isInteger(input) ? InputRole::ids : InputRole::embeddings;
    if (!ids)
      return InputRole::other;
    if (isInteger(input) && rankOf(input) == 2)
      return input.name() == "position_ids" ? InputRole::positions : isMask(input) ? InputRole::mask : InputRole::other;
    if (hasPast_ && isMask(input))  // old exporters' masks are floats
      return rankOf(input) == 2 ? InputRole::mask : InputRole::causal;
    // A float tensor with a dynamic dimension that is neither batch nor sequence holds what earlier steps left.
    if (!isInteger(input) && rankOf(input) >= 3)
      for (const auto& dim : input.type().tensor_type().shape().dim())
        if (!isFixed(dim) && dim.dim_param() != batch_ && dim.dim_param() != sequence_)
          return InputRole::past;
    return InputRole::other;
  }

  void bindTokens(const onnx::ValueInfoProto& ids) {
    const auto& shape = ids.type().tensor_type().shape();
    for (int axis : {0, 1})
      if (sizeOf(ids, axis))
        fail(ids, "has dimension " + nameOf(ids, axis) + ", which is the " + (axis ? "number of tokens" : "batch") +
                      " and cannot be given a size; leave it out of --dim");
    if (isFixed(shape.dim(0)) && shape.dim(0).dim_value() != 1)
      fail(ids, "has a fixed batch of " + std::to_string(shape.dim(0).dim_value()) +
                    ", expected 1 or a dynamic one; export with a dynamic batch");
    hasIds_ = hasSequence_ = true;
    batch_ = shape.dim(0).dim_param();
    sequence_ = shape.dim(1).dim_param();
    if (!batch_.empty())
      named_[batch_] = constantExpr(1, context_);
    if (!sequence_.empty())
      named_[sequence_] = symbolExpr(Symbol::sequence, context_);
  }

  /// What a dimension without a known name is, by the role of its input.
  AffineExpr unnamedDim(const onnx::ValueInfoProto& input, InputRole role, int axis, ArrayRef<AffineExpr> before) {
    AffineExpr sequence = symbolExpr(Symbol::sequence, context_), past = symbolExpr(Symbol::past, context_);
    if (const int64_t* size = sizeOf(input, axis))
      return constantExpr(*size, context_);
    if (AffineExpr sum = sumOf(shapeOf(input).dim(axis).dim_param()))
      return sum;
    if (axis == 0)
      return constantExpr(1, context_);
    switch (role) {
    case InputRole::ids:
    case InputRole::embeddings:
    case InputRole::positions: return sequence;
    case InputRole::mask: return hasPast_ ? sequence + past : sequence;
    case InputRole::past: return past;
    case InputRole::causal:
    case InputRole::other: break;
    }
    // Without tokens, the only dynamic dimension besides the batch is what a step has any number of: rows, which nothing comes before.
    bool first = llvm::all_of(before, [&](AffineExpr dim) { return dim == constantExpr(1, context_); });
    if (first && sequence_.empty() && !hasSequence_) {
      hasSequence_ = true;
      sequence_ = input.type().tensor_type().shape().dim(axis).dim_param();
      // Of samples, so many that convolutions with strides make whole positions of them.
      const AffineExpr samples = !isInteger(input) && axis + 1 == rankOf(input) ? samplesFor(model_, input.name(), sequence) : AffineExpr();
      return samples ? samples : sequence;
    }
    if (!hasIds_ && input.type().tensor_type().shape().dim(axis).dim_param() == sequence_)
      return sequence;
    if (hasIds_ && input.name() == "attention_mask" && rankOf(input) == 2)  // of floats
      return hasPast_ ? sequence + past : sequence;
    return unknown(input, axis);
  }

  /// The names of "past_len + seq_len"; none for any other name.
  static SmallVector<std::string> partsOf(StringRef name) {
    auto [first, second] = name.split('+');
    return second.empty() ? SmallVector<std::string>() : SmallVector<std::string>{first.trim().str(), second.trim().str()};
  }

  /// What a name stands for: known before, or given; null for any other.
  AffineExpr named(const std::string& name) const {
    auto known = named_.find(name);
    auto given = sizes_.find(name);
    return known != named_.end() ? known->second : given != sizes_.end() ? constantExpr(given->second, context_) : AffineExpr();
  }

  /// Null where the name is no sum, or a part of it is not known.
  AffineExpr sumOf(StringRef name) const {
    SmallVector<std::string> parts = partsOf(name);
    AffineExpr a = parts.empty() ? AffineExpr() : named(parts[0]), b = parts.empty() ? AffineExpr() : named(parts[1]);
    return a && b ? foldBinary(tfm::BinaryKind::add, a, b) : AffineExpr();  // in the order that all sums have
  }

  /// Asks for the size of a dimension, or for those that it is the sum of.
  AffineExpr unknown(const onnx::ValueInfoProto& input, int axis) {
    SmallVector<std::string> names = partsOf(shapeOf(input).dim(axis).dim_param());
    if (names.empty())
      names.push_back(nameOf(input, axis));
    for (const std::string& name : names) {
      if (named(name))
        continue;
      std::string& inputs = unknown_[name];
      inputs += (inputs.empty() ? "" : ", ") + input.name();
    }
    return constantExpr(1, context_);
  }

  RankedTensorType typeOf(const onnx::ValueInfoProto& input, InputRole role) {
    const auto& tensor = input.type().tensor_type();
    Type element = elementOf(tensor.elem_type(), context_);
    if (!element)
      fail(input, "has elements of a type that is not supported; export the model in float32");
    SmallVector<AffineExpr> dims;
    int dynamic = 0;
    const size_t unknown = unknown_.size();
    for (int axis = 0; axis < tensor.shape().dim_size(); ++axis) {
      const auto& dim = tensor.shape().dim(axis);
      if (isFixed(dim)) {
        dims.push_back(constantExpr(dim.dim_value(), context_));
        continue;
      }
      auto named = named_.find(dim.dim_param());
      AffineExpr expr = named != named_.end() && !dim.dim_param().empty() ? named->second : unnamedDim(input, role, axis, dims);
      if (!dim.dim_param().empty())
        named_[dim.dim_param()] = expr;
      dynamic += !isa<AffineConstantExpr>(expr);
      dims.push_back(expr);
    }
    if (role == InputRole::past && dynamic != 1 && unknown == unknown_.size())
      fail(input, "has " + std::to_string(dynamic) +
                      " dynamic dimensions besides the batch, expected one; export it as a cache of keys or values");
    return tfm::makeTensorType(dims, element);
  }

  const OnnxModel& model_;
  MLIRContext* context_;
  const std::map<std::string, int64_t>& sizes_;
  std::map<std::string, std::string> unknown_;  // and the inputs that have them
  std::vector<const onnx::ValueInfoProto*> inputs_;
  std::string batch_, sequence_;
  bool hasPast_ = false, hasIds_ = false, hasSequence_ = false;
  std::map<std::string, AffineExpr> named_;
};

}  // namespace

std::vector<Input> readInputs(const OnnxModel& model, const std::map<std::string, int64_t>& sizes, MLIRContext* context) {
  return InputReader(model, sizes, context).read();
}

}  // namespace quantc::onnx_import
