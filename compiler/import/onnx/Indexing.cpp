// Operators that take tensors apart and put them together.
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;

namespace {

constexpr int64_t kToTheEnd = INT32_MAX;  // exporters write large numbers for "all"

/// One end of a slice as an expression from 0 to `extent`.
AffineExpr sliceEnd(Node& node, AffineExpr end, AffineExpr extent) {
  AffineExpr zero = constantExpr(0, node.context());
  if (auto constant = constantOf(end)) {
    if (*constant >= kToTheEnd)
      return extent;
    if (*constant <= -kToTheEnd)
      return zero;
  }
  if (isLess(end, zero) == std::optional<bool>(true))
    end = foldBinary(BinaryKind::max, foldBinary(BinaryKind::add, extent, end), zero);
  AffineExpr clamped = end ? foldBinary(BinaryKind::min, end, extent) : AffineExpr();
  return clamped ? clamped : end;
}

Value slice(Node& node, Value value, int64_t axis, AffineExpr begin, AffineExpr count, int64_t step) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  dims[axis] = count;
  return node.create<tfm::SliceOp>(node.tensorType(dims, type.getElementType()), value, axis, tfm::symbolicMap(begin, node.context()),
                                   step);
}

/// The places along a dimension that a slice with constant ends takes.
SmallVector<int64_t> placesOf(Node& node, int64_t extent, int64_t begin, int64_t end, int64_t step) {
  if (step == 0 || step < -kToTheEnd)
    node.fail("has step " + std::to_string(step) + "; the model is damaged, export it again");
  auto clamped = [&](int64_t at) {
    at = at < 0 ? std::max(at, -kToTheEnd) + extent : at;
    return step > 0 ? std::clamp<int64_t>(at, 0, extent) : std::clamp<int64_t>(at, -1, extent - 1);
  };
  SmallVector<int64_t> places;
  for (int64_t at = clamped(begin), last = clamped(end); step > 0 ? at < last : at > last; at += step)
    places.push_back(at);
  return places;
}

/// Lookup of places that are known along an axis.
Value taken(Node& node, Value value, int64_t axis, ArrayRef<int64_t> places) {
  auto type = cast<RankedTensorType>(value.getType()), listType = RankedTensorType::get(places.size(), node.builder().getI64Type());
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  dims[axis] = constantExpr(static_cast<int64_t>(places.size()), node.context());
  Value list = node.create<tfm::ConstantOp>(listType, DenseElementsAttr::get(listType, places));
  return node.create<tfm::GatherOp>(node.tensorType(dims, type.getElementType()), value, list, axis);
}

/// The same of elements [outer, extent, inner] that are known.
Known takenKnown(const Known& elements, size_t extent, size_t inner, ArrayRef<int64_t> places) {
  Known kept;
  for (size_t outer = 0; outer * extent * inner < elements.size(); ++outer)
    for (int64_t place : places)
      for (size_t i = 0; i < inner; ++i)
        kept.push_back(elements[(outer * extent + static_cast<size_t>(place)) * inner + i]);
  return kept;
}

}  // namespace

void importGather(Node& node) {
  RankedTensorType data = node.type(0), indices = node.type(1);
  int64_t axis = node.axis(node.attribute("axis", int64_t(0)), data.getRank());
  SmallVector<AffineExpr> dims = tfm::dimsOf(data), inner = tfm::dimsOf(indices), result(dims.begin(), dims.begin() + axis);
  result.append(inner.begin(), inner.end());
  result.append(dims.begin() + axis + 1, dims.end());
  RankedTensorType type = node.tensorType(result, data.getElementType());
  const Known *elements = node.known(0), *wanted = node.known(1);
  auto positions = elements && wanted && data.getRank() == 1 ? constantsOf(*wanted) : std::nullopt;
  if (!positions)
    return node.set(0, node.create<tfm::GatherOp>(type, node.value(0), node.value(1), axis));
  Known gathered;
  for (int64_t index : *positions)
    gathered.push_back((*elements)[node.axis(index, static_cast<int64_t>(elements->size()))]);
  node.set(0, type, gathered);
}

