// Where a tensor is not 0: [rank, count] of the coordinates, in row-major order.
#include <algorithm>

#include "compiler/import/onnx/Maker.h"
#include "compiler/import/onnx/Ops.h"

namespace quantc::onnx_import {

using namespace mlir;

namespace {

/// Whether each element is not 0, of a constant; empty for what is computed.
std::optional<SmallVector<bool>> constantMask(Node& node) {
  SmallVector<bool> mask;
  if (const Known* known = node.known(0)) {
    auto values = constantsOf(*known);
    if (!values)
      return std::nullopt;
    for (int64_t value : *values)
      mask.push_back(value != 0);
    return mask;
  }
  auto constant = node.value(0).getDefiningOp<tfm::ConstantOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  if (!elements)
    return std::nullopt;
  if (isa<FloatType>(elements.getElementType()))
    for (const APFloat& value : elements.getValues<APFloat>())
      mask.push_back(!value.isZero());
  else
    for (const APInt& value : elements.getValues<APInt>())
      mask.push_back(!value.isZero());
  return mask;
}

/// Whether all elements are not 0 or all are, of one constant that is repeated.
std::optional<bool> isFilled(Value value) {
  while (isa_and_nonnull<tfm::BroadcastOp, tfm::ReshapeOp, tfm::CastOp, tfm::TransposeOp>(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  auto constant = value.getDefiningOp<tfm::ConstantOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  if (!elements || !elements.isSplat())
    return std::nullopt;
  return isa<FloatType>(elements.getElementType()) ? !elements.getSplatValue<APFloat>().isZero()
                                                   : !elements.getSplatValue<APInt>().isZero();
}

void setPlaces(Node& node, ArrayRef<int64_t> shape, ArrayRef<bool> mask) {
  Maker make(node);
  SmallVector<int64_t> places;
  auto rank = static_cast<int64_t>(shape.size()), count = static_cast<int64_t>(llvm::count(mask, true));
  int64_t stride = static_cast<int64_t>(mask.size());
  for (int64_t extent : shape) {
    stride = extent ? stride / extent : 0;
    for (auto [i, kept] : llvm::enumerate(mask))
      if (kept)
        places.push_back(static_cast<int64_t>(i) / stride % extent);
  }
  auto type = RankedTensorType::get({rank, count}, IntegerType::get(node.context(), 64));
  if (rank * count > kMostKnown)
    return node.set(0, node.create<tfm::ConstantOp>(type, DenseElementsAttr::get(type, ArrayRef(places))));
  node.set(0, type, Known(llvm::map_range(places, [&](int64_t place) { return make.number(place); })));
}

/// The coordinates of every element of a tensor, whose dimensions are gone through in this order, the first the slowest.
Value allPlaces(Node& node, ArrayRef<AffineExpr> dims, ArrayRef<int64_t> order) {
  Maker make(node);
  AffineExpr count = tfm::productOf(dims, node.context());
  if (!count)
    node.fail("counts the elements of two dynamic dimensions, which is not supported; export the model without it");
  SmallVector<AffineExpr> turned;
  for (int64_t axis : order)
    turned.push_back(dims[axis]);
  SmallVector<Value> rows;
  for (int64_t axis = 0; axis < static_cast<int64_t>(dims.size()); ++axis) {
    SmallVector<AffineExpr> along(dims.size(), make.number(1));
    along[llvm::find(order, axis) - order.begin()] = dims[axis];
    Value each = make.broadcast(make.reshape(make.iota(dims[axis], make.number(0)), along), turned);
    rows.push_back(make.reshape(each, {make.number(1), count}));
  }
  return make.concat(rows, 0);
}

/// What was found in a tensor that is computed: the coordinates of all positions, of which the mask keeps some. Their order is nobody's business, and
/// tensors whose size depends on the step have that dimension first.
void setSelected(Node& node) {
  Maker make(node);
  Value x = node.value(0), mask = make.type(x).getElementType().isInteger(1)
                                      ? x
                                      : make.unary(tfm::UnaryKind::not_, make.binary(tfm::BinaryKind::equal, x, 0.0));
  SmallVector<AffineExpr> dims = make.dims(mask);
  const auto rank = static_cast<int64_t>(dims.size());
  auto order = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  std::stable_partition(order.begin(), order.end(), [&](int64_t axis) { return !constantOf(dims[axis]); });
  SelectedRows rows{llvm::is_sorted(order) ? mask : make.transpose(mask, order), {}, 1, {}, {}, {}};
  if (rank > 1)
    rows.along = 0;
  for (int64_t axis = 0; axis < rank; ++axis) {
    const int64_t at = llvm::find(order, axis) - order.begin();
    rows.places.emplace_back(rank, make.number(0));
    rows.places.back()[at] = make.number(1);
    if (make.dim(rows.mask, axis) != make.number(1))
      rows.over.push_back(axis);
  }
  node.set(0, allPlaces(node, dims, order));
  node.setSelected(0, std::move(rows));
}

}  // namespace

/// PyTorch's exporter wrote arange as the places of a tensor of ones.
void importNonZero(Node& node) {
  Maker make(node);
  RankedTensorType type = node.type(0);
  if (type.getRank() == 0)
    node.fail(std::string("asks for the places of a scalar") + kDamaged);
  if (auto mask = constantMask(node))
    return setPlaces(node, type.getShape(), *mask);
  auto filled = isFilled(node.value(0));
  if (!filled)
    return setSelected(node);
  if (*filled)
    return node.set(0, allPlaces(node, tfm::dimsOf(type), llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()))));
  node.set(0, RankedTensorType::get({type.getRank(), 0}, IntegerType::get(node.context(), 64)), {});
}

}  // namespace quantc::onnx_import
