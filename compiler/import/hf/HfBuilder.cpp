#include "compiler/import/hf/HfBuilder.h"

#include <algorithm>

#include "compiler/support/Error.h"
#include "compiler/weights/FloatConversion.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace quantc {

using namespace mlir;
using tfm::Symbol;

namespace {

RankedTensorType ranked(Value value) { return cast<RankedTensorType>(value.getType()); }

constexpr int64_t kLargestHeadDim = 4096;

struct NamedActivation {
  const char* name;
  tfm::UnaryKind kind;
};
constexpr NamedActivation kActivations[] = {
    {"silu", tfm::UnaryKind::silu},          {"swish", tfm::UnaryKind::silu},          {"gelu", tfm::UnaryKind::gelu},
    {"gelu_new", tfm::UnaryKind::gelu_tanh}, {"gelu_fast", tfm::UnaryKind::gelu_tanh}, {"gelu_pytorch_tanh", tfm::UnaryKind::gelu_tanh},
    {"relu", tfm::UnaryKind::relu},
};

}  // namespace

tfm::UnaryKind activation(const ConfigJson& config, const char* key, const std::string& absent) {
  std::string name = config.text(key, absent);
  std::vector<std::string> known;
  for (const NamedActivation& row : kActivations) {
    if (name == row.name)
      return row.kind;
    known.push_back(row.name);
  }
  config.failUnknown(key, name, known);
}

AttentionShape attentionShape(const ConfigJson& config, int64_t hiddenSize) {
  AttentionShape shape;
  shape.heads = config.count("num_attention_heads");
  shape.kvHeads = config.count("num_key_value_heads", shape.heads);
  if (shape.heads % shape.kvHeads != 0)
    config.fail("num_attention_heads",
                "is " + std::to_string(shape.heads) + ", expected a multiple of num_key_value_heads, which is " +
                    std::to_string(shape.kvHeads),
                kCorrect);
  if (!config.has("head_dim") && hiddenSize % shape.heads != 0)
    config.fail("hidden_size",
                "is " + std::to_string(hiddenSize) + ", expected a multiple of num_attention_heads, which is " +
                    std::to_string(shape.heads),
                kCorrect);
  shape.headDim = config.has("head_dim") ? config.count("head_dim") : hiddenSize / shape.heads;
  if (shape.headDim > kLargestHeadDim)
    config.fail("head_dim", "is " + std::to_string(shape.headDim) + ", expected at most " + std::to_string(kLargestHeadDim), kCorrect);
  return shape;
}

HfBuilder::HfBuilder(ModuleOp module, const ConfigJson& config, const Checkpoint& checkpoint, const ImportOptions& options)
    : module_(module), config_(config), checkpoint_(checkpoint), options_(options), builder_(module.getContext()) {
  builder_.setInsertionPointToEnd(module.getBody());
  AffineExpr sequence = tfm::symbolExpr(Symbol::sequence, module.getContext());
  Type idsType = tfm::makeTensorType({sequence}, builder_.getI32Type());
  function_ = builder_.create<func::FuncOp>(module.getLoc(), "main", builder_.getFunctionType({idsType}, {}));
  Block* body = function_.addEntryBlock();
  function_.setArgAttr(0, "tfm.name", builder_.getStringAttr("input_ids"));
  ids_ = body->getArgument(0);
  builder_.setInsertionPointToEnd(body);
}

Value HfBuilder::integers(const std::string& name, int32_t initial) {
  SmallVector<NamedAttribute> attributes = {builder_.getNamedAttr("tfm.name", builder_.getStringAttr(name))};
  if (initial)
    attributes.push_back(builder_.getNamedAttr(tfm::kInitialAttribute, builder_.getI32IntegerAttr(initial)));
  unsigned index = function_.getNumArguments();
  function_.insertArgument(index, ids_.getType(), builder_.getDictionaryAttr(attributes), at(name));
  return function_.getArgument(index);
}

Location HfBuilder::at(const std::string& name) { return NameLoc::get(builder_.getStringAttr(name)); }

RankedTensorType HfBuilder::typeLike(Value value, int64_t width) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(ranked(value));
  dims.back() = getAffineConstantExpr(width, builder_.getContext());
  return tfm::makeTensorType(dims, builder_.getF32Type());
}

Value HfBuilder::linear(const std::string& name, Value input, Value weight, Attribute bias) {
  RankedTensorType type = typeLike(input, ranked(weight).getDimSize(0));
  Value product = builder_.create<tfm::LinearOp>(at(name), type, input, weight);
  return bias ? binary(name, tfm::BinaryKind::add, product, this->weight(name + ".bias", bias)) : product;
}

