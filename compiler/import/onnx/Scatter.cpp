// Elements looked up and replaced at places that are computed, and orders of elements. There are no kernels for these: every place is compared with every
// index, which suits what is small.
#include <limits>

#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;
using tfm::ReduceKind;

namespace {

constexpr int64_t kMostPairs = int64_t{1} << 24;

SmallVector<int64_t> fixedDims(Node& node, unsigned input) {
  if (!node.type(input).hasStaticShape())
    node.fail("has a tensor of unknown size, which is not supported; export the model with fixed sizes");
  return SmallVector<int64_t>(node.type(input).getShape());
}

int64_t countOf(ArrayRef<int64_t> dims) {
  int64_t count = 1;  // of a type that was checked
  for (int64_t dim : dims)
    count *= dim;
  return count;
}

SmallVector<AffineExpr> numbers(const Maker& make, ArrayRef<int64_t> dims) {
  return llvm::to_vector(llvm::map_range(dims, [&](int64_t dim) { return make.number(dim); }));
}

Value wrapped(const Maker& make, Value index, int64_t extent) {
  return make.select(make.binary(BinaryKind::less, index, 0.0), make.add(index, static_cast<double>(extent)), index);
}

Value wide(Node& node, const Maker& make, Value index) { return make.cast(index, IntegerType::get(node.context(), 64)); }

/// The index tuples [..., depth] at the first dimensions of `dims`, as places of [their product, ...].
Value placesOf(Node& node, const Maker& make, Value indices, ArrayRef<int64_t> dims, int64_t depth) {
  indices = wide(node, make, indices);
  int64_t axis = make.type(indices).getRank() - 1, stride = countOf(dims.take_front(depth));
  Value places;
  for (int64_t i = 0; i < depth; ++i) {
    stride = dims[i] ? stride / dims[i] : 0;
    Value part = make.mul(wrapped(make, make.slice(indices, axis, i, 1), dims[i]), static_cast<double>(stride));
    places = places ? make.add(places, part) : part;
  }
  SmallVector<AffineExpr> shape = make.dims(places);
  shape.pop_back();
  return make.reshape(places, shape);
}

/// For index tensors whose elements say where along one axis, the places in the flat data.
Value elementPlaces(Node& node, const Maker& make, ArrayRef<int64_t> data, int64_t axis) {
  SmallVector<int64_t> shape = fixedDims(node, 1);
  if (shape.size() != data.size())
    node.fail(std::string("has data and indices of different ranks") + kDamaged);
  Value places;
  for (size_t i = 0; i < data.size(); ++i) {
    bool along = static_cast<int64_t>(i) == axis;
    if (!along && shape[i] > data[i])
      node.fail(std::string("has indices of more lines than its data") + kDamaged);
    SmallVector<AffineExpr> line(data.size(), make.number(1));
    line[i] = make.number(shape[i]);
    Value index = along ? wrapped(make, wide(node, make, node.value(1)), data[i]) : make.reshape(make.iota(line[i], make.number(0)), line);
    Value part = make.mul(index, static_cast<double>(countOf(data.drop_front(i + 1))));
    places = places ? make.add(places, part) : part;
  }
  return places;
}

/// Rows [count, width] with `updates` [n, width] at `places` [n]: in place of what is there (of equal places the last counts), or combined with it.
Value scattered(Node& node, const Maker& make, Value rows, Value places, Value updates) {
  const onnx::AttributeProto* attribute = node.find("reduction");
  std::string reduction = attribute ? attribute->s() : "none";
  int64_t count = make.type(rows).getDimSize(0), width = make.type(rows).getDimSize(1), n = make.type(updates).getDimSize(0), pairs;
  if (n == 0 || count == 0)
    return rows;
  if (llvm::MulOverflow(count, n, pairs) || pairs > kMostPairs ||
      (reduction != "none" && (llvm::MulOverflow(pairs, std::max<int64_t>(1, width), pairs) || pairs > kMostPairs)))
    node.fail("puts " + std::to_string(n) + " updates at " + std::to_string(count) + " places, which takes more than " +
              std::to_string(kMostPairs) + " comparisons; export the model without it");
  Value place = make.reshape(make.iota(make.number(count), make.number(0)), {make.number(count), make.number(1)});
  Value here = make.binary(BinaryKind::equal, place, make.reshape(places, {make.number(1), make.number(n)}));
  if (reduction == "none") {
    Value order = make.reshape(make.iota(make.number(n), make.number(0)), {make.number(1), make.number(n)});
    Value last = make.reduce(ReduceKind::max, make.select(here, order, -1.0), 1, false);
    Value chosen = make.gather(updates, make.binary(BinaryKind::max, last, 0.0), 0);
    Value any = make.reshape(make.binary(BinaryKind::greater_equal, last, 0.0), {make.number(count), make.number(1)});
    return make.select(any, chosen, rows);
  }
  struct Row {
    const char* name;
    std::optional<ReduceKind> reduce;  // else a product
    BinaryKind with;
    double neutral;
  };
  const double infinity = isa<FloatType>(make.type(rows).getElementType()) ? std::numeric_limits<double>::infinity() : INT32_MAX;
  const Row kinds[] = {{"add", ReduceKind::sum, BinaryKind::add, 0},
                       {"mul", std::nullopt, BinaryKind::mul, 1},
                       {"max", ReduceKind::max, BinaryKind::max, -infinity},
                       {"min", ReduceKind::min, BinaryKind::min, infinity}};
  const Row* kind = llvm::find_if(kinds, [&](const Row& row) { return reduction == row.name; });
  if (kind == std::end(kinds))
    node.fail("has reduction " + reduction + ", expected none, add, mul, max or min; the model is damaged, export it again");
  Value apart = make.reshape(here, {make.number(count), make.number(n), make.number(1)});
  Value each = make.reshape(updates, {make.number(1), make.number(n), make.number(width)});
  Value chosen = make.select(apart, each, kind->neutral);
  Value whole = kind->reduce ? make.reduce(*kind->reduce, chosen, 1) : make.product(chosen, 1);
  return make.binary(kind->with, rows, make.reshape(whole, make.dims(rows)));
}

}  // namespace

