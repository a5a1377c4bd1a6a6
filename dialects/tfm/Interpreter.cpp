#include "dialects/tfm/Interpreter.h"

#include <algorithm>
#include <cmath>

#include "compiler/support/Error.h"
#include "compiler/weights/WeightReader.h"
#include "dialects/tfm/InterpreterMath.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

namespace quantc::tfm {

using namespace mlir;
using namespace interpret;

namespace {

constexpr int64_t kMostElements = int64_t(1) << 27;

Array fromElements(ElementsAttr elements) {
  auto type = cast<RankedTensorType>(elements.getShapedType());
  Array array = makeArray(type.getElementType(), type.getShape());
  if (isa<FloatType>(type.getElementType())) {
    size_t i = 0;
    for (const APFloat& value : elements.getValues<APFloat>())
      array.values[i++] = value.convertToDouble();
  } else {
    bool isSigned = !type.getElementType().isInteger(1) && !type.getElementType().isUnsignedInteger();
    size_t i = 0;
    for (const APInt& value : elements.getValues<APInt>())
      array.values[i++] = isSigned ? static_cast<double>(value.getSExtValue()) : static_cast<double>(value.getZExtValue());
  }
  return array;
}

Array tail(const Array& input, int64_t rows, ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides = stridesOf(input.shape);
  size_t axis = input.shape.size() - 2;
  return strided(input, (input.shape[axis] - rows) * strides[axis], strides, shape);
}

Array retyped(const Array& operand, Type element) {
  Array result = operand;
  result.element = element;
  for (double& value : result.values)
    value = roundTo(value, element);
  return result;
}

}  // namespace

std::optional<int64_t> elementCount(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    if (size < 0 || llvm::MulOverflow(count, size, count) || count > kMostElements)
      return std::nullopt;
  return count;
}

double roundTo(double value, Type element) {
  if (element.isF32())
    return static_cast<float>(value);
  if (element.isF64())
    return value;
  if (auto type = dyn_cast<FloatType>(element)) {
    APFloat rounded(value);
    bool inexact = false;
    rounded.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &inexact);
    return rounded.convertToDouble();
  }
  if (element.isInteger(1))
    return value != 0;
  value = std::trunc(value);
  const unsigned width = element.getIntOrFloatBitWidth();
  if (width >= 32)
    return value;
  // Fewer bits wrap around what int32 holds of the number, as in the kernels.
  auto number = std::isnan(value) ? 0 : static_cast<int64_t>(std::clamp(value, -2147483648.0, 2147483647.0));
  number &= (int64_t{1} << width) - 1;
  return static_cast<double>(element.isUnsignedInteger() || number < int64_t{1} << (width - 1) ? number : number - (int64_t{1} << width));
}

SmallVector<int64_t> Interpreter::shapeOf(RankedTensorType type) const {
  SmallVector<int64_t> shape;
  for (AffineExpr dim : dimsOf(type))
    shape.push_back(tfm::evaluate(dim, step_.sequence, step_.past, step_.outputs, step_.source));
  return shape;
}

std::nullopt_t Interpreter::decline(Operation* op, const Twine& why) {
  reason_ = (op->getName().getStringRef() + " " + why).str();
  return std::nullopt;
}

const Array* Interpreter::evaluate(Value value) {
  if (auto known = known_.find(value); known != known_.end())
    return &known->second;
  Operation* op = value.getDefiningOp();
  if (!op) {
    reason_ = "depends on an argument";
    return nullptr;
  }
  for (Value operand : op->getOperands())
    if (!evaluate(operand))
      return nullptr;
  SmallVector<const Array*> operands;  // only now: evaluating may move what is known
  for (Value operand : op->getOperands())
    operands.push_back(&known_.find(operand)->second);
  if (auto choice = dyn_cast<TopKOp>(op)) {
    auto [values, indices] =
        topK(*operands[0], choice.getK(), choice.getNormalize(), cast<RankedTensorType>(choice.getIndices().getType()).getElementType());
    known_.try_emplace(choice.getValues(), std::move(values));
    known_.try_emplace(choice.getIndices(), std::move(indices));
    return &known_.find(value)->second;
  }
  std::optional<Array> result = compute(op, operands);
  if (!result)
    return nullptr;
  // Rows of a float16 table are float32 from here on, as the operation's type says.
  result->element = cast<RankedTensorType>(value.getType()).getElementType();
  return &known_.try_emplace(value, std::move(*result)).first->second;
}

