#include "dialects/tfm/ElementInterpreter.h"

#include "dialects/tfm/InterpreterMath.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/TypeSwitch.h"

namespace quantc::tfm {

using namespace mlir;
using namespace interpret;

/// Element i along an axis is the sum over all j of x(j) where `kind`(j, i).
struct CumulativeSum {
  Value x;  // [..., 1, extent, ...]
  BinaryKind kind;
};

namespace {

/// The only dimension of a reshaped iota that is not 1, counted from the back; -1 for anything else.
int64_t axisOfNumbers(Value value, IotaOp& numbers) {
  auto reshape = value.getDefiningOp<ReshapeOp>();
  numbers = reshape ? reshape.getOperand().getDefiningOp<IotaOp>() : IotaOp();
  if (!numbers)
    return -1;
  int64_t found = -1;
  for (auto [back, dim] : llvm::enumerate(llvm::reverse(dimsOf(cast<RankedTensorType>(value.getType())))))
    if (auto constant = dyn_cast<AffineConstantExpr>(dim); !constant || constant.getValue() != 1) {
      if (found >= 0)
        return -1;
      found = static_cast<int64_t>(back);
    }
  return found;
}

/// Sums over one axis of what is selected by comparing its number with that of the axis before it.
std::optional<CumulativeSum> cumulativeSumOf(ReduceOp op) {
  auto select = op.getOperand().getDefiningOp<SelectOp>();
  auto compare = select ? select.getCondition().getDefiningOp<BinaryOp>() : BinaryOp();
  auto zero = select ? select.getRhs().getDefiningOp<ConstantOp>() : ConstantOp();
  if (!compare || !zero || op.getKind() != ReduceKind::sum || op.getAxes().size() != 1)
    return std::nullopt;
  auto elements = dyn_cast<DenseElementsAttr>(zero.getValue());
  const bool isZero =
      elements && elements.isSplat() &&
      (isa<FloatType>(elements.getElementType()) ? elements.getSplatValue<APFloat>().isZero() : elements.getSplatValue<APInt>().isZero());
  const int64_t rank = cast<RankedTensorType>(op.getOperand().getType()).getRank(), back = rank - 1 - op.getAxes()[0];
  IotaOp terms, sums;
  if (!isZero || axisOfNumbers(compare.getLhs(), terms) != back || axisOfNumbers(compare.getRhs(), sums) != back + 1 || terms != sums)
    return std::nullopt;
  SmallVector<AffineExpr> dims = dimsOf(cast<RankedTensorType>(select.getLhs().getType()));
  if (static_cast<int64_t>(dims.size()) != rank || dims[rank - 2 - back] != getAffineConstantExpr(1, op.getContext()))
    return std::nullopt;
  switch (compare.getKind()) {
  case BinaryKind::less:
  case BinaryKind::less_equal:
  case BinaryKind::greater:
  case BinaryKind::greater_equal: return CumulativeSum{select.getLhs(), compare.getKind()};
  default: return std::nullopt;
  }
}

constexpr int64_t kMostReduced = int64_t{1} << 24;  // elements that one call reads for a reduction

int64_t coordinate(int64_t index, int64_t stride, int64_t extent) { return index / stride % extent; }

/// Row-major strides, for dimensions of extent 1 too.
SmallVector<int64_t> denseStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (size_t axis = shape.size(); axis-- > 1;)
    strides[axis - 1] = strides[axis] * shape[axis];
  return strides;
}

Array column(Type element, const std::vector<double>& values) { return Array{element, {static_cast<int64_t>(values.size())}, values}; }

}  // namespace

std::nullopt_t ElementInterpreter::decline(Operation* op, const Twine& why) {
  reason_ = (op->getName().getStringRef() + " " + why).str();
  return std::nullopt;
}

SmallVector<int64_t> ElementInterpreter::shapeOf(Value value) const { return whole_.shapeOf(cast<RankedTensorType>(value.getType())); }

ElementInterpreter::Indices ElementInterpreter::intern(std::vector<int64_t> indices) {
  const size_t hash = llvm::hash_combine_range(indices.begin(), indices.end());
  auto [first, last] = lists_.equal_range(hash);
  for (auto entry = first; entry != last; ++entry)
    if (*entry->second == indices)
      return entry->second;
  return lists_.emplace(hash, std::make_shared<const std::vector<int64_t>>(std::move(indices)))->second;
}

