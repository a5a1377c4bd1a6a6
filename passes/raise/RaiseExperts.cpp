// Mixtures whose every expert is computed for every position and weighted with 0 where its router did not choose it.
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "passes/raise/Evaluation.h"
#include "passes/raise/ExpertGates.h"
#include "passes/raise/ExpertStack.h"
#include "passes/raise/Matching.h"
#include "passes/raise/Passes.h"
#include "passes/raise/RouterAttribute.h"
#include "llvm/ADT/MapVector.h"

namespace quantc {
#define GEN_PASS_DEF_RAISEEXPERTSPASS
#include "passes/raise/Passes.h.inc"

using namespace mlir;
using namespace raise;
using tfm::BinaryKind;

namespace {

constexpr size_t kMostTerms = 4096;

/// The sum behind a value as what was summed before and what was added, or nothing where it is no such sum. `s + u where a condition holds, else s` adds `u` under
/// that condition.
SmallVector<Term, 2> partsOf(Value value) {
  auto sum = binaryOf(value, BinaryKind::add);
  auto select = value.getDefiningOp<tfm::SelectOp>();
  if (select && select.getRhs().getType() == select.getType())
    sum = binaryOf(select.getLhs(), BinaryKind::add);
  if (!sum || sum.getType() != value.getType() || sum.getLhs().getType() != sum.getType() || sum.getRhs().getType() != sum.getType())
    return {};
  if (!select)
    return {{{}, sum.getLhs()}, {{}, sum.getRhs()}};
  for (auto [before, added] : bothOrders(sum))
    if (before == select.getRhs())
      return {{{}, before}, {select.getCondition(), added}};
  return {};
}

/// What a value is the sum of.
void collectTerms(Value value, SmallVectorImpl<Term>& terms) {
  SmallVector<Term> pending{{{}, value}};
  for (size_t steps = 0; !pending.empty(); ++steps) {
    if (steps == 2 * kMostTerms)  // of a sum that is added to itself again and again
      return terms.clear();
    Term next = pending.pop_back_val();
    SmallVector<Term, 2> parts = next.condition ? SmallVector<Term, 2>() : partsOf(next.value);
    if (parts.empty())
      terms.push_back(next);
    else
      pending.append(parts.rbegin(), parts.rend());
  }
}

/// A router's experts in a sum.
struct Mixture {
  SmallVector<GatedTerm> terms;
  SmallVector<Value> products;
};

class Raiser {
public:
  Raiser(MLIRContext* context, int64_t longest) : gates_(context), longest_(longest) {}

