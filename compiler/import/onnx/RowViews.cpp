// Operators that move rows that NonZero chose and their elements, and those that ask for shapes.
#include "compiler/import/onnx/RowPlaces.h"
#include "compiler/import/onnx/RowRules.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

/// Where an axis of `from` is in `to`, which has the same elements in the same order.
std::optional<int64_t> axisAfterReshape(ArrayRef<AffineExpr> from, ArrayRef<AffineExpr> to, int64_t axis, MLIRContext* context) {
  AffineExpr before = tfm::productOf(from.take_front(axis), context);
  for (size_t i = 0; before && i < to.size(); ++i)
    if (to[i] == from[axis] && tfm::productOf(to.take_front(i), context) == before)
      return static_cast<int64_t>(i);
  return std::nullopt;
}

/// Places of the elements from `begin` on, `count` of them.
SelectedRows partOf(const SelectedRows& from, int64_t begin, int64_t count) {
  SelectedRows rows = from.at(from.axis);
  if (count > 1)
    rows.along = from.along;
  for (int64_t i = begin; i < begin + count; ++i)
    rows.places.push_back(from.places[i]);
  return rows;
}

}  // namespace

void same(Node& node, void (*import)(Node&)) {
  if (!onlyFirstHasRows(node) || (node.outputs() > 1 && !node.outputName(1).empty()))
    failMixed(node);
  const SelectedRows rows = *node.selected(0);
  import(node);
  node.setSelected(0, rows);
}

void reshaped(Node& node, void (*import)(Node&)) {
  if (inputsWithRows(node)[0] != 0)
    failMixed(node);
  const SelectedRows from = *node.selected(0);
  SmallVector<AffineExpr> before = tfm::dimsOf(node.type(0));
  import(node);
  SelectedRows rows = from.at(std::nullopt);
  if (!from.axis)
    return node.setSelected(0, rows);
  SmallVector<AffineExpr> after = tfm::dimsOf(node.outputType(0));
  rows.axis = axisAfterReshape(before, after, *from.axis, node.context());
  if (!rows.axis)
    failMixed(node);
  auto along = from.along ? axisAfterReshape(before, after, *from.along, node.context()) : std::nullopt;
  if (!from.along || along) {
    rows.places = from.places;
    rows.along = along;
  }
  node.setSelected(0, rows);
}

void transposed(Node& node, void (*import)(Node&)) {
  const SelectedRows from = *node.selected(0);
  int64_t rank = rankOf(node, 0);
  auto order = node.attributeInts("perm");
  if (!from.axis)
    return same(node, import);
  import(node);
  auto moved = [&](int64_t axis) -> int64_t { return order ? llvm::find(*order, axis) - order->begin() : rank - 1 - axis; };
  SelectedRows rows = from.at(moved(*from.axis));
  rows.places = from.places;
  if (from.along)
    rows.along = moved(*from.along);
  node.setSelected(0, rows);
}

void expanded(Node& node, void (*import)(Node&)) {
  SmallVector<unsigned> inputs = inputsWithRows(node);
  if (!hasRows(node, 0))
    failMixed(node);
  const SelectedRows from = *node.selected(0);
  int64_t rank = rankOf(node, 0);
  AffineExpr extent = tfm::dimsOf(node.type(0))[*from.axis];
  if (const Known* shape = node.known(1); shape && inputs.size() == 1) {  // a number of rows would come from elsewhere
    int64_t fromEnd = rank - *from.axis;
    auto size = static_cast<int64_t>(shape->size());
    if (size >= fromEnd && (*shape)[size - fromEnd] != constantExpr(1, node.context()))
      failMixed(node);
  }
  import(node);
  int64_t added = node.outputType(0).getRank() - rank;
  SelectedRows rows = from.at(*from.axis + added);
  if (tfm::dimsOf(node.outputType(0))[*rows.axis] != extent)
    failMixed(node);
  if (!from.along)
    rows.places = from.places;
  node.setSelected(0, rows);
}

