// Operators that change shapes. Shapes are expressions of the symbols; known elements move along.
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

/// The input under another shape.
void setReshaped(Node& node, ArrayRef<AffineExpr> dims) {
  RankedTensorType type = node.tensorType(dims, node.type(0).getElementType());
  if (const Known* known = node.known(0))
    return node.set(0, type, *known);
  node.set(0, node.reshape(node.value(0), dims));
}

bool contains(ArrayRef<int64_t> axes, int64_t axis) { return llvm::is_contained(axes, axis); }

}  // namespace

void importIf(Node& node) {
  auto condition = constantOf(node.knownScalar(0));
  if (!condition)
    node.fail("has a condition that is computed from the input; export the model with the branch that is wanted alone");
  node.setFromBranch(*condition ? "then_branch" : "else_branch");
}

void importShape(Node& node) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0));
  auto rank = static_cast<int64_t>(dims.size());
  auto clamp = [&](int64_t value) { return std::clamp<int64_t>(value < 0 ? value + rank : value, 0, rank); };
  int64_t begin = clamp(node.attribute("start", int64_t(0))), end = clamp(node.attribute("end", rank));
  Known elements;
  for (int64_t i = begin; i < end; ++i)
    elements.push_back(dims[i]);
  auto type = RankedTensorType::get({static_cast<int64_t>(elements.size())}, IntegerType::get(node.context(), 64));
  node.set(0, type, elements);
}

void importSize(Node& node) {
  AffineExpr count = tfm::productOf(tfm::dimsOf(node.type(0)), node.context());
  if (!count)
    node.fail("counts a tensor of two dynamic dimensions, which is not supported; export the model without it");
  node.set(0, RankedTensorType::get({}, IntegerType::get(node.context(), 64)), {count});
}

void importReshape(Node& node) {
  const Known* wanted = node.known(1);
  if (!wanted)
    node.fail("has a shape that depends on the values of tensors; export the model with constant shapes");
  bool zeroCopies = node.attribute("allowzero", int64_t(0)) == 0;
  SmallVector<AffineExpr> from = tfm::dimsOf(node.type(0)), dims(*wanted), others;
  std::optional<size_t> inferred;
  for (size_t i = 0; i < dims.size(); ++i) {
    auto constant = constantOf(dims[i]);
    if (constant == 0 && zeroCopies) {
      if (i >= from.size())
        node.fail("copies dimension " + std::to_string(i) + " of a tensor that has fewer; export the model again");
      dims[i] = from[i];
    }
    if (constant && *constant < -1)
      node.fail("has dimension " + std::to_string(*constant) + "; the model is damaged, export it again");
    if (constant == -1) {
      if (inferred)
        node.fail("leaves two dimensions open; export the model again");
      inferred = i;
    } else {
      others.push_back(dims[i]);
    }
  }
  AffineExpr quotient = quotientOf(from, others, node.context());
  if (inferred) {
    if (!quotient)
      node.fail("has a shape that does not fit its tensor; export the model again");
    dims[*inferred] = quotient;
  } else if (quotient != constantExpr(1, node.context())) {
    AffineExpr count = tfm::productOf(from, node.context()), wantedCount = tfm::productOf(dims, node.context());
    bool same = count && wantedCount && simplifyAffineExpr(count - wantedCount, 0, tfm::kMostSymbols) == constantExpr(0, node.context());
    if (!same && (quotient || count))
      node.fail("changes the number of elements; export the model again");
  }
  setReshaped(node, dims);
}

void importFlatten(Node& node) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0));
  auto rank = static_cast<int64_t>(dims.size());
  int64_t axis = node.attribute("axis", int64_t(1));
  axis = axis == rank ? rank : node.axis(axis, rank);
  AffineExpr rows = tfm::productOf(ArrayRef(dims).take_front(axis), node.context());
  AffineExpr columns = tfm::productOf(ArrayRef(dims).drop_front(axis), node.context());
  if (!rows || !columns)
    node.fail("joins two dynamic dimensions, which is not supported; export the model without it");
  setReshaped(node, {rows, columns});
}