Value HfBuilder::embed(const std::string& name, Value table, Value ids) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(ranked(ids));
  dims.push_back(getAffineConstantExpr(ranked(table).getDimSize(1), builder_.getContext()));
  return builder_.create<tfm::EmbedOp>(at(name), tfm::makeTensorType(dims, builder_.getF32Type()), ids, table);
}

Value HfBuilder::positionRows(const std::string& name, Value table) {
  AffineExpr sequence = tfm::symbolExpr(Symbol::sequence, builder_.getContext());
  AffineExpr width = getAffineConstantExpr(ranked(table).getDimSize(1), builder_.getContext());
  return builder_.create<tfm::PositionRowsOp>(at(name), tfm::makeTensorType({sequence, width}, builder_.getF32Type()), table);
}

Attribute HfBuilder::shifted(const std::string& name, Attribute vector, double offset) {
  const CheckpointTensor found = *checkpoint_.find(name);
  std::vector<float> values(found.tensor->elements());
  bool finite = !found.tensor->blocks && convertToFloat(found.tensor->type, found.tensor->data, 0, found.tensor->elements(), values.data());
  if (!finite)
    throw UserError(checkpoint_.files()[found.file]->path().string() + ":" + found.tensor->name,
                    std::string("holds what is no finite number, expected the weights of a norm; ") + kCorrect);
  for (float& value : values)
    value = value + static_cast<float>(offset);
  auto type = RankedTensorType::get(tfm::typeOfWeight(vector).getShape(), builder_.getF32Type());
  return tfm::LiteralAttr::get(builder_.getContext(), DenseElementsAttr::get(type, ArrayRef<float>(values)));
}

Value HfBuilder::rmsNorm(const std::string& name, Value input, double epsilon, double offset) {
  int64_t width = ranked(input).getShape().back();
  Attribute expr = stored(name + ".weight", {width}, "its width is " + std::to_string(width));
  Value scale = weight(name + ".weight", offset == 0 ? expr : shifted(name + ".weight", expr, offset));
  return builder_.create<tfm::RmsNormOp>(at(name), input.getType(), input, scale, builder_.getF32FloatAttr(static_cast<float>(epsilon)));
}

Value HfBuilder::vector(const std::string& name, const std::string& oldName, int64_t width) {
  const std::string& found = !hasTensor(name) && hasTensor(oldName) ? oldName : name;
  return weight(found, stored(found, {width}, "its width is " + std::to_string(width)));
}

Value HfBuilder::headNorm(const std::string& name, Value input, int64_t headDim, double epsilon, double offset) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(ranked(input));
  int64_t heads = ranked(input).getShape().back() / headDim;
  dims.back() = getAffineConstantExpr(heads, builder_.getContext());
  dims.push_back(getAffineConstantExpr(headDim, builder_.getContext()));
  Value split = builder_.create<tfm::ReshapeOp>(at(name), tfm::makeTensorType(dims, builder_.getF32Type()), input);
  return builder_.create<tfm::ReshapeOp>(at(name), input.getType(), rmsNorm(name, split, epsilon, offset));
}

Value HfBuilder::layerNorm(const std::string& name, Value input, double epsilon) {
  int64_t width = ranked(input).getShape().back();
  Value scale = vector(name + ".weight", name + ".gamma", width), bias = vector(name + ".bias", name + ".beta", width);
  return builder_.create<tfm::LayerNormOp>(at(name), input.getType(), input, scale, bias,
                                           builder_.getF32FloatAttr(static_cast<float>(epsilon)));
}

Value HfBuilder::unary(const std::string& name, tfm::UnaryKind kind, Value operand) {
  return builder_.create<tfm::UnaryOp>(at(name), operand.getType(), kind, operand);
}

Value HfBuilder::binary(const std::string& name, tfm::BinaryKind kind, Value lhs, Value rhs) {
  if (!ranked(rhs).getElementType().isF32())
    rhs = builder_.create<tfm::CastOp>(at(name), tfm::withElement(ranked(rhs), builder_.getF32Type()), rhs);
  return builder_.create<tfm::BinaryOp>(at(name), lhs.getType(), kind, lhs, rhs);
}

Value HfBuilder::scalar(const std::string& name, float value) {
  auto type = RankedTensorType::get({}, builder_.getF32Type());
  return builder_.create<tfm::ConstantOp>(at(name), type, DenseElementsAttr::get(type, value));
}

Value HfBuilder::rope(const std::string& name, Value input, const RopeParameters& rope, int64_t headDim, bool interleaved) {
  return builder_.create<tfm::RopeOp>(at(name), input.getType(), input, builder_.getI64IntegerAttr(headDim),
                                      builder_.getI64IntegerAttr(rope.rotaryDim), builder_.getBoolAttr(interleaved),
                                      builder_.getDenseF32ArrayAttr(rope.inverseFrequencies), builder_.getF32FloatAttr(1.0f));
}

