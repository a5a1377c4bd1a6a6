#include "passes/raise/ExpertGates.h"

#include <cmath>
#include <numeric>
#include <random>

#include "dialects/tfm/Interpreter.h"
#include "passes/raise/Matching.h"

namespace quantc::raise {

using namespace mlir;
using tfm::BinaryKind;

namespace {

constexpr int kDeepest = 64, kMostVisited = 4096;
constexpr int64_t kMostScores = int64_t(1) << 20, kTiedRows = 16, kMostPositions = 24, kMostExperts = 512, kMostPairs = int64_t(1) << 21;

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

using Rows = std::vector<std::vector<double>>;

/// Rows of scores to look at a choice with; the first has no two alike.
class Samples {
public:
  explicit Samples(int64_t experts) : experts_(experts) {
    add([&](int64_t) { return static_cast<float>(uniform() * 4); });
  }

  /// Scores in which each expert is among the best k once, others in which several share a place, or most are hopeless.
  void addForChoiceOf(int64_t k) {
    for (int64_t begin = 0; begin < experts_; begin += k)
      add([&](int64_t expert) { return static_cast<float>(uniform() * 4 + (expert >= begin && expert < begin + k ? 4 : 0)); });
    add([](int64_t) { return 0.5; });
    for (int64_t i = 0; i < kTiedRows; ++i)
      add([&](int64_t) { return 0.5 * std::floor(uniform() * 4); });
    for (int64_t i = 0; i < 3; ++i)
      add([&](int64_t) { return static_cast<float>(uniform() * 40 - 20); });
  }

  const Rows& rows() const { return rows_; }

private:
  double uniform() { return static_cast<double>(random_() >> 8) / (1 << 24); }
  void add(llvm::function_ref<double(int64_t)> score) {
    rows_.emplace_back();
    for (int64_t expert = 0; expert < experts_; ++expert)
      rows_.back().push_back(score(expert));
  }

  int64_t experts_;
  std::mt19937 random_{1};
  Rows rows_;
};

/// The factors of all experts: 0 for those that are not chosen.
std::vector<double> expectedFactors(const std::vector<double>& scores, int64_t k, bool normalize) {
  std::vector<double> shares(scores), factors(scores.size(), 0);
  const double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0, chosen = 0;
  for (double& share : shares)
    sum += share = std::exp(share - largest);
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return shares[a] > shares[b]; });
  order.resize(static_cast<size_t>(k));
  for (size_t i : order)
    chosen += shares[i];
  for (size_t i : order)
    factors[i] = shares[i] / (normalize ? chosen : sum);
  return factors;
}

/// Factors of each product, [products][rows], and which samples the rows are.
struct Factors {
  Rows of;
  std::vector<size_t> samples;
};

/// Adds what the terms' factors are, summed for each product, for the scores from `first` on. false where anything else is needed for them.
bool addFactors(ArrayRef<GatedTerm> terms, ArrayRef<tfm::LinearOp> products, const Rows& samples, size_t first, int64_t sequence,
                Factors& factors) {
  tfm::Interpreter interpreter(tfm::StepSize{sequence, 0, sequence});
  Value router = terms[0].router;
  SmallVector<int64_t> shape = interpreter.shapeOf(typeOf(router));
  auto count = tfm::elementCount(shape);
  if (!count || *count < 1 || *count > kMostScores)
    return false;
  const int64_t rows = *count / shape.back();
  tfm::Array scores{typeOf(router).getElementType(), shape, {}};
  std::vector<double> values;  // no two alike, so that a row in another's place is seen
  for (int64_t row = 0; row < rows; ++row) {
    factors.samples.push_back((first + row) % samples.size());
    const std::vector<double>& sample = samples[factors.samples.back()];
    scores.values.insert(scores.values.end(), sample.begin(), sample.end());
    values.push_back(static_cast<float>(1 + static_cast<double>(row) / static_cast<double>(rows)));
  }
  interpreter.bind(router, std::move(scores));
  for (std::vector<double>& of : factors.of)
    of.resize(factors.samples.size());
  for (const GatedTerm& term : terms) {
    tfm::Array column{typeOf(term.rows).getElementType(), interpreter.shapeOf(typeOf(term.rows)), values};
    if (tfm::elementCount(column.shape) != rows)
      return false;
    interpreter.bind(term.rows, std::move(column));
    const tfm::Array* result = interpreter.evaluate(term.factored);
    if (!result || result->size() != rows)
      return false;
    std::vector<double>& sum = factors.of[llvm::find(products, term.product) - products.begin()];
    for (int64_t row = 0; row < rows; ++row)
      sum[sum.size() - rows + row] += result->values[row] / values[row];
  }
  return true;
}

bool agree(const std::vector<double>& factors, ArrayRef<size_t> samples, const Rows& expected, int64_t column) {
  return llvm::all_of(llvm::zip(factors, samples), [&](auto pair) {
    const double wanted = expected[std::get<1>(pair)][column];
    return std::fabs(std::get<0>(pair) - wanted) <= 1e-5 * wanted + 1e-7;
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
  if (auto linear = dyn_cast<tfm::LinearOp>(op)) {
    if (state.product && state.product != linear)
      return {};
    if (!state.product)
      state.rows = block_.addArgument(withLastDim(type, 1), op->getLoc());
    state.product = linear;
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

std::optional<Routing> ExpertGates::routingOf(ArrayRef<GatedTerm> terms, ArrayRef<tfm::LinearOp> products, int64_t longest) {
  const int64_t experts = typeOf(terms[0].router).getShape().back();
  if (static_cast<int64_t>(products.size()) != experts || experts > kMostExperts)
    return std::nullopt;
  Samples samples(experts);
  Factors factors{Rows(products.size()), {}};
  if (!addFactors(terms, products, samples.rows(), 0, 1, factors))  // one position, as text is generated
    return std::nullopt;
  Routing routing{0, false, {}};
  double sum = 0;
  for (const std::vector<double>& each : factors.of) {
    routing.k += each[0] != 0;
    sum += each[0];
  }
  if (routing.k < 1 || routing.k >= experts)
    return std::nullopt;
  routing.normalize = std::fabs(sum - 1) < 1e-5;
  samples.addForChoiceOf(routing.k);
  // Choosing compares all experts with all others.
  const int64_t positions = std::max<int64_t>(1, std::min({longest, kMostPositions, kMostPairs / (experts * experts)}));
  for (size_t had = factors.samples.size(); factors.samples.size() - had < samples.rows().size();)
    if (!addFactors(terms, products, samples.rows(), factors.samples.size() - had, positions, factors))
      return std::nullopt;
  Rows expected;
  for (const std::vector<double>& sample : samples.rows())
    expected.push_back(expectedFactors(sample, routing.k, routing.normalize));
  for (const std::vector<double>& each : factors.of) {
    int64_t column = 0;
    while (column < experts && (llvm::is_contained(routing.columns, column) || !agree(each, factors.samples, expected, column)))
      ++column;
    if (column == experts)
      return std::nullopt;
    routing.columns.push_back(column);
  }
  return routing;
}

}  // namespace quantc::raise
