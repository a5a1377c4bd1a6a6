// Elements looked up and replaced at places that are computed. There are no kernels for these: every place is compared with every index, which suits what is
// small.
#include <limits>

#include "compiler/import/onnx/Comparisons.h"
#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;
using tfm::ReduceKind;

namespace {

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

/// How an update is combined with what it is put at.
struct Combined {
  const char* name;
  std::optional<ReduceKind> reduce;  // else a product
  BinaryKind with;
  double ofFloats, ofIntegers;  // neutral elements
};

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Combined kCombined[] = {{"add", ReduceKind::sum, BinaryKind::add, 0, 0},
                                  {"mul", std::nullopt, BinaryKind::mul, 1, 1},
                                  {"max", ReduceKind::max, BinaryKind::max, -kInfinity, -double(INT32_MAX)},
                                  {"min", ReduceKind::min, BinaryKind::min, kInfinity, INT32_MAX}};

const Combined& combined(Node& node, StringRef reduction) {
  const Combined* kind = llvm::find_if(kCombined, [&](const Combined& row) { return reduction == row.name; });
  if (kind == std::end(kCombined))
    node.fail("has reduction " + reduction.str() + ", expected none, add, mul, max or min; the model is damaged, export it again");
  return *kind;
}

/// What changes nothing in elements like those of `x`.
double neutralOf(const Maker& make, const Combined& kind, Value x) {
  return isa<FloatType>(make.type(x).getElementType()) ? kind.ofFloats : kind.ofIntegers;
}

[[noreturn]] void failOfPairs(Node& node, int64_t updates, int64_t places) {
  node.fail("puts " + std::to_string(updates) + " updates at " + std::to_string(places) + " places, which takes more than " +
            std::to_string(kMostPairs) + " comparisons; export the model without it");
}

/// Rows [count, width] with `updates` [n, width] at `places` [n]: in place of what is there (of equal places the last counts), or combined with it.
Value scattered(Node& node, const Maker& make, Value rows, Value places, Value updates) {
  const onnx::AttributeProto* attribute = node.find("reduction");
  std::string reduction = attribute ? attribute->s() : "none";
  int64_t count = make.type(rows).getDimSize(0), width = make.type(rows).getDimSize(1), n = make.type(updates).getDimSize(0), pairs;
  if (n == 0 || count == 0)
    return rows;
  const Combined* kind = reduction == "none" ? nullptr : &combined(node, reduction);
  if (llvm::MulOverflow(count, n, pairs) || pairs > kMostPairs ||
      (kind && (llvm::MulOverflow(pairs, std::max<int64_t>(1, width), pairs) || pairs > kMostPairs)))
    failOfPairs(node, n, count);
  Value place = make.reshape(make.iota(make.number(count), make.number(0)), {make.number(count), make.number(1)});
  Value here = make.binary(BinaryKind::equal, place, make.reshape(places, {make.number(1), make.number(n)}));
  if (!kind) {
    Value order = make.reshape(make.iota(make.number(n), make.number(0)), {make.number(1), make.number(n)});
    Value last = make.reduce(ReduceKind::max, make.select(here, order, -1.0), 1, false);
    Value chosen = make.gather(updates, make.binary(BinaryKind::max, last, 0.0), 0);
    Value any = make.reshape(make.binary(BinaryKind::greater_equal, last, 0.0), {make.number(count), make.number(1)});
    return make.select(any, chosen, rows);
  }
  Value apart = make.reshape(here, {make.number(count), make.number(n), make.number(1)});
  Value each = make.reshape(updates, {make.number(1), make.number(n), make.number(width)});
  Value chosen = make.select(apart, each, neutralOf(make, *kind, each));
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

namespace {

/// With as many lines of data as of indices: each line's places are compared with its own indices, whatever the number of lines. false for others, products and
/// booleans.
bool scatterLines(Node& node) {
  Maker make(node);
  const onnx::AttributeProto* attribute = node.find("reduction");
  const Combined* kind = attribute && attribute->s() != "none" ? &combined(node, attribute->s()) : nullptr;
  SmallVector<AffineExpr> data = tfm::dimsOf(node.type(0)), from = tfm::dimsOf(node.type(1));
  int64_t rank = node.type(0).getRank(), axis = node.axis(node.attribute("axis", int64_t(0)), rank);
  if (from.size() != data.size() || from != tfm::dimsOf(node.type(2)))
    node.fail(std::string("has data, indices and updates whose shapes do not fit together") + kDamaged);
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis && data[i] != from[i])
      return false;
  auto extent = constantOf(data[axis]), n = constantOf(from[axis]);
  int64_t pairs = 0;
  if (!extent || !n || *extent == 0 || *n == 0 || (kind && !kind->reduce) || node.type(2).getElementType().isInteger(1))
    return false;
  int64_t others = node.type(0).hasStaticShape() ? node.type(0).getNumElements() / *extent : 1;
  if (llvm::MulOverflow(*extent, *n, pairs) || llvm::MulOverflow(pairs, std::max<int64_t>(1, others), pairs) || pairs > kMostPairs)
    failOfPairs(node, *n, *extent);
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::swap(order[axis], order.back());
  auto across = [&](Value value) {  // [..., 1, n]
    SmallVector<AffineExpr> dims = make.dims(value = make.transpose(value, order));
    dims.insert(dims.end() - 1, make.number(1));
    return make.reshape(value, dims);
  };
  Value place = make.reshape(make.iota(data[axis], make.number(0)), {data[axis], make.number(1)});
  Value here = make.binary(BinaryKind::equal, place, across(wrapped(make, wide(node, make, node.value(1)), *extent)));
  Value updates = across(node.value(2)), before = make.transpose(node.value(0), order), result;
  if (kind) {
    result = make.binary(kind->with, before,
                         make.reduce(*kind->reduce, make.select(here, updates, neutralOf(make, *kind, updates)), rank, false));
  } else {
    Value turn = make.reshape(make.iota(from[axis], make.number(0)), {make.number(1), from[axis]});
    Value last = make.reduce(ReduceKind::max, make.select(here, turn, -1.0), rank);
    Value chosen = make.reduce(ReduceKind::sum, make.select(make.binary(BinaryKind::equal, turn, last), updates, 0.0), rank, false);
    Value any = make.reshape(make.binary(BinaryKind::greater_equal, last, 0.0), make.dims(before));
    result = make.select(any, chosen, before);
  }
  node.set(0, make.transpose(result, order));
  return true;
}

}  // namespace

void importScatterElements(Node& node) {
  if (scatterLines(node))
    return;
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

}  // namespace quantc::onnx_import