namespace {

/// The places [n] of indices that are the same for all lines along `axis`; null for others.
Value placesOfAllLines(Node& node, int64_t axis) {
  Value indices = node.value(1);
  while (auto broadcast = indices.getDefiningOp<tfm::BroadcastOp>())
    indices = broadcast.getOperand();
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(1)), from = tfm::dimsOf(cast<RankedTensorType>(indices.getType()));
  const size_t added = dims.size() - from.size();
  for (size_t i = added; i < dims.size(); ++i)
    if (static_cast<int64_t>(i) == axis ? from[i - added] != dims[i] : constantOf(from[i - added]) != 1)
      return {};
  return axis < static_cast<int64_t>(added) ? Value() : node.reshape(indices, {dims[axis]});
}

}  // namespace

/// With one line along the axis, or the same places for all, this is a Gather; exporters look up buffered ids and tables of positions so.
void importGatherElements(Node& node) {
  RankedTensorType data = node.type(0), indices = node.type(1);
  int64_t axis = node.axis(node.attribute("axis", int64_t(0)), data.getRank());
  SmallVector<AffineExpr> dims = tfm::dimsOf(data), wanted = tfm::dimsOf(indices);
  if (dims.size() != wanted.size())
    node.fail("has data and indices of different ranks; the model is damaged, export it again");
  for (size_t i = 0; i < dims.size(); ++i)
    if (static_cast<int64_t>(i) != axis && dims[i] != wanted[i])
      return importGatherLines(node);
  if (Value places = placesOfAllLines(node, axis))
    return node.set(0, node.create<tfm::GatherOp>(node.tensorType(wanted, data.getElementType()), node.value(0), places, axis));
  if (data.hasStaticShape() && indices.hasStaticShape())
    return importGatherLines(node);
  node.set(0, node.create<tfm::GatherElementsOp>(node.tensorType(wanted, data.getElementType()), node.value(0), node.value(1), axis));
}

void importConcat(Node& node) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0));
  int64_t axis = node.axis(node.attribute("axis", int64_t(0)), static_cast<int64_t>(dims.size()));
  bool known = node.known(0) != nullptr && dims.size() == 1;
  for (unsigned i = 1; i < node.inputs(); ++i) {
    SmallVector<AffineExpr> other = tfm::dimsOf(node.type(i));
    if (other.size() != dims.size() || node.type(i).getElementType() != node.type(0).getElementType())
      node.fail("has inputs that do not fit together; the model is damaged, export it again");
    for (size_t k = 0; k < dims.size(); ++k)
      if (static_cast<int64_t>(k) != axis && other[k] != dims[k])
        node.fail("has inputs whose shapes differ along another axis; the model is damaged, export it again");
    dims[axis] = foldBinary(BinaryKind::add, dims[axis], other[axis]);
    known &= node.known(i) != nullptr;
  }
  RankedTensorType type = node.tensorType(dims, node.type(0).getElementType());
  if (known && isSmall(type)) {
    Known elements;
    for (unsigned i = 0; i < node.inputs(); ++i)
      elements.append(*node.known(i));
    return node.set(0, type, elements);
  }
  SmallVector<Value> values;
  for (unsigned i = 0; i < node.inputs(); ++i)
    values.push_back(node.value(i));
  node.set(0, values.size() == 1 ? values[0] : node.create<tfm::ConcatOp>(type, values, axis));
}

