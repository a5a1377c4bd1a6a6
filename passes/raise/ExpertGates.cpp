#include "passes/raise/ExpertGates.h"

#include "passes/raise/Matching.h"

namespace quantc::raise {

using namespace mlir;
using tfm::BinaryKind;

namespace {

constexpr int kDeepest = 64, kMostVisited = 4096;

/// One factor for all of a row's columns.
bool isPerRow(Value value) {
  RankedTensorType type = typeOf(value);
  return type.getRank() == 0 || type.getShape().back() == 1;
}

/// The scores that all gates are computed from: a linear, or its sum with a bias; null where there is none or are several.
Value routerOf(ArrayRef<Value> gates) {
  SmallVector<Value> found;
  int visited = 0;
  visitProducers(gates, [&](Operation* op) {
    if (isa<tfm::LinearOp>(op))
      found.push_back(op->getResult(0));
    return !isa<tfm::LinearOp>(op) && ++visited < kMostVisited;
  });
  if (found.size() != 1 || visited == kMostVisited)
    return {};
  Value scores = found[0];
  auto sum = scores.hasOneUse() ? dyn_cast<tfm::BinaryOp>(*scores.user_begin()) : tfm::BinaryOp();
  if (sum && sum.getKind() == BinaryKind::add && sum.getType() == scores.getType())
    for (auto [value, bias] : bothOrders(sum))
      if (value == scores && vectorExprOf(bias, typeOf(scores).getShape().back()))
        return sum;
  return scores;
}

/// A linear, or its sum with a bias.
bool isExpertsResult(Value value) {
  if (value.getDefiningOp<tfm::LinearOp>())
    return true;
  auto sum = binaryOf(value, BinaryKind::add);
  return sum && llvm::any_of(bothOrders(sum), [&](OperandPair pair) {
           return pair.first.getDefiningOp<tfm::LinearOp>() && pair.first.getType() == value.getType() &&
                  vectorExprOf(pair.second, typeOf(value).getShape().back());
         });
}

}  // namespace

ExpertGates::~ExpertGates() {
  while (!block_.empty())
    block_.back().erase();
}

Value ExpertGates::zero() {
  auto type = RankedTensorType::get({}, builder_.getF32Type());
  return builder_.create<tfm::ConstantOp>(builder_.getUnknownLoc(), type, DenseElementsAttr::get(type, 0.0f));
}

Value ExpertGates::narrow(Value value, Narrowing& state) {
  if (auto done = state.done.find(value); done != state.done.end())
    return done->second;
  if (++state.depth > kDeepest)
    return {};
  Value result = narrowed(value, state);
  --state.depth;
  state.done[value] = result;
  return result;
}

/// The value with one column, of those that all have the same done to them; null where that is not so.
Value ExpertGates::narrowed(Value value, Narrowing& state) {
  Operation* op = value.getDefiningOp();
  if (scalarOf(value) == 0.0)
    return zero();
  RankedTensorType type = typeOf(value);
  if (!op || !type.getElementType().isF32() || type.getRank() == 0 || type.isDynamicDim(type.getRank() - 1) || type.getShape().back() == 1)
    return {};
  auto keepsColumns = [&](Value operand) {
    return typeOf(operand).getRank() > 0 && typeOf(operand).getShape().back() == type.getShape().back();
  };
  auto clone = [&](ArrayRef<Value> operands) {
    if (llvm::any_of(operands, [](Value operand) { return !operand; }))
      return Value();
    builder_.setInsertionPointToEnd(&block_);
    OperationState made(op->getLoc(), op->getName(), operands, {withLastDim(type, 1)}, op->getAttrs());
    return Value(builder_.create(made)->getResult(0));
  };
  const int64_t last = type.getRank() - 1;
  if (isExpertsResult(value)) {
    if (state.product && state.product != value)
      return {};
    if (!state.product)
      state.rows = block_.addArgument(withLastDim(type, 1), op->getLoc());
    state.product = value;
    return state.rows;
  }
  if (isa<tfm::ReshapeOp, tfm::BroadcastOp>(op) && keepsColumns(op->getOperand(0)))
    return clone({narrow(op->getOperand(0), state)});
  if (auto transpose = dyn_cast<tfm::TransposeOp>(op); transpose && transpose.getOrder().back() == last)
    return clone({narrow(transpose.getOperand(), state)});
  if (auto slice = dyn_cast<tfm::SliceOp>(op); slice && static_cast<int64_t>(slice.getAxis()) != last)
    return clone({narrow(slice.getOperand(), state)});
  if (auto binary = dyn_cast<tfm::BinaryOp>(op)) {
    if (binary.getKind() == BinaryKind::add && keepsColumns(binary.getLhs()) && keepsColumns(binary.getRhs()))
      return clone({narrow(binary.getLhs(), state), narrow(binary.getRhs(), state)});
    if (binary.getKind() == BinaryKind::mul)
      for (auto [columns, gate] : bothOrders(binary))
        if (keepsColumns(columns) && isPerRow(gate)) {
          state.gates.push_back(gate);
          Value inner = narrow(columns, state);
          return columns == binary.getLhs() ? clone({inner, gate}) : clone({gate, inner});
        }
  }
  if (auto select = dyn_cast<tfm::SelectOp>(op); select && isPerRow(select.getCondition())) {
    state.gates.push_back(select.getCondition());
    return clone({select.getCondition(), narrow(select.getLhs(), state), narrow(select.getRhs(), state)});
  }
  return {};
}

std::optional<GatedTerm> ExpertGates::match(const Term& term) {
  Narrowing state;
  Value factored = narrow(term.value, state);
  if (!factored || !state.product)
    return std::nullopt;
  if (term.condition) {
    if (!isPerRow(term.condition))
      return std::nullopt;
    state.gates.push_back(term.condition);
    builder_.setInsertionPointToEnd(&block_);
    factored = builder_.create<tfm::SelectOp>(term.value.getLoc(), factored.getType(), term.condition, factored, zero());
  }
  Value router = state.gates.empty() ? Value() : routerOf(state.gates);
  if (!router || !typeOf(router).getElementType().isF32() || typeOf(router).isDynamicDim(typeOf(router).getRank() - 1))
    return std::nullopt;
  return GatedTerm{state.product, router, state.rows, factored};
}

}  // namespace quantc::raise
