#include "passes/raise/ExpertStack.h"

#include <map>

#include "passes/raise/Matching.h"

namespace quantc::raise {

using namespace mlir;

namespace {

constexpr int64_t kRowsPerTile = 16;
constexpr int kDeepest = 64;

/// Rows `begin` to `end` - 1 of matrix `number` in a tensor of several.
struct RowsOfMatrix {
  Attribute tensor;
  int64_t number, begin, end;
};

std::optional<RowsOfMatrix> rowsOfMatrix(Attribute expr) {
  auto rows = dyn_cast<tfm::SlicedAttr>(expr);
  auto matrix = dyn_cast<tfm::ReshapedAttr>(rows ? rows.getInner() : expr);
  auto slice = matrix ? dyn_cast<tfm::SlicedAttr>(matrix.getInner()) : tfm::SlicedAttr();
  if (!slice || slice.getAxis() != 0 || slice.getEnd() != slice.getBegin() + 1 || (rows && rows.getAxis() != 0))
    return std::nullopt;
  ArrayRef<int64_t> shape = tfm::typeOfWeight(slice.getInner()).getShape();
  if (shape.size() != 3 || matrix.getShape() != shape.drop_front())
    return std::nullopt;
  return RowsOfMatrix{slice.getInner(), slice.getBegin(), rows ? rows.getBegin() : 0, rows ? rows.getEnd() : shape[1]};
}

/// Matrices [out, in] one under the other. Those that lie so in a tensor [experts, out, in] are parts of that.
Attribute together(ArrayRef<Attribute> weights) {
  auto first = rowsOfMatrix(weights[0]);
  for (size_t i = 0; first && i < weights.size(); ++i) {
    auto each = rowsOfMatrix(weights[i]);
    if (!each || each->tensor != first->tensor || each->number != static_cast<int64_t>(i) || each->begin != first->begin ||
        each->end != first->end)
      first.reset();
  }
  MLIRContext* context = weights[0].getContext();
  if (!first || tfm::typeOfWeight(first->tensor).getDimSize(0) != static_cast<int64_t>(weights.size()))
    return tfm::ConcatenatedAttr::get(context, weights, 0);
  ArrayRef<int64_t> shape = tfm::typeOfWeight(first->tensor).getShape();
  Attribute rows = first->end - first->begin == shape[1]
                       ? first->tensor
                       : Attribute(tfm::SlicedAttr::get(context, first->tensor, 1, first->begin, first->end));
  return reshaped(rows, {shape[0] * (first->end - first->begin), shape[2]});
}

/// One computation for chosen experts in place of several that differ in their weights alone.
class Stack {
public:
  Stack(OpBuilder& builder, Value indices) : builder_(builder), indices_(indices) {}

  /// Of the values that each expert computes: [..., k, width], or null where they differ otherwise, or are not what tfm.expert_linear and elementwise operations
  /// give for one input.
  Value stacked(const SmallVector<Value>& each) {
    SmallVector<void*> key;
    for (Value value : each)
      key.push_back(value.getAsOpaquePointer());
    if (auto done = done_.find(key); done != done_.end())
      return done->second;
    if (++depth_ > kDeepest)
      return {};
    Value result = stack(each);
    --depth_;
    return done_[key] = result;
  }

private:
  Value stack(const SmallVector<Value>& each) {
    Operation* op = each[0].getDefiningOp();
    if (auto constant = scalarOf(each[0]); constant && typeOf(each[0]).hasStaticShape() && typeOf(each[0]).getNumElements() == 1) {
      bool same = typeOf(each[0]).getElementType().isF32() && llvm::all_of(each, [&](Value value) { return scalarOf(value) == constant; });
      return same ? scalar(op->getLoc(), *constant) : Value();
    }
    if (!op || !typeOf(each[0]).getElementType().isF32())
      return {};
    if (isa<tfm::WeightOp>(op))
      return vectors(each);
    for (Value value : each) {
      Operation* other = value.getDefiningOp();
      if (!other || other->getName() != op->getName() || value.getType() != each[0].getType() || other->getAttrs() != op->getAttrs())
        return {};
    }
    if (isa<tfm::LinearOp>(op))
      return product(each);
    if (auto reshape = dyn_cast<tfm::ReshapeOp>(op); reshape && hasColumns(reshape.getOperand(), typeOf(reshape).getShape().back()))
      return stacked(operandsOf(each, 0));
    if (auto slice = dyn_cast<tfm::SliceOp>(op); slice && static_cast<int64_t>(slice.getAxis()) == typeOf(slice).getRank() - 1)
      return columns(each, slice);
    if (!isa<tfm::UnaryOp, tfm::BinaryOp>(op))
      return {};
    SmallVector<Value> operands;
    for (unsigned i = 0; i < op->getNumOperands(); ++i) {
      operands.push_back(stacked(operandsOf(each, i)));
      if (!operands.back())
        return {};
    }
    SmallVector<RankedTensorType> types;
    for (Value operand : operands)
      types.push_back(typeOf(operand));
    RankedTensorType type = typeWithSlots(typeOf(each[0]).getShape().back());
    if (broadcastDims(types) != tfm::dimsOf(type))
      return {};
    OperationState state(op->getLoc(), op->getName(), operands, {type}, op->getAttrs());
    return builder_.create(state)->getResult(0);
  }