std::optional<std::vector<double>> ElementInterpreter::evaluate(Value value, std::vector<int64_t> indices) {
  known_.clear();
  lists_.clear();
  const Elements* found = elements(value, intern(std::move(indices)));
  return found ? std::optional(*found) : std::nullopt;
}

const ElementInterpreter::Elements* ElementInterpreter::elements(Value value, const Indices& indices) {
  if (auto known = known_.find({value, indices.get()}); known != known_.end())
    return known->second.get();
  Operation* op = value.getDefiningOp();
  std::optional<Elements> result = op ? compute(op, value, indices) : computeWhole(value, indices, whole_);
  if (!result)
    return nullptr;
  return (known_[{value, indices.get()}] = std::make_unique<Elements>(std::move(*result))).get();
}

const ElementInterpreter::Elements* ElementInterpreter::strided(Value operand, const Indices& indices, ArrayRef<int64_t> shape,
                                                                int64_t base, ArrayRef<int64_t> strides) {
  const SmallVector<int64_t> dense = denseStrides(shape);
  if (base == 0 &&
      llvm::all_of(llvm::seq<size_t>(0, shape.size()), [&](size_t axis) { return shape[axis] == 1 || strides[axis] == dense[axis]; }))
    return elements(operand, indices);
  std::vector<int64_t> mapped(indices->size(), base);
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (shape[axis] > 1 && strides[axis] != 0)
      for (size_t i = 0; i < mapped.size(); ++i)
        mapped[i] += coordinate((*indices)[i], dense[axis], shape[axis]) * strides[axis];
  return elements(operand, intern(std::move(mapped)));
}

const ElementInterpreter::Elements* ElementInterpreter::broadcast(Value operand, const Indices& indices, ArrayRef<int64_t> shape) {
  return strided(operand, indices, shape, 0, broadcastStrides(shapeOf(operand), shape));
}

std::optional<ElementInterpreter::Elements> ElementInterpreter::computeWhole(Value value, const Indices& indices,
                                                                             Interpreter& interpreter) {
  const Array* array = interpreter.evaluate(value);
  if (!array) {
    reason_ = interpreter.reason();
    return std::nullopt;
  }
  Elements result;
  result.reserve(indices->size());
  for (int64_t index : *indices)
    result.push_back(array->values[static_cast<size_t>(index)]);
  return result;
}

std::optional<ElementInterpreter::Elements> ElementInterpreter::concat(ConcatOp op, const Indices& indices) {
  const SmallVector<int64_t> shape = shapeOf(op), dense = denseStrides(shape);
  const size_t axis = op.getAxis();
  Elements result(indices->size());
  int64_t begin = 0;
  for (Value operand : op.getOperands()) {
    const SmallVector<int64_t> part = shapeOf(operand), strides = denseStrides(part);
    std::vector<int64_t> mapped;
    std::vector<size_t> places;
    for (auto [place, index] : llvm::enumerate(*indices)) {
      const int64_t at = coordinate(index, dense[axis], shape[axis]) - begin;
      if (at < 0 || at >= part[axis])
        continue;
      const int64_t outer = index / (dense[axis] * shape[axis]), inner = index % dense[axis];
      mapped.push_back((outer * part[axis] + at) * strides[axis] + inner);
      places.push_back(place);
    }
    begin += part[axis];
    if (mapped.empty())
      continue;
    const Elements* values = elements(operand, intern(std::move(mapped)));
    if (!values)
      return std::nullopt;
    for (auto [place, value] : llvm::zip_equal(places, *values))
      result[place] = value;
  }
  return result;
}

std::optional<ElementInterpreter::Elements> ElementInterpreter::gather(GatherOp op, const Indices& indices) {
  const SmallVector<int64_t> table = shapeOf(op.getOperand()), places = shapeOf(op.getIndices());
  const size_t axis = op.getAxis();
  int64_t inner = 1, count = 1;
  for (int64_t extent : ArrayRef(table).drop_front(axis + 1))
    inner *= extent;
  for (int64_t extent : places)
    count *= extent;
  std::vector<int64_t> mapped;
  for (int64_t index : *indices)
    mapped.push_back(index / inner % count);
  const Elements* rows = elements(op.getIndices(), intern(std::move(mapped)));
  if (!rows)
    return std::nullopt;
  mapped.assign(indices->size(), 0);
  for (size_t i = 0; i < mapped.size(); ++i) {
    const int64_t index = (*indices)[i], extent = table[axis];
    const double row = (*rows)[i] < 0 ? (*rows)[i] + static_cast<double>(extent) : (*rows)[i];
    if (!(row >= 0 && row < static_cast<double>(extent)))
      return decline(op, "has an index out of range");
    mapped[i] = (index / (inner * count) * extent + static_cast<int64_t>(row)) * inner + index % inner;
  }
  const Elements* values = elements(op.getOperand(), intern(std::move(mapped)));
  return values ? std::optional(*values) : std::nullopt;
}

