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

/// With one line along the axis this is a Gather from that line; exporters look up buffered ids of a batch of one so.
void importGatherElements(Node& node) {
  RankedTensorType data = node.type(0), indices = node.type(1);
  int64_t axis = node.axis(node.attribute("axis", int64_t(0)), data.getRank());
  SmallVector<AffineExpr> dims = tfm::dimsOf(data), wanted = tfm::dimsOf(indices);
  if (dims.size() != wanted.size())
    node.fail("has data and indices of different ranks; the model is damaged, export it again");
  for (size_t i = 0; i < dims.size(); ++i)
    if (static_cast<int64_t>(i) != axis && (constantOf(dims[i]) != 1 || constantOf(wanted[i]) != 1))
      return importGatherLines(node);
  Value line = node.reshape(node.value(0), {dims[axis]}), places = node.reshape(node.value(1), {wanted[axis]});
  auto type = node.tensorType({wanted[axis]}, data.getElementType());
  node.set(0, node.reshape(node.create<tfm::GatherOp>(type, line, places, 0), wanted));
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
    if (steps[i] <= 0)
      node.fail("has step " + std::to_string(steps[i]) + ", only positive ones are supported; export the model without it");
    AffineExpr begin = sliceEnd(node, (*begins)[i], extent), end = sliceEnd(node, (*ends)[i], extent);
    AffineExpr span =
        begin && end ? foldBinary(BinaryKind::max, foldBinary(BinaryKind::sub, end, begin), constantExpr(0, node.context())) : AffineExpr();
    AffineExpr count =
        !span || steps[i] == 1 ? span : foldBinary(BinaryKind::div, span + (steps[i] - 1), constantExpr(steps[i], node.context()));
    if (!count)
      node.fail("has ends whose order depends on the lengths of the sequence; export the model again");
    auto first = constantOf(begin), size = constantOf(count);
    if (elements && type.getRank() == 1 && first && size && axes.size() == 1) {
      Known kept;
      for (int64_t k = 0; k < *size; ++k)
        kept.push_back((*elements)[*first + k * steps[i]]);
      return node.set(0, RankedTensorType::get({*size}, type.getElementType()), kept);
    }
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
