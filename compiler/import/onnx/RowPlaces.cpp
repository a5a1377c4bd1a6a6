#include "compiler/import/onnx/RowPlaces.h"

#include <set>

#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"
#include "compiler/import/onnx/RowRules.h"

namespace quantc::onnx_import {

using namespace mlir;
using tfm::BinaryKind;

namespace {

constexpr int64_t kMostRounds = 64;

[[noreturn]] void failElsewhere(Node& node) {
  node.fail(
      "reads or writes rows that NonZero chose elsewhere than at their own places, which is not supported; export the model without it, or "
      "compile its checkpoint");
}

/// The mask's dimensions that a place depends on, outermost first, where it names each of `extent` elements once for all others; nullopt where it does not.
std::optional<SmallVector<int64_t>> orderOf(const Maker& make, const SelectedRows& rows, const Place& place, AffineExpr extent) {
  SmallVector<AffineExpr> dims = make.dims(rows.mask);
  SmallVector<int64_t> left, order;
  for (size_t i = 0; i < dims.size(); ++i)
    if (dims[i] != make.number(1) && place[i] != make.number(0))
      left.push_back(static_cast<int64_t>(i));
  AffineExpr stride = make.number(1);
  while (!left.empty()) {
    auto* next = llvm::find_if(left, [&](int64_t i) { return place[i] == stride; });
    if (next == left.end())
      return std::nullopt;
    stride = foldBinary(BinaryKind::mul, stride, dims[*next]);
    if (!stride)
      return std::nullopt;
    order.insert(order.begin(), *next);
    left.erase(next);
  }
  return stride == extent ? std::optional(order) : std::nullopt;
}

/// The only place that an index tensor stands for, whose other dimensions are 1; null for another.
const Place* onlyPlace(Node& node, unsigned input) {
  const SelectedRows* rows = node.selected(input);
  return rows && rows->axis && rows->places.size() == 1 ? &rows->places[0] : nullptr;
}

/// `dims` with others in place of an axis.
SmallVector<AffineExpr> replaced(ArrayRef<AffineExpr> dims, int64_t axis, ArrayRef<AffineExpr> inner) {
  SmallVector<AffineExpr> all(dims.take_front(axis));
  all.append(inner.begin(), inner.end());
  all.append(dims.begin() + axis + 1, dims.end());
  return all;
}

/// A permutation of the dimensions from `axis` on, and of no others.
SmallVector<int64_t> turnedAt(int64_t axis, ArrayRef<int64_t> order, size_t rank) {
  SmallVector<int64_t> whole = llvm::to_vector(llvm::seq<int64_t>(0, axis));
  for (int64_t i : order)
    whole.push_back(axis + i);
  while (whole.size() < rank)
    whole.push_back(static_cast<int64_t>(whole.size()));
  return whole;
}

/// What is at the rows' places along an axis: the rows are told apart by what their place depends on alone.
std::pair<Value, SelectedRows> lookUp(Node& node, const SelectedRows& rows, const Place& place, Value data, int64_t axis) {
  Maker make(node);
  SmallVector<AffineExpr> dims = make.dims(data), mask = make.dims(rows.mask), apart;
  auto order = orderOf(make, rows, place, dims[axis]);
  if (!order)
    failElsewhere(node);
  SelectedRows found = rows.at(axis);
  found.over = *order;
  llvm::sort(found.over);
  if (llvm::is_sorted(*order))
    return {data, found};
  SmallVector<int64_t> turned;
  for (int64_t i : *order)
    apart.push_back(mask[i]);
  for (int64_t i : found.over)
    turned.push_back(llvm::find(*order, i) - order->begin());
  Value x = make.reshape(data, replaced(dims, axis, apart));
  x = make.transpose(x, turnedAt(axis, turned, make.dims(x).size()));
  return {make.reshape(x, dims), found};
}

/// `data` with each position's update, input 2, at its place along an axis where the mask is true, or combined with what is there; of several positions of one place
/// the last counts.
Value scatter(Node& node, const Place& place, Value data, int64_t axis) {
  Maker make(node);
  const SelectedRows& rows = *node.selected(2);
  Value each = node.value(2);
  SmallVector<AffineExpr> dims = make.dims(data), mask = make.dims(rows.mask);
  auto order = orderOf(make, rows, place, dims[axis]);
  const onnx::AttributeProto* attribute = node.find("reduction");
  std::string reduction = attribute ? attribute->s() : "none";
  const std::pair<const char*, BinaryKind> kinds[] = {
      {"add", BinaryKind::add}, {"mul", BinaryKind::mul}, {"max", BinaryKind::max}, {"min", BinaryKind::min}};
  const auto* kind = llvm::find_if(kinds, [&](const auto& each) { return reduction == each.first; });
  if (!order || (kind == std::end(kinds) && reduction != "none"))
    failElsewhere(node);
  // Those that share a place come first, and take turns.
  SmallVector<int64_t> turned;
  int64_t rounds = 1;
  for (size_t i = 0; i < mask.size(); ++i)
    if (!llvm::is_contained(*order, static_cast<int64_t>(i))) {
      turned.push_back(static_cast<int64_t>(i));
      auto extent = constantOf(mask[i]);
      if (!extent || *extent > kMostRounds / std::max<int64_t>(1, rounds))
        failElsewhere(node);
      rounds *= *extent;
    }
  turned.append(order->begin(), order->end());
  // [rounds, places] of the mask, [.., rounds, places, ..] of the updates.
  bool moves = !llvm::is_sorted(turned);
  Value chosen = moves ? make.transpose(rows.mask, turned) : rows.mask;
  chosen = make.reshape(chosen, {make.number(rounds), dims[axis]});
  if (moves) {
    each = make.reshape(each, replaced(dims, axis, mask));
    each = make.transpose(each, turnedAt(axis, turned, make.dims(each).size()));
  }
  each = make.reshape(each, replaced(dims, axis, {make.number(rounds), dims[axis]}));
  SmallVector<AffineExpr> line(dims.size(), make.number(1));
  line[axis] = dims[axis];
  for (int64_t round = 0; round < rounds; ++round) {
    Value here = make.reshape(make.slice(chosen, 0, round, 1), line), update = make.reshape(make.slice(each, axis, round, 1), dims);
    data = make.select(here, kind == std::end(kinds) ? update : make.binary(kind->second, data, update), data);
  }
  return data;
}

/// Index tuples at the first `depth` dimensions as one place, and the number of these.
std::pair<Place, AffineExpr> joined(Node& node, const SelectedRows& rows, ArrayRef<AffineExpr> dims) {
  Place sum(cast<RankedTensorType>(rows.mask.getType()).getRank(), constantExpr(0, node.context()));
  AffineExpr stride = constantExpr(1, node.context());
  for (size_t i = rows.places.size(); i-- > 0;) {
    for (auto [into, part] : llvm::zip(sum, rows.places[i])) {
      AffineExpr scaled = stride ? foldBinary(BinaryKind::mul, part, stride) : AffineExpr();
      into = into && scaled ? foldBinary(BinaryKind::add, into, scaled) : AffineExpr();
      if (!into)
        failElsewhere(node);
    }
    stride = stride ? foldBinary(BinaryKind::mul, stride, dims[i]) : stride;
  }
  if (!stride)
    failElsewhere(node);
  return {sum, stride};
}

/// How many dimensions the index tuples [rows, depth] of an input name, which are places of rows.
size_t tupleDepth(Node& node, unsigned input) {
  const SelectedRows* rows = node.selected(input);
  int64_t rank = node.type(input).getRank();
  bool fits = rows && rows->axis && *rows->axis == 0 && rank == 2 && !rows->places.empty() &&
              static_cast<int64_t>(rows->places.size()) == node.type(input).getDimSize(1) &&
              static_cast<int64_t>(rows->places.size()) <= node.type(0).getRank();
  if (!fits)
    failElsewhere(node);
  return rows->places.size();
}

/// The numbers at the ends of the scopes within the node's own: /mlp/experts/expert_2/wi/MatMul beside /mlp/experts/Split has 2.
std::set<int64_t> numbersOfScopes(Node& node) {
  std::set<int64_t> numbers;
  const std::string& name = node.name();
  const StringRef prefix = StringRef(name).take_front(name.rfind('/') + 1);
  for (const onnx::NodeProto& other : node.graph().node()) {
    StringRef rest = other.name();
    if (prefix.empty() || !rest.consume_front(prefix) || !rest.contains('/'))
      continue;
    StringRef scope = rest.take_until([](char c) { return c == '/'; });
    int64_t number = 0;
    if (!scope.take_back(scope.size() - scope.find_last_not_of("0123456789") - 1).getAsInteger(10, number))
      numbers.insert(number);
  }
  return numbers;
}

}  // namespace

Value repeated(Node& node, const SelectedRows& rows, Value value, ArrayRef<int64_t> over) {
  Maker make(node);
  SmallVector<AffineExpr> dims = make.dims(value), mask = make.dims(rows.mask), once, often;
  for (int64_t i : over) {
    once.push_back(llvm::is_contained(rows.over, i) ? mask[i] : make.number(1));
    often.push_back(mask[i]);
  }
  AffineExpr count = tfm::productOf(often, node.context());
  if (!count)
    failElsewhere(node);
  Value wide = make.broadcast(make.reshape(value, replaced(dims, *rows.axis, once)), replaced(dims, *rows.axis, often));
  return make.reshape(wide, replaced(dims, *rows.axis, count));
}

void lookUpRows(Node& node, int64_t axis) {
  Maker make(node);
  const Place* place = onlyPlace(node, 1);
  if (!place)
    failElsewhere(node);
  const SelectedRows rows = *node.selected(1);
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0)), index = tfm::dimsOf(node.type(1));
  for (auto [i, dim] : llvm::enumerate(index))
    if (static_cast<int64_t>(i) != *rows.axis && dim != make.number(1))
      failElsewhere(node);
  auto [value, found] = lookUp(node, rows, *place, node.value(0), axis);
  index[*rows.axis] = make.dim(value, axis);
  found.axis = axis + *rows.axis;
  node.set(0, make.reshape(value, replaced(dims, axis, index)));
  node.setSelected(0, found);
}

