#include "compiler/import/hf/HfBuilder.h"

#include <algorithm>

#include "compiler/support/Error.h"
#include "compiler/weights/ElementType.h"
#include "compiler/weights/FloatConversion.h"
#include "dialects/schemes/BlockFormat.h"
#include "dialects/tfm/Quotient.h"
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

Attribute HfBuilder::stored(const std::string& name, ArrayRef<int64_t> shape, const std::string& reason) {
  std::optional<CheckpointTensor> found = checkpoint_.find(name);
  if (!found)
    throw UserError(checkpoint_.where() + ":" + name, "there is no such tensor, " + config_.where() + " says " + reason +
                                                          "; fetch config and weights of the same checkpoint");
  const StoredTensor& tensor = *found->tensor;
  SmallVector<int64_t> inFile(shape);
  if (found->arrangement == Arrangement::transposed)
    std::reverse(inFile.begin(), inFile.end());
  if (ArrayRef<int64_t>(tensor.shape) != ArrayRef<int64_t>(inFile))
    throw UserError(checkpoint_.files()[found->file]->path().string() + ":" + tensor.name,
                    "has shape " + shapeText(tensor.shape) + ", " + config_.where() + " says " + reason + " and so " +
                        shapeText({inFile.begin(), inFile.end()}) + "; fetch config and weights of the same checkpoint");
  used_.insert(tensor.name);
  MLIRContext* context = builder_.getContext();
  StringAttr blocks = tensor.blocks ? builder_.getStringAttr(tensor.blocks->name) : StringAttr();
  Attribute expr = tfm::StoredAttr::get(context, found->file, builder_.getStringAttr(tensor.name), tensorType(tensor, context), blocks);
  if (found->arrangement == Arrangement::transposed && shape.size() == 2)
    return transposed(expr);
  if (found->arrangement == Arrangement::rotaryPairs) {
    int64_t half = shape.front() / found->heads / 2, rest = shape.size() > 1 ? shape.back() : 1;
    expr = tfm::ReshapedAttr::get(context, expr, {found->heads, half, 2, rest});
    expr = tfm::PermutedAttr::get(context, expr, {0, 2, 1, 3});
    expr = tfm::ReshapedAttr::get(context, expr, shape);
  }
  return expr;
}

int64_t HfBuilder::rowsOf(const std::string& name) {
  std::optional<CheckpointTensor> found = checkpoint_.find(name);
  return found && found->tensor->shape.size() == 2 ? found->tensor->shape[0] : 1;
}

void HfBuilder::ignore(const std::string& name) {
  if (std::optional<CheckpointTensor> found = checkpoint_.find(name))
    used_.insert(found->tensor->name);
}

/// What is transposed twice is as the file has it, groups of quantized numbers included.
Attribute HfBuilder::transposed(Attribute expr) {
  if (auto permuted = dyn_cast<tfm::PermutedAttr>(expr); permuted && permuted.getOrder() == ArrayRef<int64_t>{1, 0})
    return permuted.getInner();
  return tfm::PermutedAttr::get(builder_.getContext(), expr, {1, 0});
}

Attribute HfBuilder::rows(Attribute expr, int64_t begin, int64_t end) {
  return tfm::SlicedAttr::get(builder_.getContext(), expr, 0, begin, end);
}

Attribute HfBuilder::columns(Attribute expr, ArrayRef<int64_t> indices) {
  SmallVector<Attribute> parts;
  for (int64_t index : indices)
    parts.push_back(tfm::SlicedAttr::get(builder_.getContext(), expr, 1, index, index + 1));
  return tfm::ConcatenatedAttr::get(builder_.getContext(), parts, 1);
}

Attribute HfBuilder::stacked(ArrayRef<Attribute> exprs) {
  return exprs.size() == 1 ? exprs[0] : Attribute(tfm::ConcatenatedAttr::get(builder_.getContext(), exprs, 0));
}

Attribute HfBuilder::partOfRows(Attribute expr, int64_t blocks, int64_t parts, int64_t part) {
  MLIRContext* context = builder_.getContext();
  SmallVector<int64_t> shape(tfm::typeOfWeight(expr).getShape());
  int64_t rest = shape.size() > 1 ? shape[1] : 1, perPart = shape[0] / (blocks * parts);
  shape[0] = blocks * perPart;
  expr = tfm::ReshapedAttr::get(context, expr, {blocks, parts, perPart, rest});
  return tfm::ReshapedAttr::get(context, tfm::SlicedAttr::get(context, expr, 1, part, part + 1), shape);
}