void importSlice(Node& node) {
  RankedTensorType type = node.type(0);
  // Before opset 10 these are attributes.
  auto listed = [&](const char* name) -> std::optional<Known> {
    auto values = node.opset() < 10 ? node.attributeInts(name) : std::nullopt;
    Known known;
    for (int64_t value : values.value_or(SmallVector<int64_t>()))
      known.push_back(constantExpr(value, node.context()));
    return values ? std::optional(known) : std::nullopt;
  };
  const std::optional<Known> starts = listed("starts"), stops = listed("ends");
  const Known *begins = starts ? &*starts : node.known(1), *ends = stops ? &*stops : node.known(2);
  if (!begins || !ends || begins->size() != ends->size())
    node.fail("has ends that depend on the values of tensors; export the model with ends that depend on shapes alone");
  SmallVector<int64_t> axes, steps(begins->size(), 1);
  if (auto older = node.opset() < 10 ? node.attributeInts("axes") : std::nullopt)
    axes = *older;
  else if (node.has(3))
    axes = node.constants(3, "axes");
  else
    for (size_t i = 0; i < begins->size(); ++i)
      axes.push_back(static_cast<int64_t>(i));
  if (node.has(4))
    steps = node.constants(4, "steps");
  if (axes.size() != begins->size() || steps.size() != begins->size())
    node.fail("has different numbers of begins, axes and steps; the model is damaged, export it again");
  const Known* elements = node.known(0);
  Value value;
  for (size_t i = 0; i < axes.size(); ++i) {
    int64_t axis = node.axis(axes[i], type.getRank());
    AffineExpr extent = tfm::dimsOf(value ? cast<RankedTensorType>(value.getType()) : type)[axis];
    auto from = constantOf((*begins)[i]), to = constantOf((*ends)[i]), whole = constantOf(extent);
    if (from && to && whole && (steps[i] <= 0 || (elements && axes.size() == 1))) {
      const SmallVector<int64_t> places = placesOf(node, *whole, *from, *to, steps[i]);
      if (elements && axes.size() == 1 && type.hasStaticShape()) {
        SmallVector<int64_t> shape(type.getShape());
        size_t inner = 1;
        for (int64_t dim : ArrayRef(shape).drop_front(axis + 1))
          inner *= static_cast<size_t>(dim);
        shape[axis] = static_cast<int64_t>(places.size());
        return node.set(0, RankedTensorType::get(shape, type.getElementType()), takenKnown(*elements, *whole, inner, places));
      }
      value = taken(node, value ? value : node.value(0), axis, places);
      continue;
    }
    // Backwards from the last place, so few that one is taken.
    if (steps[i] < 0 && from == -1 && to && *to < -1 && *to + 1 >= steps[i]) {
      value = slice(node, value ? value : node.value(0), axis, sliceEnd(node, (*begins)[i], extent), constantExpr(1, node.context()), 1);
      continue;
    }
    if (steps[i] <= 0)
      node.fail("has step " + std::to_string(steps[i]) +
                " along a dimension or between ends that are not constant; export the model without it");
    AffineExpr begin = sliceEnd(node, (*begins)[i], extent), end = sliceEnd(node, (*ends)[i], extent);
    AffineExpr span =
        begin && end ? foldBinary(BinaryKind::max, foldBinary(BinaryKind::sub, end, begin), constantExpr(0, node.context())) : AffineExpr();
    AffineExpr count =
        !span || steps[i] == 1 ? span : foldBinary(BinaryKind::div, span + (steps[i] - 1), constantExpr(steps[i], node.context()));
    if (!count)
      node.fail("has ends whose order depends on the lengths of the sequence; export the model again");
    if (!value)
      value = node.value(0);
    if (count != extent)
      value = slice(node, value, axis, begin, count, steps[i]);
  }
  node.set(0, value ? value : node.value(0));
}

void importSplit(Node& node) {
  RankedTensorType type = node.type(0);
  int64_t axis = node.axis(node.attribute("axis", int64_t(0)), type.getRank());
  SmallVector<int64_t> sizes;
  if (node.attribute("num_outputs", int64_t(node.outputs())) != node.outputs())
    node.fail("has num_outputs that are not as many as its outputs; the model is damaged, export it again");
  if (node.has(1)) {
    sizes = node.constants(1, "sizes");
  } else if (auto given = node.attributeInts("split")) {
    sizes = *given;
  } else {
    int64_t extent = type.getDimSize(axis), parts = node.outputs();
    if (ShapedType::isDynamic(extent))
      node.fail("splits a dynamic dimension evenly, which is not supported; export the model with constant sizes");
    int64_t part = (extent + parts - 1) / parts;
    for (int64_t i = 0; i < parts; ++i)
      sizes.push_back(std::min(part, extent - i * part));
  }
  int64_t sum = 0;
  for (int64_t size : sizes)
    if (size < 0 || __builtin_add_overflow(sum, size, &sum))
      node.fail("has a size below zero; the model is damaged, export it again");
  if (sizes.size() != node.outputs() || (!ShapedType::isDynamic(type.getDimSize(axis)) && sum != type.getDimSize(axis)))
    node.fail("has sizes that do not fit its tensor; the model is damaged, export it again");
  int64_t begin = 0;
  for (unsigned i = 0; i < node.outputs(); ++i) {
    if (!node.outputName(i).empty())
      node.set(i, slice(node, node.value(0), axis, constantExpr(begin, node.context()), constantExpr(sizes[i], node.context()), 1));
    begin += sizes[i];
  }
}

}  // namespace quantc::onnx_import