void lookUpTuples(Node& node) {
  Maker make(node);
  size_t depth = tupleDepth(node, 1);
  if (node.attribute("batch_dims", int64_t(0)) != 0 || node.selected(0))
    failElsewhere(node);
  const SelectedRows rows = *node.selected(1);
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0));
  auto [place, count] = joined(node, rows, dims);
  SmallVector<AffineExpr> flat(dims.begin() + static_cast<int64_t>(depth), dims.end());
  flat.insert(flat.begin(), count);
  auto [value, found] = lookUp(node, rows, place, make.reshape(node.value(0), flat), 0);
  node.set(0, value);
  node.setSelected(0, found);
}

void scatterElements(Node& node) {
  inputsWithRows(node);  // as often as the indices have them
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0)), index = tfm::dimsOf(node.type(1)), updates = tfm::dimsOf(node.type(2));
  int64_t axis = node.axis(node.attribute("axis", int64_t(0)), static_cast<int64_t>(dims.size()));
  const Place* place = onlyPlace(node, 1);
  bool fits = place && !node.selected(0) && node.selected(2) && index.size() == dims.size() && updates.size() == dims.size() &&
              node.selected(1)->axis == axis && node.selected(2)->axis == axis;
  for (size_t i = 0; fits && i < dims.size(); ++i)
    fits = static_cast<int64_t>(i) == axis || (dims[i] == index[i] && dims[i] == updates[i]);
  if (!fits)
    failElsewhere(node);
  node.set(0, scatter(node, *place, node.value(0), axis));
}