void importGatherND(Node& node) {
  Maker make(node);
  SmallVector<int64_t> data = fixedDims(node, 0), indices = fixedDims(node, 1);
  int64_t batches = node.attribute("batch_dims", int64_t(0)), depth = indices.empty() ? 0 : indices.back();
  auto rank = static_cast<int64_t>(data.size());
  if (indices.empty() || batches < 0 || depth < 1 || batches >= static_cast<int64_t>(indices.size()) || batches + depth > rank ||
      ArrayRef(data).take_front(batches) != ArrayRef(indices).take_front(batches))
    node.fail(std::string("has data, indices and batch_dims that do not fit together") + kDamaged);
  ArrayRef<int64_t> inner = ArrayRef(data).drop_front(batches);
  Value places = placesOf(node, make, node.value(1), inner, depth);
  int64_t batch = countOf(ArrayRef(data).take_front(batches)), rows = countOf(inner.take_front(depth));
  SmallVector<int64_t> result(indices.begin(), indices.end() - 1);
  if (batches > 0) {
    SmallVector<AffineExpr> first(result.size(), make.number(1));
    for (int64_t i = 0; i < batches; ++i)
      first[i] = make.number(data[i]);
    Value begin = make.mul(make.iota(make.number(batch), make.number(0)), static_cast<double>(rows));
    places = make.add(places, make.reshape(begin, first));
  }
  ArrayRef<int64_t> rest = inner.drop_front(depth);
  Value flat = make.reshape(node.value(0), {make.number(batch * rows), make.number(countOf(rest))});
  Value found = make.gather(flat, make.reshape(places, make.number(countOf(result))), 0);
  result.append(rest.begin(), rest.end());
  node.set(0, make.reshape(found, numbers(make, result)));
}

/// Whatever the number of lines.
void importGatherLines(Node& node) {
  Maker make(node);
  SmallVector<int64_t> data = fixedDims(node, 0);
  int64_t axis = node.axis(node.attribute("axis", int64_t(0)), static_cast<int64_t>(data.size()));
  Value places = elementPlaces(node, make, data, axis);
  SmallVector<AffineExpr> shape = make.dims(places);
  int64_t count = countOf(fixedDims(node, 1));
  Value flat = make.reshape(node.value(0), make.number(countOf(data)));
  node.set(0, make.reshape(make.gather(flat, make.reshape(places, make.number(count)), 0), shape));
}

void importScatterND(Node& node) {
  Maker make(node);
  SmallVector<int64_t> data = fixedDims(node, 0), indices = fixedDims(node, 1), updates = fixedDims(node, 2);
  int64_t depth = indices.empty() ? 0 : indices.back();
  SmallVector<int64_t> expected(indices.begin(), indices.empty() ? indices.end() : indices.end() - 1);
  if (depth < 1 || depth > static_cast<int64_t>(data.size()))
    node.fail(std::string("has data and indices that do not fit together") + kDamaged);
  expected.append(data.begin() + depth, data.end());
  if (updates != expected)
    node.fail(std::string("has updates of another shape than its indices and data ask for") + kDamaged);
  int64_t n = countOf(ArrayRef(indices).drop_back()), width = countOf(ArrayRef(data).drop_front(depth));
  Value places = make.reshape(placesOf(node, make, node.value(1), data, depth), make.number(n));
  Value rows = make.reshape(node.value(0), {make.number(countOf(ArrayRef(data).take_front(depth))), make.number(width)});
  Value result = scattered(node, make, rows, places, make.reshape(node.value(2), {make.number(n), make.number(width)}));
  node.set(0, make.reshape(result, numbers(make, data)));
}