void importSqueeze(Node& node) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0)), kept;
  AffineExpr one = constantExpr(1, node.context());
  SmallVector<int64_t> axes = node.axes(1, static_cast<int64_t>(dims.size()));
  bool all = !node.has(1) && !node.attributeInts("axes");
  for (size_t i = 0; i < dims.size(); ++i) {
    bool dropped = all ? dims[i] == one : contains(axes, static_cast<int64_t>(i));
    if (dropped && dims[i] != one)
      node.fail("drops axis " + std::to_string(i) + ", which has more than one element; export the model again");
    if (!dropped)
      kept.push_back(dims[i]);
  }
  setReshaped(node, kept);
}

void importUnsqueeze(Node& node) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(node.type(0)), result;
  size_t added = node.has(1) ? node.constants(1, "axes").size() : node.attributeInts("axes").value_or(SmallVector<int64_t>()).size();
  auto rank = static_cast<int64_t>(dims.size() + added);
  SmallVector<int64_t> axes = node.axes(1, rank);
  size_t next = 0;
  for (int64_t i = 0; i < rank; ++i)
    result.push_back(contains(axes, i) ? constantExpr(1, node.context()) : dims[next++]);
  setReshaped(node, result);
}

/// The elements of a tensor [shape...] in the order of its transposed form.
static Known permuted(const Known& elements, ArrayRef<int64_t> shape, ArrayRef<int64_t> order) {
  SmallVector<size_t> strides(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * static_cast<size_t>(shape[i]);
  SmallVector<size_t> places{0};
  for (int64_t axis : order) {
    SmallVector<size_t> longer;
    for (size_t place : places)
      for (int64_t k = 0; k < shape[axis]; ++k)
        longer.push_back(place + strides[axis] * static_cast<size_t>(k));
    places = longer;
  }
  Known result;
  for (size_t place : places)
    result.push_back(elements[place]);
  return result;
}

void importTranspose(Node& node) {
  RankedTensorType type = node.type(0);
  SmallVector<int64_t> order;
  if (auto perm = node.attributeInts("perm"))
    order = *perm;
  else
    for (int64_t i = type.getRank(); i-- > 0;)
      order.push_back(i);
  SmallVector<int64_t> sorted(order);
  llvm::sort(sorted);
  bool isPermutation = static_cast<int64_t>(order.size()) == type.getRank();
  for (int64_t i = 0; isPermutation && i < type.getRank(); ++i)
    isPermutation = sorted[i] == i;
  if (!isPermutation)
    node.fail("has an order that is not a permutation of its tensor's dimensions; export the model again");
  SmallVector<AffineExpr> dims = tfm::dimsOf(type), result;
  for (int64_t axis : order)
    result.push_back(dims[axis]);
  RankedTensorType to = node.tensorType(result, type.getElementType());
  if (const Known* known = node.known(0); known && type.hasStaticShape())
    return node.set(0, to, permuted(*known, type.getShape(), order));
  node.set(0, node.create<tfm::TransposeOp>(to, node.value(0), order));
}

void importExpand(Node& node) {
  const Known* dims = node.known(1);
  if (!dims)
    node.fail("has a shape that depends on the values of tensors; export the model with constant shapes");
  for (AffineExpr dim : *dims)
    if (boundsOf(dim).least.value_or(-1) < 0)
      node.fail("can have a negative dimension; the model is damaged, export it again");
  RankedTensorType from = node.type(0), wanted = node.tensorType(*dims, from.getElementType());
  RankedTensorType type = node.broadcastType({from, wanted}, from.getElementType());
  const Known* known = node.known(0);
  if (known && isSmall(type)) {
    Known elements;
    for (int64_t index : broadcastIndices(from.getShape(), type.getShape()))
      elements.push_back((*known)[index]);
    return node.set(0, type, elements);
  }
  node.set(0, type == from ? node.value(0) : node.create<tfm::BroadcastOp>(type, node.value(0)));
}

}  // namespace quantc::onnx_import
