#include "passes/raise/Probe.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "passes/raise/Matching.h"

namespace quantc::raise {

using namespace mlir;

namespace {

constexpr int64_t kAlwaysWhole = 256;              // rows of a step that are all looked at
constexpr size_t kMostTurningPoints = 24;          // of these, those beyond are left to the samples in between
constexpr int64_t kMostAtOnce = int64_t{1} << 17;  // elements
constexpr int64_t kSmallTable = 4096;              // elements

bool isConstant(Operation* op) { return isa<tfm::WeightOp, tfm::ConstantOp>(op); }

bool isSymbolic(AffineExpr dim) { return !isa<AffineConstantExpr>(dim); }

/// Whether its elements are as many as pairs of positions.
bool isSquare(Operation* op) {
  return llvm::any_of(op->getResultTypes(), [](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && llvm::count_if(tfm::dimsOf(tensor), isSymbolic) > 1;
  });
}

/// Whether its elements may say anything of any pair of positions.
bool isTableOfPairs(Operation* op) {
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  return isConstant(op) && type && type.hasStaticShape() && type.getNumElements() > kSmallTable && !scalarOf(op->getResult(0)) &&
         llvm::count_if(type.getShape(), [](int64_t extent) { return extent > 1; }) > 1;
}

}  // namespace

Extent extentOf(Operation* op, const Evaluator& evaluator) {
  if (op->getParentOfType<func::FuncOp>().getName() != "encode")
    return {evaluator.context(), evaluator.hasPast()};
  auto source = op->getParentOfType<ModuleOp>()->getAttrOfType<IntegerAttr>("tfm.source");
  return {source ? source.getInt() : evaluator.context(), false};
}

int64_t evaluablePositions(ArrayRef<Value> values, Extent extent, Evaluator& evaluator) {
  auto evaluates = [&](int64_t positions) {
    return llvm::all_of(values, [&](Value value) {
      Probe probe(evaluator, value, {1, false});
      auto count = tfm::elementCount(probe.shapeOf(value, {positions, 0}));
      return !count || *count == 0 || probe.elements(value, {positions, 0}, {0, *count - 1}).has_value();
    });
  };
  if (evaluates(extent.positions))
    return extent.positions;
  int64_t most = 0, tooMany = extent.positions;
  while (tooMany - most > 1) {
    const int64_t middle = most + (tooMany - most) / 2;
    (evaluates(middle) ? most : tooMany) = middle;
  }
  return most;
}

Probe::Probe(Evaluator& evaluator, ArrayRef<Value> values, Extent extent) : evaluator_(evaluator), extent_(extent) {
  bool square = false, table = false;
  visitProducers(values, [&](Operation* op) {
    square |= isSquare(op);
    table |= op->getNumResults() == 1 && isTableOfPairs(op);
    return true;
  });
  looksEverywhere_ = table || !square;
  findTurningPoints(values);
  addSteps();
}

void Probe::findTurningPoints(ArrayRef<Value> values) {
  std::set<int64_t> found;
  auto add = [&](double value) {
    for (double point : {std::floor(std::fabs(value)), std::ceil(std::fabs(value))})
      if (point >= 1 && point < static_cast<double>(extent_.positions))
        found.insert(static_cast<int64_t>(point));
  };
  visitProducers(values, [&](Operation* op) {
    if (auto slice = dyn_cast<tfm::SliceOp>(op))
      if (auto begin = dyn_cast<AffineConstantExpr>(slice.getBegin().getResult(0)))
        add(static_cast<double>(begin.getValue()));
    if (op->getNumResults() != 1)
      return true;
    if (auto value = scalarOf(op->getResult(0)))
      add(*value);
    for (int64_t extent : isConstant(op) ? typeOf(op->getResult(0)).getShape() : ArrayRef<int64_t>())
      if (extent > 2)
        add(static_cast<double>(extent));
    return true;
  });
  turningPoints_.assign(found.begin(), found.end());
  if (turningPoints_.size() > kMostTurningPoints) {
    std::vector<int64_t> kept;
    for (size_t i = 0; i < kMostTurningPoints; ++i)
      kept.push_back(turningPoints_[i * turningPoints_.size() / kMostTurningPoints]);
    turningPoints_ = std::move(kept);
  }
}

std::vector<int64_t> Probe::selectedRowsOf(int64_t sequence) const {
  std::set<int64_t> rows;
  auto add = [&](int64_t row) {
    if (row >= 0 && row < sequence)
      rows.insert(row);
  };
  for (int64_t i = 0; i < 3; ++i) {
    add(i);
    add(sequence - 1 - i);
  }
  for (int64_t point : turningPoints_)
    for (int64_t row = point - 2; row <= point + 1; ++row)
      add(row);
  for (int64_t row = 4; row < sequence; row += row / 2)
    add(row);
  return {rows.begin(), rows.end()};
}

std::vector<int64_t> Probe::rowsOf(int64_t sequence) const {
  if (sequence > kAlwaysWhole && !looksEverywhere_)
    return selectedRowsOf(sequence);
  std::vector<int64_t> rows(static_cast<size_t>(sequence));
  for (int64_t row = 0; row < sequence; ++row)
    rows[row] = row;
  return rows;
}

void Probe::addSteps() {
  const auto [context, hasPast] = extent_;
  std::set<std::pair<int64_t, int64_t>> seen;
  auto add = [&](int64_t sequence, int64_t past, bool all) {
    if (sequence < 1 || past < 0 || sequence + past > context || !seen.insert({sequence, past}).second)
      return;
    steps_.push_back(
        {{sequence, past}, all || sequence <= 7 ? rowsOf(sequence) : std::vector<int64_t>{0, sequence / 2, sequence - 2, sequence - 1}});
  };
  for (int64_t sequence : {2, 5, 1})
    add(sequence, 0, true);
  if (hasPast)
    for (auto [sequence, past] : {std::pair{1, 1}, {3, 4}, {2, 9}})
      add(sequence, past, true);
  add(std::min(context, kAlwaysWhole), 0, true);
  add(context, 0, true);
  auto addLength = [&](int64_t length) {
    add(length, 0, false);
    if (hasPast) {
      add(1, length - 1, true);
      add(3, length - 3, true);
    }
  };
  for (int64_t point : turningPoints_)
    for (int64_t length = point - 1; length <= point + 2; ++length)
      addLength(length);
  for (int64_t length = 12; length < context; length += length / 2)
    addLength(length);
  addLength(context);
  if (hasPast)
    add(7, context - 7, true);
}

SmallVector<int64_t> Probe::shapeOf(Value value, tfm::StepSize step) const { return tfm::Interpreter(step).shapeOf(typeOf(value)); }

std::optional<std::vector<double>> Probe::elements(Value value, tfm::StepSize step, std::vector<int64_t> indices,
                                                   const Evaluator::Given* given) {
  const bool same = whole_ && !given && !given_ && step.sequence == stepOfWhole_.sequence && step.past == stepOfWhole_.past &&
                    step.source == stepOfWhole_.source;
  if (!constants_)
    constants_ = evaluator_.interpreterOf({1, 0});
  if (!same)
    whole_ = constants_ ? evaluator_.interpreterOf(step, given) : nullptr;
  if (!whole_) {
    reason_ = evaluator_.reason();
    return std::nullopt;
  }
  stepOfWhole_ = step;
  given_ = given;
  tfm::ElementInterpreter interpreter(step, *whole_, *constants_);
  auto found = interpreter.evaluate(value, std::move(indices));
  if (!found)
    reason_ = interpreter.reason();
  return found;
}

std::optional<std::vector<double>> Probe::rows(Value value, tfm::StepSize step, ArrayRef<int64_t> rows, int64_t width,
                                               const Evaluator::Given* given) {
  std::vector<double> result;
  const size_t atOnce = static_cast<size_t>(std::max<int64_t>(1, kMostAtOnce / std::max<int64_t>(1, width)));
  for (size_t begin = 0; begin < rows.size(); begin += atOnce) {
    std::vector<int64_t> indices;
    for (int64_t row : rows.slice(begin, std::min(atOnce, rows.size() - begin)))
      for (int64_t column = 0; column < width; ++column)
        indices.push_back(row * width + column);
    auto part = elements(value, step, std::move(indices), given);
    if (!part)
      return std::nullopt;
    result.insert(result.end(), part->begin(), part->end());
  }
  return result;
}

}  // namespace quantc::raise