Value HfBuilder::cacheAppend(const std::string& cache, Value input, const AttentionShape& shape) {
  MLIRContext* context = builder_.getContext();
  SmallVector<AffineExpr> dims = tfm::dimsOf(ranked(input));
  dims[dims.size() - 2] = tfm::symbolExpr(Symbol::sequence, context) + tfm::symbolExpr(Symbol::past, context);
  return builder_.create<tfm::CacheAppendOp>(at(cache), tfm::makeTensorType(dims, builder_.getF32Type()), input,
                                             builder_.getStringAttr(cache), builder_.getI64IntegerAttr(shape.kvHeads),
                                             builder_.getI64IntegerAttr(shape.headDim));
}

Value HfBuilder::attention(int64_t layer, Value query, Value key, Value value, const AttentionShape& shape, double scale, int64_t window,
                           double softcap, ArrayRef<float> slopes) {
  std::string prefix = "layers." + std::to_string(layer);
  Value keys = cacheAppend(prefix + ".key", key, shape), values = cacheAppend(prefix + ".value", value, shape);
  return builder_.create<tfm::AttentionOp>(
      at(prefix + ".attention"), query.getType(), query, keys, values, Value(), builder_.getI64IntegerAttr(shape.heads),
      builder_.getI64IntegerAttr(shape.kvHeads), builder_.getI64IntegerAttr(shape.headDim),
      builder_.getF32FloatAttr(static_cast<float>(scale)), tfm::MaskKindAttr::get(builder_.getContext(), tfm::MaskKind::causal),
      builder_.getI64IntegerAttr(window), builder_.getF32FloatAttr(static_cast<float>(softcap)), builder_.getDenseF32ArrayAttr(slopes));
}

Value HfBuilder::bidirectionalAttention(const std::string& name, Value query, Value key, Value value, const AttentionShape& shape,
                                        double scale, Value padding) {
  auto kind = padding ? tfm::MaskKind::padding : tfm::MaskKind::full;
  return builder_.create<tfm::AttentionOp>(at(name), query.getType(), query, key, value, padding, builder_.getI64IntegerAttr(shape.heads),
                                           builder_.getI64IntegerAttr(shape.kvHeads), builder_.getI64IntegerAttr(shape.headDim),
                                           builder_.getF32FloatAttr(static_cast<float>(scale)),
                                           tfm::MaskKindAttr::get(builder_.getContext(), kind), builder_.getI64IntegerAttr(0),
                                           builder_.getF32FloatAttr(0), builder_.getDenseF32ArrayAttr({}));
}

void HfBuilder::addBias(Value attention, Attribute table, int64_t before) {
  attention.getDefiningOp<tfm::AttentionOp>().setBias(table, before);
}

Value HfBuilder::row(const std::string& name, Value input, int64_t index) {
  MLIRContext* context = builder_.getContext();
  SmallVector<AffineExpr> dims = tfm::dimsOf(ranked(input));
  size_t axis = dims.size() - 2;
  dims[axis] = getAffineConstantExpr(1, context);
  return builder_.create<tfm::SliceOp>(at(name), tfm::makeTensorType(dims, builder_.getF32Type()), input, axis,
                                       tfm::symbolicMap(getAffineConstantExpr(index, context), context), 1);
}

Value HfBuilder::tail(Value input) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(ranked(input));
  dims[dims.size() - 2] = tfm::symbolExpr(Symbol::outputs, builder_.getContext());
  return builder_.create<tfm::TailOp>(at("tail"), tfm::makeTensorType(dims, builder_.getF32Type()), input);
}

void HfBuilder::finish(const std::vector<NamedOutput>& outputs) {
  SmallVector<Value> values;
  SmallVector<Type> types;
  for (const NamedOutput& output : outputs) {
    values.push_back(output.value);
    types.push_back(output.value.getType());
  }
  builder_.create<func::ReturnOp>(at(outputs.front().name), values);
  function_.setFunctionType(builder_.getFunctionType(function_.getArgumentTypes(), types));
  for (unsigned i = 0; i < outputs.size(); ++i)
    function_.setResultAttr(i, "tfm.name", builder_.getStringAttr(outputs[i].name));
  refuseUnusedTensors();
}

void HfBuilder::refuseUnusedTensors() const {
  for (const auto& file : checkpoint_.files())
    for (const StoredTensor& tensor : file->tensors())
      if (!used_.count(tensor.name) && !checkpoint_.isConfig(tensor))
        throw UserError(file->path().string() + ":" + tensor.name,
                        "is no part of the model that " + config_.where() + " describes; fetch config and weights of the same checkpoint");
}

}  // namespace quantc
