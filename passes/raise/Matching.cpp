#include "passes/raise/Matching.h"

#include "dialects/tfm/Reason.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace quantc::raise {

using namespace mlir;

namespace {

SmallVector<int64_t> swapped(int64_t rank, int64_t a, int64_t b) {
  SmallVector<int64_t> order;
  for (int64_t i = 0; i < rank; ++i)
    order.push_back(i == a ? b : i == b ? a : i);
  return order;
}

bool isIdentity(ArrayRef<int64_t> order) {
  for (auto [i, source] : llvm::enumerate(order))
    if (source != static_cast<int64_t>(i))
      return false;
  return true;
}

bool isOne(AffineExpr dim) {
  auto constant = dyn_cast<AffineConstantExpr>(dim);
  return constant && constant.getValue() == 1;
}

}  // namespace

LogicalResult declined(PatternRewriter& rewriter, Operation* op, const Twine& why) {
  op->setDiscardableAttr(tfm::kReasonAttribute, rewriter.getStringAttr(why));
  return rewriter.notifyMatchFailure(op, why);
}

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

RankedTensorType withLastDim(RankedTensorType type, int64_t size) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  dims.back() = getAffineConstantExpr(size, type.getContext());
  return tfm::makeTensorType(dims, type.getElementType());
}

std::optional<double> scalarOf(Value value) {
  Operation* op = value.getDefiningOp();
  if (isa_and_nonnull<tfm::BroadcastOp, tfm::ReshapeOp>(op))
    return scalarOf(op->getOperand(0));
  auto constant = dyn_cast_or_null<tfm::ConstantOp>(op);
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  if (!elements || !elements.isSplat())
    return std::nullopt;
  if (isa<FloatType>(elements.getElementType()))
    return elements.getSplatValue<APFloat>().convertToDouble();
  const APInt integer = elements.getSplatValue<APInt>();
  return elements.getElementType().isUnsignedInteger() ? static_cast<double>(integer.getZExtValue())
                                                       : static_cast<double>(integer.getSExtValue());
}

Attribute weightExprOf(Value value) {
  if (auto weight = value.getDefiningOp<tfm::WeightOp>())
    return weight.getExpr();
  auto constant = value.getDefiningOp<tfm::ConstantOp>();
  auto elements = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : DenseElementsAttr();
  return elements ? Attribute(tfm::LiteralAttr::get(value.getContext(), elements)) : Attribute();
}

Attribute vectorExprOf(Value value, int64_t n) {
  Attribute expr = weightExprOf(value);
  RankedTensorType type = typeOf(value);
  if (!expr || type.getRank() == 0 || type.getShape().back() != n || type.getNumElements() != n)
    return {};
  return reshaped(expr, {n});
}

Attribute permuted(Attribute expr, ArrayRef<int64_t> order) {
  SmallVector<int64_t> composed(order);
  if (auto inner = dyn_cast<tfm::PermutedAttr>(expr)) {
    for (int64_t& axis : composed)
      axis = inner.getOrder()[axis];
    expr = inner.getInner();
  }
  if (isIdentity(composed))
    return expr;
  if (auto inner = dyn_cast<tfm::DequantizedAttr>(expr)) {  // so that groups of codes lie along the rows that are read
    auto each = [&](Attribute part) { return part && tfm::typeOfWeight(part).getNumElements() > 1 ? permuted(part, composed) : part; };
    return tfm::DequantizedAttr::get(expr.getContext(), permuted(inner.getCodes(), composed), each(inner.getScales()),
                                     each(inner.getZeros()), inner.getBlock());
  }
  return tfm::PermutedAttr::get(expr.getContext(), expr, composed);
}

Attribute reshaped(Attribute expr, ArrayRef<int64_t> shape) {
  if (auto inner = dyn_cast<tfm::ReshapedAttr>(expr))
    expr = inner.getInner();
  return tfm::typeOfWeight(expr).getShape() == shape ? expr : tfm::ReshapedAttr::get(expr.getContext(), expr, shape);
}

Value createWeight(OpBuilder& builder, Location loc, Attribute expr) {
  RankedTensorType type = tfm::typeOfWeight(expr);
  if (isa<FloatType>(type.getElementType()))
    type = tfm::withElement(type, builder.getF32Type());
  return builder.create<tfm::WeightOp>(loc, type, expr);
}

std::optional<int64_t> initialOf(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  auto initial = function ? function.getArgAttrOfType<IntegerAttr>(argument.getArgNumber(), tfm::kInitialAttribute) : IntegerAttr();
  return initial ? std::optional<int64_t>(initial.getInt()) : std::nullopt;
}

bool isPositional(Value value) {
  SmallVector<Value> pending{value};
  llvm::SmallPtrSet<Operation*, 32> seen;
  while (!pending.empty()) {
    Value next = pending.pop_back_val();
    Operation* op = next.getDefiningOp();
    if (!op && initialOf(next))
      continue;
    if (!op || isa<tfm::CacheAppendOp, tfm::SourceReadOp>(op))
      return false;
    if (seen.insert(op).second)
      pending.append(op->operand_begin(), op->operand_end());
  }
  return true;
}