void split(Node& node, void (*import)(Node&)) {
  const SelectedRows from = *node.selected(0);
  int64_t axis = node.axis(node.attribute("axis", int64_t(0)), rankOf(node, 0));
  if (!from.axis)
    failMixed(node);
  if (axis == *from.axis)
    return splitTracedList(node, from);
  import(node);
  int64_t begin = 0;
  for (unsigned i = 0; i < node.outputs(); ++i) {
    if (node.outputName(i).empty())
      failMixed(node);
    int64_t count = node.outputType(i).getDimSize(axis);
    node.setSelected(i, from.along == axis ? partOf(from, begin, count) : from.along ? from.at(from.axis) : from);
    begin += count;
  }
}

void sliced(Node& node, void (*import)(Node&)) {
  const SelectedRows from = *node.selected(0);
  for (unsigned i = 1; i < node.inputs(); ++i)
    if (node.has(i) && node.selected(i))
      failMixed(node);
  SmallVector<AffineExpr> before = tfm::dimsOf(node.type(0));
  const bool begins = node.has(1) && constantOf(node.knownScalar(1));
  const int64_t begin = begins ? constantOf(node.knownScalar(1)).value_or(0) : 0;
  import(node);
  if (!from.axis) {
    bool one = node.outputType(0).getRank() == 1 && node.outputType(0).getDimSize(0) == 1;
    bool other = one && begins && from.count && (begin < 0 ? begin + node.type(0).getDimSize(0) : begin) != *from.count;
    return other ? void() : node.setSelected(0, from.at(std::nullopt));
  }
  SmallVector<AffineExpr> after = tfm::dimsOf(node.outputType(0));
  if (after[*from.axis] != before[*from.axis])
    failMixed(node);
  node.setSelected(0, from.along ? from.at(from.axis) : from);
}

void concatenated(Node& node, void (*import)(Node&)) {
  SmallVector<unsigned> inputs = inputsWithRows(node);
  const SelectedRows first = *node.selected(inputs[0]);
  int64_t axis = node.axis(node.attribute("axis", int64_t(0)), rankOf(node, 0));
  if (llvm::all_of(inputs, [&](unsigned i) { return !hasRows(node, i); })) {
    import(node);
    return node.setSelected(0, first);
  }
  SelectedRows rows = first.at(first.axis);
  rows.along = axis;
  bool places = true;
  for (unsigned i = 0; i < node.inputs(); ++i) {
    if (!hasRows(node, i) || node.selected(i)->axis != first.axis || axis == *first.axis)
      failMixed(node);
    const SelectedRows& part = *node.selected(i);
    places &= !part.places.empty() && static_cast<int64_t>(part.places.size()) == node.type(i).getDimSize(axis);
    rows.places.append(part.places);
  }
  if (!places)
    rows = first.at(first.axis);
  import(node);
  node.setSelected(0, rows);
}

void shaped(Node& node, void (*import)(Node&)) {
  const SelectedRows from = *node.selected(0);
  if (!from.axis || node.find("start") || node.find("end"))
    failMixed(node);
  import(node);
  SelectedRows rows = from.at(std::nullopt);
  rows.count = from.axis;
  node.setSelected(0, rows);
}

void gathered(Node& node, void (*import)(Node&)) {
  int64_t axis = node.axis(node.attribute("axis", int64_t(0)), rankOf(node, 0));
  if (!node.selected(0))
    return lookUpRows(node, axis);
  const SelectedRows from = *node.selected(0);
  if (node.selected(1) || (from.axis && axis == *from.axis))
    failMixed(node);
  auto indices = node.known(1) ? constantsOf(*node.known(1)) : std::nullopt;
  int64_t added = rankOf(node, 1) - 1, extent = node.type(0).getDimSize(axis);
  import(node);
  if (!from.axis) {
    bool other = indices && from.count && llvm::all_of(*indices, [&](int64_t i) { return node.axis(i, extent) != *from.count; });
    return other ? void() : node.setSelected(0, from.at(std::nullopt));
  }
  SelectedRows rows = from.at(*from.axis + (axis < *from.axis ? added : 0));
  if (from.along == axis && indices && indices->size() == 1)
    rows.places = {from.places[node.axis((*indices)[0], extent)]};
  else if (!from.along)
    rows.places = from.places;
  node.setSelected(0, rows);
}

}  // namespace quantc::onnx_import