std::optional<Array> Interpreter::weight(Attribute expr) {
  RankedTensorType type = typeOfWeight(expr);
  auto count = elementCount(type.getShape());
  if (!count || !weights_) {
    reason_ = count ? "reads a weight, and there are no files" : "reads a weight that is too large";
    return std::nullopt;
  }
  std::vector<float> values(*count);
  int64_t rows = type.getRank() < 2 ? 1 : type.getDimSize(0);
  try {
    weights_->readRows(expr, 0, rows, values.data());
  } catch (const UserError& error) {
    reason_ = error.what();
    return std::nullopt;
  }
  return Array{type.getElementType(), SmallVector<int64_t>(type.getShape()), std::vector<double>(values.begin(), values.end())};
}

std::optional<Array> Interpreter::cacheAppend(CacheAppendOp op, const Array& input) {
  Array whole{input.element, shapeOf(op.getResult().getType()), {}};
  if (step_.past > 0) {
    auto entry = caches_ ? caches_->find(op.getCache().str()) : Caches::iterator();
    if (!caches_ || entry == caches_->end() || entry->second.size() != step_.past * input.shape.back())
      return decline(op, "has no cache of the past positions");
    whole.values = entry->second.values;
  }
  whole.values.insert(whole.values.end(), input.values.begin(), input.values.end());
  if (caches_)
    (*caches_)[op.getCache().str()] = whole;
  return whole;
}

/// Whether there is a bias for the distance of every key to every query that sees it.
static bool reachesAll(AttentionOp op, const Array& bias, ArrayRef<int64_t> query, ArrayRef<int64_t> key) {
  int64_t rows = query[query.size() - 2], total = key[key.size() - 2], before = op.getBiasBefore();
  int64_t after = op.getMaskKind() == MaskKind::causal ? 0 : rows - 1;
  return total - 1 <= before && after < bias.shape[1] - before;
}

std::optional<Array> Interpreter::sourceRead(SourceReadOp op) {
  auto entry = caches_ ? caches_->find(op.getSource().str()) : Caches::iterator();
  SmallVector<int64_t> shape = shapeOf(op.getResult().getType());
  if (!caches_ || entry == caches_->end() || entry->second.size() != elementCount(shape))
    return decline(op, "reads what no encoder wrote for so many positions");
  return Array{entry->second.element, shape, entry->second.values};
}

bool Interpreter::write(SourceWriteOp op) {
  const Array* rows = evaluate(op.getInput());
  if (rows)
    (*caches_)[op.getSource().str()] = *rows;
  return rows;
}