void visitProducers(ArrayRef<Value> values, llvm::function_ref<bool(Operation*)> visit) {
  SmallVector<Value> pending(values);
  llvm::SmallPtrSet<Operation*, 32> seen;
  while (!pending.empty()) {
    Operation* op = pending.pop_back_val().getDefiningOp();
    if (op && seen.insert(op).second && visit(op))
      pending.append(op->operand_begin(), op->operand_end());
  }
}

std::array<OperandPair, 2> bothOrders(tfm::BinaryOp op) {
  return {OperandPair{op.getLhs(), op.getRhs()}, OperandPair{op.getRhs(), op.getLhs()}};
}

tfm::BinaryOp binaryOf(Value value, tfm::BinaryKind kind) {
  auto op = value.getDefiningOp<tfm::BinaryOp>();
  return op && op.getKind() == kind ? op : tfm::BinaryOp();
}

tfm::UnaryOp unaryOf(Value value, tfm::UnaryKind kind) {
  auto op = value.getDefiningOp<tfm::UnaryOp>();
  return op && op.getKind() == kind ? op : tfm::UnaryOp();
}

std::optional<SmallVector<AffineExpr>> broadcastDims(ArrayRef<RankedTensorType> types) {
  SmallVector<AffineExpr> result;
  for (RankedTensorType type : types) {
    SmallVector<AffineExpr> dims = tfm::dimsOf(type);
    if (dims.size() > result.size())
      result.insert(result.begin(), dims.size() - result.size(), getAffineConstantExpr(1, type.getContext()));
    for (size_t i = 0; i < dims.size(); ++i) {
      AffineExpr& into = result[result.size() - dims.size() + i];
      if (isOne(into))
        into = dims[i];
      else if (!isOne(dims[i]) && dims[i] != into)
        return std::nullopt;
    }
  }
  return result;
}

Value makeReshape(OpBuilder& builder, Location loc, Value value, RankedTensorType type) {
  while (auto inner = value.getDefiningOp<tfm::ReshapeOp>())
    value = inner.getOperand();
  return value.getType() == type ? value : builder.create<tfm::ReshapeOp>(loc, type, value);
}

bool keepsElementOrder(RankedTensorType type, ArrayRef<int64_t> order) {
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  int64_t last = -1;
  for (int64_t source : order) {
    if (isOne(dims[source]))
      continue;
    if (source < last)
      return false;
    last = source;
  }
  return true;
}

Value makeTranspose(OpBuilder& builder, Location loc, Value value, ArrayRef<int64_t> order) {
  SmallVector<int64_t> composed(order);
  if (auto inner = value.getDefiningOp<tfm::TransposeOp>()) {
    for (int64_t& axis : composed)
      axis = inner.getOrder()[axis];
    value = inner.getOperand();
  }
  SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(value)), result;
  for (int64_t axis : composed)
    result.push_back(dims[axis]);
  RankedTensorType type = tfm::makeTensorType(result, typeOf(value).getElementType());
  if (keepsElementOrder(typeOf(value), composed))
    return makeReshape(builder, loc, value, type);
  return builder.create<tfm::TransposeOp>(loc, type, value, composed);
}

bool holdsHeads(RankedTensorType type, int64_t rowAxis) {
  int64_t rank = type.getRank();
  if (rank != 3 && rank != 4)
    return false;
  if (rowAxis != rank - 2 && rowAxis != rank - 3)
    return false;
  int64_t headAxis = rowAxis == rank - 2 ? rank - 3 : rank - 2;
  return (rank == 3 || type.getDimSize(0) == 1) && !type.isDynamicDim(headAxis) && !type.isDynamicDim(rank - 1);
}

int64_t headsOf(RankedTensorType type, int64_t rowAxis) {
  int64_t rank = type.getRank();
  return type.getDimSize(rowAxis == rank - 2 ? rank - 3 : rank - 2);
}

Value toRows(OpBuilder& builder, Location loc, Value heads, int64_t rowAxis) {
  RankedTensorType type = typeOf(heads);
  int64_t rank = type.getRank();
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  AffineExpr one = getAffineConstantExpr(1, type.getContext());
  RankedTensorType flat = tfm::makeTensorType({one, dims[rowAxis], dims.back() * headsOf(type, rowAxis)}, type.getElementType());
  if (rowAxis == rank - 2)
    heads = makeTranspose(builder, loc, heads, swapped(rank, rank - 2, rank - 3));
  return makeReshape(builder, loc, heads, flat);
}

Value fromRows(OpBuilder& builder, Location loc, Value rows, RankedTensorType type, int64_t rowAxis) {
  int64_t rank = type.getRank();
  if (rowAxis != rank - 2)
    return makeReshape(builder, loc, rows, type);
  SmallVector<AffineExpr> dims = tfm::dimsOf(type);
  std::swap(dims[rank - 2], dims[rank - 3]);
  Value split = makeReshape(builder, loc, rows, tfm::makeTensorType(dims, type.getElementType()));
  return makeTranspose(builder, loc, split, swapped(rank, rank - 2, rank - 3));
}

}  // namespace quantc::raise