void scatterTuples(Node& node) {
  Maker make(node);
  inputsWithRows(node);
  size_t depth = tupleDepth(node, 1);
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0)), rest(dims.begin() + static_cast<int64_t>(depth), dims.end()),
                          updates = tfm::dimsOf(node.type(2));
  const SelectedRows rows = *node.selected(1);
  if (node.selected(0) || !node.selected(2) || node.selected(2)->axis != 0 || updates.size() != rest.size() + 1 ||
      ArrayRef(updates).drop_front() != ArrayRef(rest))
    failElsewhere(node);
  auto [place, count] = joined(node, rows, dims);
  rest.insert(rest.begin(), count);
  node.set(0, make.reshape(scatter(node, place, make.reshape(node.value(0), rest), 0), dims));
}

void splitTracedList(Node& node, const SelectedRows& list) {
  Maker make(node);
  SmallVector<AffineExpr> mask = make.dims(list.mask);
  const int64_t all = mask.size() == 1 ? constantOf(mask[0]).value_or(0) : 0;
  SmallVector<int64_t> sizes(node.outputs(), 1);
  if (node.has(1))
    sizes = node.constants(1, "sizes");
  else if (auto given = node.attributeInts("split"))
    sizes = *given;
  bool single = llvm::all_of(sizes, [](int64_t size) { return size == 1; }) && sizes.size() == node.outputs();
  auto taken = static_cast<int64_t>(node.outputs());
  bool isList = list.places.size() == 1;
  for (auto [i, dim] : llvm::enumerate(tfm::dimsOf(node.type(0))))
    isList &= static_cast<int64_t>(i) == *list.axis || dim == make.number(1);
  if (all == 0 || !single || !isList || taken > all)
    failElsewhere(node);
  SmallVector<int64_t> chosen = llvm::to_vector(llvm::seq<int64_t>(0, taken));
  if (taken < all) {
    std::set<int64_t> named = numbersOfScopes(node);
    if (static_cast<int64_t>(named.size()) != taken || *named.rbegin() >= all)
      node.fail("takes " + std::to_string(taken) + " of " + std::to_string(all) +
                " experts, those that the traced input chose, and no name says which; export the model with an input that chooses all, or "
                "compile "
                "its checkpoint");
    chosen.assign(named.begin(), named.end());
    std::string missing;
    for (int64_t i = 0; i < all; ++i)
      if (!named.count(i))
        missing += (missing.empty() ? "" : ", ") + std::to_string(i);
    node.warn(
        "has no experts " + missing + " of " + std::to_string(all) +
        ", which the traced input did not choose: tokens that choose them get nothing; export the model with an input that chooses all, or "
        "compile its checkpoint");
  }
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0));
  int64_t axis = *list.axis;
  dims[axis] = make.number(1);
  for (unsigned i = 0; i < node.outputs(); ++i)
    if (!node.outputName(i).empty())
      node.set(i, node.tensorType(dims, node.type(0).getElementType()), {make.number(chosen[i])});
}

}  // namespace quantc::onnx_import