void importScatterElements(Node& node) {
  Maker make(node);
  SmallVector<int64_t> data = fixedDims(node, 0);
  int64_t axis = node.axis(node.attribute("axis", int64_t(0)), static_cast<int64_t>(data.size()));
  int64_t n = countOf(fixedDims(node, 1));
  if (fixedDims(node, 1) != fixedDims(node, 2))
    node.fail(std::string("has indices and updates of different shapes") + kDamaged);
  Value places = make.reshape(elementPlaces(node, make, data, axis), make.number(n));
  Value rows = make.reshape(node.value(0), {make.number(countOf(data)), make.number(1)});
  Value result = scattered(node, make, rows, places, make.reshape(node.value(2), {make.number(n), make.number(1)}));
  node.set(0, make.reshape(result, numbers(make, data)));
}

void importTopK(Node& node) {
  Maker make(node);
  Value x = node.value(0);
  int64_t rank = node.type(0).getRank(), axis = node.axis(node.attribute("axis", int64_t(-1)), rank);
  auto n = constantOf(make.dim(x, axis)), k = constantOf(node.knownScalar(1));
  int64_t pairs = 0;
  if (!n || !k || *k < 0 || *k > *n)
    node.fail("takes a number of elements that is not constant, or of a dimension that is not, or more than there are; export the model "
              "with constant ones");
  int64_t others = node.type(0).hasStaticShape() && *n > 0 ? node.type(0).getNumElements() / *n : 1;
  if (llvm::MulOverflow(*n, *n, pairs) || llvm::MulOverflow(pairs, std::max<int64_t>(1, others), pairs) || pairs > kMostPairs)
    node.fail("orders " + std::to_string(*n) + " elements, which takes more than " + std::to_string(kMostPairs) +
              " comparisons; export the model without it");
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::swap(order[axis], order.back());
  Value last = make.transpose(x, order);
  SmallVector<AffineExpr> dims = make.dims(last), column(dims), row(dims);
  column.push_back(make.number(1));
  row.insert(row.end() - 1, make.number(1));
  Value one = make.reshape(last, column), other = make.reshape(last, row);
  bool largest = node.attribute("largest", int64_t(1)) != 0;
  Value numbers = make.iota(make.number(*n), make.number(0));
  Value before = make.binary(BinaryKind::less, make.reshape(numbers, {make.number(1), make.number(*n)}),
                             make.reshape(numbers, {make.number(*n), make.number(1)}));
  // How many come before an element: those that are better, and equal ones of a lower index.
  Value better = make.binary(largest ? BinaryKind::greater : BinaryKind::less, other, one);
  Value equal = make.binary(BinaryKind::and_, make.binary(BinaryKind::equal, other, one), before);
  Value places = make.reduce(ReduceKind::sum, wide(node, make, make.binary(BinaryKind::or_, better, equal)), rank, false);
  Value wanted = make.reshape(make.iota(make.number(*k), make.number(0)), {make.number(*k), make.number(1)});
  Value here = make.binary(BinaryKind::equal, make.reshape(places, row), wanted);
  auto chosen = [&](Value from) { return make.transpose(make.reduce(ReduceKind::sum, make.select(here, from, 0.0), rank, false), order); };
  node.set(0, chosen(other));
  if (node.wants(1))
    node.set(1, chosen(numbers));
}

void importHardmax(Node& node) {
  Maker make(node);
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0)), lines(dims);
  auto rank = static_cast<int64_t>(dims.size());
  int64_t axis = node.axis(node.attribute("axis", int64_t(node.opset() < 13 ? 1 : -1)), rank);
  if (node.opset() < 13) {  // everything from the axis on is one vector
    AffineExpr inner = tfm::productOf(ArrayRef(dims).drop_front(axis), node.context());
    if (!inner)
      node.fail("joins two dynamic dimensions, which is not supported; export with opset 13 or newer");
    lines.truncate(static_cast<size_t>(axis));
    lines.push_back(inner);
  }
  Value x = make.reshape(node.value(0), lines);
  SmallVector<AffineExpr> along(lines.size(), make.number(1));
  along[axis] = lines[axis];
  Value places = make.reshape(make.iota(lines[axis], make.number(0)), along);
  Value best = make.binary(BinaryKind::equal, x, make.reduce(ReduceKind::max, x, axis));
  Value first = make.reduce(ReduceKind::min, make.select(best, places, INT32_MAX), axis);
  node.set(0, make.reshape(make.cast(make.binary(BinaryKind::equal, places, first), make.type(x).getElementType()), dims));
}

}  // namespace quantc::onnx_import