std::optional<Array> Interpreter::compute(Operation* op, ArrayRef<const Array*> in) {
  auto type = op->getNumResults() == 1 ? dyn_cast<RankedTensorType>(op->getResult(0).getType()) : RankedTensorType();
  if (!type)
    return decline(op, "is not an operation on tensors");
  SmallVector<int64_t> shape = shapeOf(type);
  if (!elementCount(shape))
    return decline(op, "is too large to evaluate");
  Type element = type.getElementType();
  using Result = std::optional<Array>;
  return llvm::TypeSwitch<Operation*, Result>(op)
      .Case([&](WeightOp weightOp) { return weight(weightOp.getExpr()); })
      .Case([&](ConstantOp constant) -> Result { return fromElements(constant.getValue()); })
      .Case([&](IotaOp iota) -> Result {
        Array result = makeArray(element, shape);
        int64_t start = tfm::evaluate(iota.getStart().getResult(0), step_.sequence, step_.past, step_.outputs, step_.source);
        for (int64_t i = 0; i < result.size(); ++i)
          result.values[i] = roundTo(static_cast<double>(start + i * static_cast<int64_t>(iota.getStep())), element);
        return result;
      })
      .Case([&](UnaryOp unaryOp) -> Result { return unary(unaryOp.getKind(), *in[0]); })
      .Case([&](BinaryOp binaryOp) -> Result { return binary(binaryOp.getKind(), *in[0], *in[1], element, shape); })
      .Case([&](SelectOp) -> Result { return interpret::select(*in[0], *in[1], *in[2], shape); })
      .Case([&](CastOp) -> Result { return retyped(*in[0], element); })
      .Case([&](ReduceOp reduceOp) -> Result { return reduce(reduceOp.getKind(), *in[0], reduceOp.getAxes(), shape); })
      .Case([&](SoftmaxOp softmaxOp) -> Result { return softmax(*in[0], softmaxOp.getAxis()); })
      .Case([&](ReshapeOp) -> Result {
        if (*elementCount(shape) != in[0]->size())
          return decline(op, "changes the number of elements");
        return Array{element, shape, in[0]->values};
      })
      .Case([&](TransposeOp transpose) -> Result {
        SmallVector<int64_t> from = stridesOf(in[0]->shape), strides;
        for (int64_t axis : transpose.getOrder())
          strides.push_back(from[axis]);
        return strided(*in[0], 0, strides, shape);
      })
      .Case([&](BroadcastOp) -> Result { return strided(*in[0], 0, broadcastStrides(in[0]->shape, shape), shape); })
      .Case([&](SliceOp slice) -> Result {
        SmallVector<int64_t> strides = stridesOf(in[0]->shape);
        int64_t axis = slice.getAxis(), step = slice.getStep(), count = shape[axis];
        int64_t begin = tfm::evaluate(slice.getBegin().getResult(0), step_.sequence, step_.past, step_.outputs, step_.source);
        if (begin < 0 || (count > 0 && begin + (count - 1) * step >= in[0]->shape[axis]))
          return decline(op, "reaches past the end of its operand");
        int64_t base = begin * strides[axis];
        strides[axis] *= step;
        return strided(*in[0], base, strides, shape);
      })
      .Case([&](ConcatOp concatOp) -> Result { return concat(in, concatOp.getAxis(), shape); })
      .Case([&](GatherOp gatherOp) -> Result {
        Result result = gather(*in[0], *in[1], gatherOp.getAxis(), shape);
        return result ? std::move(result) : decline(op, "has an index out of range");
      })
      .Case([&](GatherElementsOp gatherOp) -> Result {
        Result result = gatherElements(*in[0], *in[1], gatherOp.getAxis());
        return result ? std::move(result) : decline(op, "has an index out of range");
      })
      .Case([&](MatmulOp) -> Result { return matmul(*in[0], *in[1], shape); })
      .Case([&](LinearOp) -> Result { return linear(*in[0], *in[1], shape); })
      .Case([&](EmbedOp) -> Result {
        Result result = gather(*in[1], *in[0], 0, shape);
        return result ? std::move(result) : decline(op, "has an id out of range");
      })
      .Case([&](RmsNormOp normOp) -> Result { return norm(*in[0], *in[1], nullptr, normOp.getEpsilon().convertToDouble()); })
      .Case([&](LayerNormOp normOp) -> Result { return norm(*in[0], *in[1], in[2], normOp.getEpsilon().convertToDouble()); })
      .Case([&](PatchesOp patchesOp) -> Result { return patches(*in[0], patchesOp, shape); })
      .Case([&](GroupNormOp normOp) -> Result { return groupNorm(*in[0], normOp.getGroups(), normOp.getEpsilon().convertToDouble()); })
      .Case([&](RopeOp ropeOp) -> Result { return rope(*in[0], ropeOp, step_.past); })
      .Case([&](PositionRowsOp) -> Result {
        int64_t width = shape.back(), rows = width ? *elementCount(shape) / width : 0;
        if (in[0]->shape[0] < step_.past + rows)
          return decline(op, "has fewer positions than the step asks for");
        return strided(*in[0], step_.past * width, stridesOf(shape), shape);
      })
      .Case([&](CacheAppendOp append) -> Result { return cacheAppend(append, *in[0]); })
      .Case([&](SourceReadOp read) { return sourceRead(read); })
      .Case([&](WindowsOp windowsOp) -> Result { return windows(*in[0], windowsOp, shape); })
      .Case([&](AttentionOp attentionOp) -> Result {
        std::optional<Array> bias = attentionOp.getBias() ? weight(attentionOp.getBias()) : std::nullopt;
        if (attentionOp.getBias() && !bias)
          return std::nullopt;
        if (bias && !reachesAll(attentionOp, *bias, in[0]->shape, in[1]->shape))
          return decline(op, "has positions farther apart than its biases reach");
        return attention(attentionOp, *in[0], *in[1], *in[2], in.size() > 3 ? in[3] : nullptr, bias ? &*bias : nullptr, shape);
      })
      .Case([&](ExpertLinearOp experts) -> Result {
        Result result = expertLinear(*in[0], *in[1], *in[2], experts.getExperts(), shape);
        return result ? std::move(result) : decline(op, "has an index beyond its experts");
      })
      .Case([&](CombineOp) -> Result { return combine(*in[0], *in[1], shape); })
      .Case([&](TailOp) -> Result { return tail(*in[0], step_.outputs, shape); })
      .Default([&](Operation*) -> Result { return decline(op, "has no reference evaluation"); });
}

}  // namespace quantc::tfm