std::optional<ElementInterpreter::Elements> ElementInterpreter::cumulate(const CumulativeSum& sum, ReduceOp op, const Indices& indices) {
  const SmallVector<int64_t> shape = shapeOf(op.getOperand());
  const size_t axis = static_cast<size_t>(op.getAxes()[0]);
  const int64_t extent = shape[axis];
  SmallVector<int64_t> from = shapeOf(sum.x);
  int64_t inner = 1, count = 1;
  for (int64_t size : ArrayRef(from).drop_front(axis + 1))
    inner *= size;
  for (int64_t size : from)
    count *= size;
  std::vector<int64_t> every(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    every[i] = i;
  const Elements* x = elements(sum.x, intern(std::move(every)));
  if (!x)
    return std::nullopt;
  const bool forwards = sum.kind == BinaryKind::less || sum.kind == BinaryKind::less_equal;
  const bool inclusive = sum.kind == BinaryKind::less_equal || sum.kind == BinaryKind::greater_equal;
  Elements sums(*x);
  for (int64_t outer = 0; outer < count / (extent * inner); ++outer)
    for (int64_t column = 0; column < inner; ++column) {
      double total = 0;
      for (int64_t i = 0; i < extent; ++i) {
        double& element = sums[(outer * extent + (forwards ? i : extent - 1 - i)) * inner + column];
        const double term = element;
        element = inclusive ? total + term : total;
        total += term;
      }
    }
  Elements result;
  result.reserve(indices->size());
  for (int64_t index : *indices)
    result.push_back(roundTo(sums[static_cast<size_t>(index)], cast<RankedTensorType>(op.getOperand().getType()).getElementType()));
  return result;
}

std::optional<ElementInterpreter::Elements> ElementInterpreter::reduce(ReduceOp op, const Indices& indices) {
  if (auto sum = cumulativeSumOf(op);
      sum && elementCount(shapeOf(sum->x)).value_or(0) > 0 && elementCount(shapeOf(sum->x)) == elementCount(shapeOf(op)))
    return cumulate(*sum, op, indices);
  std::vector<int64_t> unique(*indices);
  llvm::sort(unique);
  unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
  if (unique.size() < indices->size()) {
    const std::vector<int64_t> sorted(unique);
    const Elements* values = elements(op, intern(std::move(unique)));
    if (!values)
      return std::nullopt;
    Elements result;
    for (int64_t index : *indices)
      result.push_back((*values)[llvm::lower_bound(sorted, index) - sorted.begin()]);
    return result;
  }
  const SmallVector<int64_t> from = shapeOf(op.getOperand()), strides = denseStrides(from);
  int64_t reduced = 1;
  SmallVector<int64_t> kept;
  for (size_t axis = 0; axis < from.size(); ++axis)
    if (llvm::is_contained(op.getAxes(), static_cast<int64_t>(axis)))
      reduced *= from[axis];
    else
      kept.push_back(axis);
  const auto count = static_cast<int64_t>(indices->size());
  if (reduced == 0 || count > kMostReduced / reduced)
    return computeWhole(op, indices, whole_);
  std::vector<int64_t> mapped;
  mapped.reserve(static_cast<size_t>(count * reduced));
  for (int64_t index : *indices) {
    int64_t base = 0, rest = index;
    for (int64_t axis : llvm::reverse(kept)) {
      base += rest % from[axis] * strides[axis];
      rest /= from[axis];
    }
    for (int64_t i = 0; i < reduced; ++i) {
      int64_t at = base, within = i;
      for (int64_t axis : llvm::reverse(op.getAxes())) {
        at += within % from[axis] * strides[axis];
        within /= from[axis];
      }
      mapped.push_back(at);
    }
  }
  const Elements* values = elements(op.getOperand(), intern(std::move(mapped)));
  if (!values)
    return std::nullopt;
  Type element = cast<RankedTensorType>(op.getOperand().getType()).getElementType();
  return interpret::reduce(op.getKind(), Array{element, {count, reduced}, *values}, {1}, {count}).values;
}

std::optional<ElementInterpreter::Elements> ElementInterpreter::compute(Operation* op, Value value, const Indices& indices) {
  using Result = std::optional<Elements>;
  auto type = cast<RankedTensorType>(value.getType());
  const Type element = type.getElementType();
  const SmallVector<int64_t> shape = whole_.shapeOf(type);
  const auto count = static_cast<int64_t>(indices->size());
  auto typeOfOperand = [&](unsigned i) { return cast<RankedTensorType>(op->getOperand(i).getType()).getElementType(); };
  auto copied = [](const Elements* values) { return values ? Result(*values) : std::nullopt; };
  return llvm::TypeSwitch<Operation*, Result>(op)
      .Case([&](UnaryOp unaryOp) -> Result {
        const Elements* operand = elements(unaryOp.getOperand(), indices);
        return operand ? Result(unary(unaryOp.getKind(), column(typeOfOperand(0), *operand)).values) : std::nullopt;
      })
      .Case([&](CastOp) -> Result {
        Result result = copied(elements(op->getOperand(0), indices));
        for (double& number : result ? MutableArrayRef(*result) : MutableArrayRef<double>())
          number = roundTo(number, element);
        return result;
      })
      .Case([&](BinaryOp binaryOp) -> Result {
        const Elements* lhs = broadcast(binaryOp.getLhs(), indices, shape);
        const Elements* rhs = lhs ? broadcast(binaryOp.getRhs(), indices, shape) : nullptr;
        return rhs ? Result(binary(binaryOp.getKind(), column(typeOfOperand(0), *lhs), column(typeOfOperand(1), *rhs), element, {count})
                                .values)
                   : std::nullopt;
      })
      .Case([&](SelectOp selectOp) -> Result {
        const Elements* condition = broadcast(selectOp.getCondition(), indices, shape);
        const Elements* lhs = condition ? broadcast(selectOp.getLhs(), indices, shape) : nullptr;
        const Elements* rhs = lhs ? broadcast(selectOp.getRhs(), indices, shape) : nullptr;
        if (!rhs)
          return std::nullopt;
        Elements result(*rhs);
        for (size_t i = 0; i < result.size(); ++i)
          if ((*condition)[i] != 0)
            result[i] = (*lhs)[i];
        return result;
      })
      .Case([&](IotaOp iota) -> Result {
        const int64_t start = tfm::evaluate(iota.getStart().getResult(0), step_.sequence, step_.past, step_.outputs, step_.source);
        Elements result;
        for (int64_t index : *indices)
          result.push_back(roundTo(static_cast<double>(start + index * static_cast<int64_t>(iota.getStep())), element));
        return result;
      })
      .Case([&](ReshapeOp) -> Result {
        if (elementCount(shape) != elementCount(shapeOf(op->getOperand(0))))
          return decline(op, "changes the number of elements");
        return copied(elements(op->getOperand(0), indices));
      })
      .Case([&](BroadcastOp) { return copied(broadcast(op->getOperand(0), indices, shape)); })
      .Case([&](TransposeOp transpose) {
        const SmallVector<int64_t> from = denseStrides(shapeOf(transpose.getOperand()));
        SmallVector<int64_t> strides;
        for (int64_t axis : transpose.getOrder())
          strides.push_back(from[axis]);
        return copied(strided(transpose.getOperand(), indices, shape, 0, strides));
      })
      .Case([&](SliceOp slice) -> Result {
        const SmallVector<int64_t> from = shapeOf(slice.getOperand());
        SmallVector<int64_t> strides = denseStrides(from);
        const int64_t axis = slice.getAxis(), step = slice.getStep(), extent = shape[axis];
        const int64_t begin = tfm::evaluate(slice.getBegin().getResult(0), step_.sequence, step_.past, step_.outputs, step_.source);
        if (begin < 0 || (extent > 0 && begin + (extent - 1) * step >= from[axis]))
          return decline(op, "reaches past the end of its operand");
        const int64_t base = begin * strides[axis];
        strides[axis] *= step;
        return copied(strided(slice.getOperand(), indices, shape, base, strides));
      })
      .Case([&](ConcatOp concatOp) { return concat(concatOp, indices); })
      .Case([&](GatherOp gatherOp) { return gather(gatherOp, indices); })
      .Case([&](ReduceOp reduceOp) { return reduce(reduceOp, indices); })
      .Case<WeightOp, ConstantOp>([&](auto) { return computeWhole(value, indices, constants_); })
      .Default([&](Operation*) { return computeWhole(value, indices, whole_); });
}

}  // namespace quantc::tfm
