// What a mixture's gates choose, found out by evaluating them.
#include <cmath>
#include <numeric>
#include <random>
#include <set>

#include "dialects/tfm/Interpreter.h"
#include "passes/raise/ExpertGates.h"
#include "passes/raise/Matching.h"

namespace quantc::raise {

using namespace mlir;

namespace {

constexpr int kMostVisited = 4096, kMostTried = 64;
constexpr int64_t kMostScores = int64_t(1) << 20, kTiedRows = 16, kMostPositions = 24, kMostExperts = 512, kMostPairs = int64_t(1) << 21;

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

/// Adds what the terms' factors are, summed for each product, for so many rows. false where they depend on what the interpreter does not know.
bool addFactors(ArrayRef<GatedTerm> terms, ArrayRef<Value> products, tfm::Interpreter& interpreter, int64_t rows, Factors& factors) {
  std::vector<double> values;  // no two alike, so that a row in another's place is seen
  for (int64_t row = 0; row < rows; ++row)
    values.push_back(static_cast<float>(1 + static_cast<double>(row) / static_cast<double>(rows)));
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

/// The same for the scores from `first` on.
bool addFactorsOfScores(ArrayRef<GatedTerm> terms, ArrayRef<Value> products, const Rows& samples, size_t first, int64_t sequence,
                        Factors& factors) {
  tfm::Interpreter interpreter(tfm::StepSize{sequence, 0, sequence});
  Value router = terms[0].router;
  SmallVector<int64_t> shape = interpreter.shapeOf(typeOf(router));
  auto count = tfm::elementCount(shape);
  if (!count || *count < 1 || *count > kMostScores)
    return false;
  const int64_t rows = *count / shape.back();
  tfm::Array scores{typeOf(router).getElementType(), shape, {}};
  for (int64_t row = 0; row < rows; ++row) {
    factors.samples.push_back((first + row) % samples.size());
    const std::vector<double>& sample = samples[factors.samples.back()];
    scores.values.insert(scores.values.end(), sample.begin(), sample.end());
  }
  interpreter.bind(router, std::move(scores));
  return addFactors(terms, products, interpreter, rows, factors);
}

bool agree(const std::vector<double>& factors, ArrayRef<size_t> samples, const Rows& expected, int64_t column) {
  return llvm::all_of(llvm::zip(factors, samples), [&](auto pair) {
    const double wanted = expected[std::get<1>(pair)][column];
    return std::fabs(std::get<0>(pair) - wanted) <= 1e-5 * wanted + 1e-7;
  });
}

/// Which expert's expected factors, [samples][experts], those of each product are; nullopt where they are no one's.
std::optional<SmallVector<int64_t>> columnsOf(const Factors& factors, const Rows& expected) {
  const auto experts = static_cast<int64_t>(factors.of.size());
  SmallVector<int64_t> columns;
  for (const std::vector<double>& each : factors.of) {
    int64_t column = 0;
    while (column < experts && (llvm::is_contained(columns, column) || !agree(each, factors.samples, expected, column)))
      ++column;
    if (column == experts)
      return std::nullopt;
    columns.push_back(column);
  }
  return columns;
}

/// Rows of k experts, each of all of them at least twice, in an order without rhyme, and if wanted rows that name one several times; with factors for them.
class Choices {
public:
  Choices(int64_t experts, int64_t k, bool repeated)
      : experts_(experts), k_(k), repeated_(repeated ? 0 : 2), order_(static_cast<size_t>(experts)) {
    std::iota(order_.begin(), order_.end(), 0);
    for (size_t i = order_.size(); i-- > 1;)
      std::swap(order_[i], order_[random_() % (i + 1)]);
  }

  bool done() const { return next_ > 2 * experts_ && repeated_ > 1; }

  void add(std::vector<double>& indices, std::vector<double>& factors, Rows& expected) {
    expected.emplace_back(static_cast<size_t>(experts_), 0.0);
    const bool repeats = next_ > 2 * experts_ && repeated_ < 2;
    repeated_ += repeats;
    for (int64_t j = 0; j < k_; ++j) {
      const int64_t index = repeats ? static_cast<int64_t>(random_() % static_cast<uint32_t>(std::min<int64_t>(2, experts_)))
                                    : order_[static_cast<size_t>(next_++ % experts_)];
      const double factor = static_cast<float>(static_cast<double>(random_() >> 8) / (1 << 23) + 0.125);
      indices.push_back(static_cast<double>(index));
      factors.push_back(factor);
      expected.back()[static_cast<size_t>(index)] += factor;
    }
  }

private:
  int64_t experts_, k_, repeated_, next_ = 0;
  std::vector<int64_t> order_;
  std::mt19937 random_{1};
};

/// Whether no row of these indices names one twice, whatever the router's scores, equal ones among them, and whatever weights.
bool areDistinct(Value indices, Value router, int64_t longest) {
  const int64_t k = typeOf(indices).getShape().back();
  Samples samples(typeOf(router).getShape().back());
  samples.addForChoiceOf(k);
  std::mt19937 random(2);
  for (size_t next = 0; next < samples.rows().size();) {
    tfm::Interpreter interpreter(tfm::StepSize{longest, 0, longest});
    bool small = true;
    auto bindTo = [&](Value value, llvm::function_ref<void(tfm::Array&, int64_t)> fill) {
      tfm::Array array{typeOf(value).getElementType(), interpreter.shapeOf(typeOf(value)), {}};
      auto count = tfm::elementCount(array.shape);
      small &= count && *count > 0 && *count <= kMostScores;
      if (small) {
        fill(array, *count);
        interpreter.bind(value, std::move(array));
      }
    };
    bindTo(router, [&](tfm::Array& scores, int64_t count) {
      for (; count > 0; count -= static_cast<int64_t>(samples.rows()[0].size())) {
        const std::vector<double>& sample = samples.rows()[next++ % samples.rows().size()];
        scores.values.insert(scores.values.end(), sample.begin(), sample.end());
      }
    });
    visitProducers(indices, [&](Operation* op) {
      if (isa<tfm::WeightOp>(op))
        bindTo(op->getResult(0), [&](tfm::Array& weight, int64_t count) {
          for (; count > 0; --count)
            weight.values.push_back(static_cast<float>(static_cast<double>(random() >> 8) / (1 << 24)));
        });
      return op != router.getDefiningOp();
    });
    const tfm::Array* rows = small ? interpreter.evaluate(indices) : nullptr;
    if (!rows)
      return false;
    for (auto row = rows->values.begin(); row != rows->values.end(); row += k)
      if (std::set<double>(row, row + k).size() != static_cast<size_t>(k))
        return false;
  }
  return true;
}

/// The columns of the products in what is chosen, where the terms' factors depend on it alone.
std::optional<SmallVector<int64_t>> columnsOfChoice(ArrayRef<GatedTerm> terms, ArrayRef<Value> products, Value indices, Value chosen,
                                                    bool distinct, int64_t longest) {
  const int64_t k = typeOf(indices).getShape().back();
  Factors factors{Rows(products.size()), {}};
  Rows expected;
  Choices choices(static_cast<int64_t>(products.size()), k, !distinct);
  for (int64_t sequence = 1; !choices.done(); sequence = longest) {
    tfm::Interpreter interpreter(tfm::StepSize{sequence, 0, sequence});
    tfm::Array ids{typeOf(indices).getElementType(), interpreter.shapeOf(typeOf(indices)), {}};
    tfm::Array weights{typeOf(chosen).getElementType(), interpreter.shapeOf(typeOf(chosen)), {}};
    auto count = tfm::elementCount(ids.shape);
    if (!count || *count < 1 || *count > kMostScores || tfm::elementCount(weights.shape) != count)
      return std::nullopt;
    for (int64_t row = 0; row < *count / k; ++row) {
      factors.samples.push_back(expected.size());
      choices.add(ids.values, weights.values, expected);
    }
    interpreter.bind(indices, std::move(ids));
    interpreter.bind(chosen, std::move(weights));
    if (!addFactors(terms, products, interpreter, *count / k, factors))
      return std::nullopt;
  }
  return columnsOf(factors, expected);
}

/// Integers and floats with k columns for each row of the router's scores that the gates are computed from; those nearest to the gates first.
void collectChoices(ArrayRef<GatedTerm> terms, SmallVectorImpl<Value>& indices, SmallVectorImpl<Value>& factors) {
  Value router = terms[0].router;
  AffineExpr rows = tfm::productOf(ArrayRef(tfm::dimsOf(typeOf(router))).drop_back(), router.getContext());
  const int64_t experts = typeOf(router).getShape().back();
  int visited = 0;
  visitProducers(llvm::to_vector(llvm::map_range(terms, [](const GatedTerm& term) { return term.factored; })), [&](Operation* op) {
    if (op == router.getDefiningOp() || ++visited > kMostVisited)
      return false;
    RankedTensorType type = typeOf(op->getResult(0));
    SmallVector<AffineExpr> dims = tfm::dimsOf(type);
    if (op->getBlock() != router.getParentBlock() || dims.empty() || type.isDynamicDim(type.getRank() - 1) || type.getShape().back() < 1 ||
        type.getShape().back() >= experts || !rows || tfm::productOf(ArrayRef(dims).drop_back(), op->getContext()) != rows)
      return true;
    if (type.getElementType().isF32())
      factors.push_back(op->getResult(0));
    else if (type.getElementType().isInteger(32) || type.getElementType().isInteger(64))
      indices.push_back(op->getResult(0));
    return true;
  });
  for (SmallVectorImpl<Value>* values : {&indices, &factors})
    llvm::sort(*values, [](Value a, Value b) { return b.getDefiningOp()->isBeforeInBlock(a.getDefiningOp()); });
}

}  // namespace

std::optional<Routing> ExpertGates::routingOf(ArrayRef<GatedTerm> terms, ArrayRef<Value> products, int64_t longest) {
  const int64_t experts = typeOf(terms[0].router).getShape().back();
  if (static_cast<int64_t>(products.size()) != experts || experts > kMostExperts)
    return std::nullopt;
  Samples samples(experts);
  Factors factors{Rows(products.size()), {}};
  if (!addFactorsOfScores(terms, products, samples.rows(), 0, 1, factors))  // one position, as text is generated
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
    if (!addFactorsOfScores(terms, products, samples.rows(), factors.samples.size() - had, positions, factors))
      return std::nullopt;
  Rows expected;
  for (const std::vector<double>& sample : samples.rows())
    expected.push_back(expectedFactors(sample, routing.k, routing.normalize));
  auto columns = columnsOf(factors, expected);
  if (!columns)
    return std::nullopt;
  routing.columns = *columns;
  return routing;
}

std::optional<Slots> ExpertGates::slotsOf(ArrayRef<GatedTerm> terms, ArrayRef<Value> products, int64_t longest) {
  const auto experts = static_cast<int64_t>(products.size());
  if (experts != typeOf(terms[0].router).getShape().back() || experts > kMostExperts)
    return std::nullopt;
  const int64_t positions = std::max<int64_t>(1, std::min({longest, kMostPositions, kMostPairs / (experts * experts)}));
  SmallVector<Value> indices, factors;
  collectChoices(terms, indices, factors);
  int tried = 0;
  for (Value index : indices) {
    std::optional<bool> distinct;
    for (Value factor : factors)
      if (typeOf(index).getShape().back() == typeOf(factor).getShape().back() && ++tried <= kMostTried) {
        if (!distinct)
          distinct = areDistinct(index, terms[0].router, positions);
        if (auto columns = columnsOfChoice(terms, products, index, factor, *distinct, positions))
          return Slots{index, factor, *columns};
      }
  }
  return std::nullopt;
}

}  // namespace quantc::raise