Value HfBuilder::weight(const std::string& name, Attribute expr) {
  return builder_.create<tfm::WeightOp>(at(name), tfm::typeOfWeight(expr), expr);
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

std::pair<Value, Value> HfBuilder::topK(const std::string& name, Value logits, int64_t k, bool normalize) {
  RankedTensorType values = typeLike(logits, k);
  auto op = builder_.create<tfm::TopKOp>(at(name), values, tfm::withElement(values, builder_.getI32Type()), logits,
                                         builder_.getI64IntegerAttr(k), builder_.getBoolAttr(normalize));
  return {op.getValues(), op.getIndices()};
}

Value HfBuilder::expertWeights(const std::string& name, llvm::function_ref<std::string(int64_t)> each, int64_t experts, int64_t out,
                               int64_t in, const std::string& reason) {
  const std::string together = name + ".weight";
  if (hasTensor(together))
    return weight(together, tfm::ReshapedAttr::get(builder_.getContext(), stored(together, {experts, out, in}, reason),
                                                   ArrayRef<int64_t>{experts * out, in}));
  SmallVector<Attribute> weights;
  for (int64_t expert = 0; expert < experts; ++expert)
    weights.push_back(stored(each(expert) + ".weight", {out, in}, reason));
  return weight(together, stacked(weights));
}

Value HfBuilder::expertLinear(const std::string& name, Value input, Value weight, Value indices, int64_t experts) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(ranked(indices));
  dims.push_back(getAffineConstantExpr(ranked(weight).getDimSize(0) / experts, builder_.getContext()));
  return builder_.create<tfm::ExpertLinearOp>(at(name), tfm::makeTensorType(dims, builder_.getF32Type()), input, weight, indices,
                                              builder_.getI64IntegerAttr(experts));
}

Value HfBuilder::combine(const std::string& name, Value input, Value factors) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(ranked(input));
  dims.erase(dims.end() - 2);
  return builder_.create<tfm::CombineOp>(at(name), tfm::makeTensorType(dims, builder_.getF32Type()), input, factors);
}

void HfBuilder::beginEncode() {
  function_.setArgAttr(0, "tfm.name", builder_.getStringAttr("decoder_input_ids"));
  builder_.setInsertionPointToEnd(module_.getBody());
  encode_ = builder_.create<func::FuncOp>(module_.getLoc(), "encode", builder_.getFunctionType({}, {}));
  builder_.setInsertionPointToEnd(encode_.addEntryBlock());
}

void HfBuilder::endEncode() {
  builder_.create<func::ReturnOp>(at("encode"));
  builder_.setInsertionPointToEnd(&function_.getBody().front());
}

Value HfBuilder::encodeIds(const std::string& name) {
  unsigned index = encode_.getNumArguments();
  encode_.insertArgument(index, ids_.getType(), builder_.getDictionaryAttr(builder_.getNamedAttr("tfm.name", builder_.getStringAttr(name))),
                         at(name));
  return encode_.getArgument(index);
}

Value HfBuilder::encodeFloats(const std::string& name, ArrayRef<AffineExpr> dims) {
  unsigned index = encode_.getNumArguments();
  encode_.insertArgument(index, tfm::makeTensorType(dims, builder_.getF32Type()),
                         builder_.getDictionaryAttr(builder_.getNamedAttr("tfm.name", builder_.getStringAttr(name))), at(name));
  return encode_.getArgument(index);
}

void HfBuilder::sourceWrite(const std::string& name, Value input, bool keys, const AttentionShape& shape) {
  builder_.create<tfm::SourceWriteOp>(at(name), input, builder_.getStringAttr(name), builder_.getBoolAttr(keys),
                                      builder_.getI64IntegerAttr(shape.kvHeads), builder_.getI64IntegerAttr(shape.headDim));
}

Value HfBuilder::sourceRead(const std::string& name, bool keys, const AttentionShape& shape) {
  MLIRContext* context = builder_.getContext();
  AffineExpr dims[] = {tfm::symbolExpr(Symbol::source, context), getAffineConstantExpr(shape.kvHeads * shape.headDim, context)};
  return builder_.create<tfm::SourceReadOp>(at(name), tfm::makeTensorType(dims, builder_.getF32Type()), builder_.getStringAttr(name),
                                            builder_.getBoolAttr(keys), builder_.getI64IntegerAttr(shape.kvHeads),
                                            builder_.getI64IntegerAttr(shape.headDim));
}

Value HfBuilder::channelsLast(const std::string& name, Value input, AffineExpr positions) {
  AffineExpr channels = tfm::dimsOf(ranked(input))[0];
  Value first = builder_.create<tfm::SliceOp>(at(name), tfm::makeTensorType({channels, positions}, builder_.getF32Type()), input, 1,
                                              tfm::symbolicMap(number(0), builder_.getContext()), 1);
  return builder_.create<tfm::TransposeOp>(at(name), tfm::makeTensorType({positions, channels}, builder_.getF32Type()), first,
                                           ArrayRef<int64_t>{1, 0});
}

Value HfBuilder::convolution(const std::string& name, Value input, int64_t out, int64_t kernel, int64_t stride, int64_t padding,
                             const std::string& reason) {
  int64_t channels = ranked(input).getShape().back();
  AffineExpr rows = tfm::floorDivided(tfm::dimsOf(ranked(input))[0] + (2 * padding - kernel), stride) + 1;
  Value windows = builder_.create<tfm::WindowsOp>(at(name), tfm::makeTensorType({rows, number(kernel * channels)}, builder_.getF32Type()),
                                                  input, builder_.getI64IntegerAttr(kernel), builder_.getI64IntegerAttr(stride),
                                                  builder_.getI64IntegerAttr(padding), builder_.getI64IntegerAttr(padding));
  Attribute expr = stored(name + ".weight", {out, channels, kernel}, reason);
  expr = tfm::PermutedAttr::get(builder_.getContext(), expr, {0, 2, 1});
  expr = tfm::ReshapedAttr::get(builder_.getContext(), expr, {out, kernel * channels});
  return linear(name, windows, weight(name + ".weight", expr), stored(name + ".bias", {out}, reason));
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