  /// Replaces the first sums that hold all experts of a mixture.
  void run(func::FuncOp function) {
    for (Operation& op : llvm::make_early_inc_range(function.getBody().front()))
      if (isa<tfm::BinaryOp, tfm::SelectOp>(op) && typeOf(op.getResult(0)).getElementType().isF32())
        visit(op.getResult(0));
    for (Operation& op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (changed_ && isOpTriviallyDead(&op))
        op.erase();
  }

private:
  const std::optional<GatedTerm>& gatedTerm(const Term& term) {
    auto [entry, isNew] = gated_.try_emplace({term.condition, term.value});
    if (isNew)
      entry->second = gates_.match(term);
    return entry->second;
  }

  /// Whether what uses the sum adds more to it that has the router of what was added last.
  bool goesOn(Value sum) {
    auto routersOf = [&](Value value) {
      SmallVector<Value, 2> routers;
      for (const Term& part : partsOf(value))
        if (part.value != sum && gatedTerm(part))
          routers.push_back(gatedTerm(part)->router);
      return routers;
    };
    const SmallVector<Value, 2> own = routersOf(sum);
    return llvm::any_of(sum.getUsers(), [&](Operation* user) {
      if (auto select = dyn_cast<tfm::SelectOp>(user); select && select.getLhs() == sum)
        return !partsOf(select).empty();  // the sum where the condition holds
      return user->getNumResults() == 1 &&
             llvm::any_of(routersOf(user->getResult(0)), [&](Value router) { return llvm::is_contained(own, router); });
    });
  }

  void visit(Value sum) {
    if (goesOn(sum))
      return;
    SmallVector<Term> terms;
    collectTerms(sum, terms);
    llvm::MapVector<Value, Mixture> mixtures;
    for (const Term& term : terms) {
      const std::optional<GatedTerm>& gated = gatedTerm(term);
      if (!gated)
        continue;
      Mixture& mixture = mixtures[gated->router];
      mixture.terms.push_back(*gated);
      if (!llvm::is_contained(mixture.products, gated->product))
        mixture.products.push_back(gated->product);
    }
    for (auto& [router, mixture] : mixtures) {
      SmallVector<Value> gates = llvm::to_vector(llvm::map_range(mixture.terms, [](const GatedTerm& term) { return term.factored; }));
      if (static_cast<int64_t>(mixture.products.size()) != typeOf(router).getShape().back() || tried_[router] == gates)
        continue;
      tried_[router] = gates;
      Value combined;
      if (auto routing = ExpertGates::routingOf(mixture.terms, mixture.products, longest_))
        combined = combine(sum, router, mixture, routing->columns,
                           [&](OpBuilder& builder, ArrayRef<AffineExpr> rows) { return choose(builder, router, *routing, rows); });
      else if (auto slots = ExpertGates::slotsOf(mixture.terms, mixture.products, longest_))
        combined = combine(sum, router, mixture, slots->columns,
                           [&](OpBuilder& builder, ArrayRef<AffineExpr> rows) { return chosen(builder, router, *slots, rows); });
      if (!combined)
        continue;
      OpBuilder builder(sum.getContext());
      builder.setInsertionPointAfterValue(combined);
      for (const Term& term : terms)
        if (const auto& gated = gatedTerm(term); !gated || gated->router != router)
          combined = plus(builder, term, combined);
      sum.replaceAllUsesWith(combined);
      return;
    }
  }

  /// Experts [..., k] and their factors, for rows of these dimensions.
  struct Choice {
    Value indices, factors;
  };

  static Choice choose(OpBuilder& builder, Value router, const Routing& routing, ArrayRef<AffineExpr> rows) {
    SmallVector<AffineExpr> scores(rows);
    scores.push_back(builder.getAffineConstantExpr(typeOf(router).getShape().back()));
    RankedTensorType type = tfm::makeTensorType(scores, builder.getF32Type()), values = withLastDim(type, routing.k);
    Value input = makeReshape(builder, router.getLoc(), router, type);
    auto choice = builder.create<tfm::TopKOp>(router.getLoc(), values, tfm::withElement(values, builder.getI32Type()), input,
                                              builder.getI64IntegerAttr(routing.k), builder.getBoolAttr(routing.normalize));
    return {choice.getIndices(), choice.getValues()};
  }

  static Choice chosen(OpBuilder& builder, Value router, const Slots& slots, ArrayRef<AffineExpr> rows) {
    SmallVector<AffineExpr> dims(rows);
    dims.push_back(builder.getAffineConstantExpr(typeOf(slots.indices).getShape().back()));
    auto shaped = [&](Value value) {
      return makeReshape(builder, router.getLoc(), value, tfm::makeTensorType(dims, typeOf(value).getElementType()));
    };
    Value indices = shaped(slots.indices);
    RankedTensorType narrow = tfm::withElement(typeOf(indices), builder.getI32Type());
    if (narrow != indices.getType())
      indices = builder.create<tfm::CastOp>(router.getLoc(), narrow, indices);
    return {indices, shaped(slots.factors)};
  }

  /// What the mixture gives, in the type of the sum; null where its experts are not alike.
  Value combine(Value sum, Value router, const Mixture& mixture, ArrayRef<int64_t> columns,
                llvm::function_ref<Choice(OpBuilder&, ArrayRef<AffineExpr>)> choose) {
    OpBuilder builder(sum.getContext());
    builder.setInsertionPointAfter(sum.getDefiningOp());
    SmallVector<Value> experts(mixture.products.size());
    for (auto [product, column] : llvm::zip(mixture.products, columns))
      experts[column] = product;
    SmallVector<AffineExpr> rows = tfm::dimsOf(typeOf(experts[0])), had = tfm::dimsOf(typeOf(router)), result = tfm::dimsOf(typeOf(sum));
    AffineExpr count = tfm::productOf(ArrayRef(rows).drop_back(), sum.getContext());
    if (!count || tfm::productOf(ArrayRef(had).drop_back(), sum.getContext()) != count || result.empty() || result.back() != rows.back() ||
        tfm::productOf(ArrayRef(result).drop_back(), sum.getContext()) != count)
      return {};
    changed_ = true;
    Choice choice = choose(builder, ArrayRef(rows).drop_back());
    Value each = stackedExperts(builder, experts, choice.indices);
    if (!each)
      return {};
    visitProducers(router, [&](Operation* op) {
      if (isa<tfm::LinearOp>(op))
        op->setAttr(kRouterAttribute, builder.getUnitAttr());
      return !isa<tfm::LinearOp>(op);
    });
    Value combined = builder.create<tfm::CombineOp>(sum.getLoc(), tfm::makeTensorType(rows, builder.getF32Type()), each, choice.factors);
    return makeReshape(builder, sum.getLoc(), combined, typeOf(sum));
  }

  static Value plus(OpBuilder& builder, const Term& term, Value sum) {
    Location loc = term.value.getLoc();
    Value value = term.value;
    if (term.condition) {
      auto scalar = RankedTensorType::get({}, builder.getF32Type());
      Value zero = builder.create<tfm::ConstantOp>(loc, scalar, DenseElementsAttr::get(scalar, 0.0f));
      value = builder.create<tfm::SelectOp>(loc, sum.getType(), term.condition, value, zero);
    }
    return builder.create<tfm::BinaryOp>(loc, sum.getType(), BinaryKind::add, value, sum);
  }

  ExpertGates gates_;
  int64_t longest_;
  bool changed_ = false;
  llvm::DenseMap<std::pair<Value, Value>, std::optional<GatedTerm>> gated_;
  llvm::DenseMap<Value, SmallVector<Value>> tried_;  // gates of a router that are not those of a mixture
};

struct RaiseExpertsPass : impl::RaiseExpertsPassBase<RaiseExpertsPass> {
  void runOnOperation() override {
    const int64_t longest = Evaluator(getOperation()).context();
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal())
        Raiser(&getContext(), longest).run(function);
  }
};

}  // namespace
}  // namespace quantc