  Value product(const SmallVector<Value>& each) {
    SmallVector<Value> inputs = operandsOf(each, 0);
    SmallVector<Attribute> weights;
    for (Value weight : operandsOf(each, 1)) {
      weights.push_back(weightExprOf(weight));
      if (!weights.back() || weight.getType() != each[0].getDefiningOp()->getOperand(1).getType())
        return {};
    }
    SmallVector<AffineExpr> rows = tfm::dimsOf(typeOf(indices_)), given = tfm::dimsOf(typeOf(inputs[0]));
    const int64_t width = typeOf(each[0]).getShape().back();
    if (width % kRowsPerTile != 0)
      return {};
    Value input = inputs[0];
    if (!llvm::all_equal(inputs)) {
      input = stacked(inputs);
    } else {
      SmallVector<AffineExpr> dims(rows.begin(), rows.end() - 1);
      AffineExpr count = tfm::productOf(dims, builder_.getContext());
      if (!typeOf(input).getElementType().isF32() || !count || tfm::productOf(ArrayRef(given).drop_back(), builder_.getContext()) != count)
        return {};
      dims.push_back(given.back());
      input = makeReshape(builder_, each[0].getLoc(), input, tfm::makeTensorType(dims, builder_.getF32Type()));
    }
    if (!input)
      return {};
    Location loc = each[0].getLoc();
    Value weight = createWeight(builder_, loc, together(weights));
    return builder_.create<tfm::ExpertLinearOp>(loc, typeWithSlots(width), input, weight, indices_,
                                                builder_.getI64IntegerAttr(static_cast<int64_t>(each.size())));
  }

  /// Biases: of each slot's expert its own.
  Value vectors(const SmallVector<Value>& each) {
    const int64_t width = typeOf(each[0]).getNumElements();
    SmallVector<Attribute> rows;
    for (Value value : each) {
      Attribute vector =
          value.getDefiningOp<tfm::WeightOp>() && value.getType() == each[0].getType() ? vectorExprOf(value, width) : Attribute();
      if (!vector)
        return {};
      rows.push_back(reshaped(vector, {1, width}));
    }
    Location loc = each[0].getLoc();
    Value table = createWeight(builder_, loc, tfm::ConcatenatedAttr::get(builder_.getContext(), rows, 0));
    return builder_.create<tfm::GatherOp>(loc, typeWithSlots(width), table, indices_, 0);
  }

  Value columns(const SmallVector<Value>& each, tfm::SliceOp slice) {
    Value whole = stacked(operandsOf(each, 0));
    if (!whole)
      return {};
    return builder_.create<tfm::SliceOp>(slice.getLoc(), typeWithSlots(typeOf(slice).getShape().back()), whole, typeOf(whole).getRank() - 1,
                                         slice.getBegin(), slice.getStep());
  }

  static bool hasColumns(Value value, int64_t width) { return typeOf(value).getRank() > 0 && typeOf(value).getShape().back() == width; }

  Value scalar(Location loc, double value) {
    auto type = RankedTensorType::get({}, builder_.getF32Type());
    return builder_.create<tfm::ConstantOp>(loc, type, DenseElementsAttr::get(type, static_cast<float>(value)));
  }

  static SmallVector<Value> operandsOf(ArrayRef<Value> each, unsigned i) {
    return llvm::to_vector(llvm::map_range(each, [&](Value value) { return value.getDefiningOp()->getOperand(i); }));
  }

  RankedTensorType typeWithSlots(int64_t width) {
    SmallVector<AffineExpr> dims = tfm::dimsOf(typeOf(indices_));
    dims.push_back(builder_.getAffineConstantExpr(width));
    return tfm::makeTensorType(dims, builder_.getF32Type());
  }

  OpBuilder& builder_;
  Value indices_;
  std::map<SmallVector<void*>, Value> done_;
  int depth_ = 0;
};

}  // namespace

Value stackedExperts(OpBuilder& builder, const SmallVector<Value>& experts, Value indices) {
  return Stack(builder, indices).stacked(experts);
}

}  // namespace quantc::raise
