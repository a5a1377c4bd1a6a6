#include "passes/raise/RotaryFrequencies.h"

#include <cmath>

#include "passes/raise/Matching.h"

namespace quantc::raise {

using namespace mlir;

namespace {

constexpr double kTolerance = 1e-6;
constexpr double kTurn = 6.283185307179586;
constexpr int64_t kMostRowsRead = 4096;

/// The operand of the only cosine that a value is computed with: the angles.
Value anglesOf(Value value) {
  SmallVector<Value> angles;
  visitProducers(value, [&](Operation* op) {
    auto cosine = dyn_cast<tfm::UnaryOp>(op);
    if (!cosine || cosine.getKind() != tfm::UnaryKind::cos)
      return true;
    angles.push_back(cosine.getOperand());
    return false;
  });
  return angles.size() == 1 ? angles.front() : Value();
}

/// Rows of the only table that a value is looked up in; 0 where there is none.
int64_t rowsOfTable(Value value) {
  SmallVector<int64_t> rows;
  visitProducers(value, [&](Operation* op) {
    auto gather = dyn_cast<tfm::GatherOp>(op);
    if (gather && isPositional(gather.getIndices()))
      rows.push_back(typeOf(gather.getOperand()).getShape()[gather.getAxis()]);
    if (auto positions = dyn_cast<tfm::PositionRowsOp>(op))
      rows.push_back(typeOf(positions.getTable()).getShape().front());
    return true;
  });
  return rows.size() == 1 && rows[0] > 0 ? rows[0] : 0;
}

/// Cosines and sines [rows, head_dim] of a step.
struct Factors {
  tfm::Array cosine, sine;
  int64_t dim;

  double cosineOf(int64_t row, int64_t column) const { return cosine.values[row * dim + column]; }
  double sineOf(int64_t row, int64_t column) const { return sine.values[row * dim + column]; }
};

std::optional<Factors> factorsOf(const Rotation& rotation, tfm::StepSize step, Evaluator& evaluator, std::string& why) {
  const int64_t dim = typeOf(rotation.x).getShape().back();
  auto cosine = evaluator.evaluate(rotation.cosine, step);
  auto sine = cosine ? evaluator.evaluate(rotation.sine, step) : std::nullopt;
  if (!sine) {
    why = "factors cannot be evaluated: " + evaluator.reason();
    return std::nullopt;
  }
  if (cosine->size() != step.sequence * dim || sine->size() != cosine->size()) {
    why = "factors do not have head_dim entries per position";
    return std::nullopt;
  }
  return Factors{std::move(*cosine), std::move(*sine), dim};
}

int64_t pairOf(const Rotation& rotation, int64_t column) {
  const int64_t half = typeOf(rotation.x).getShape().back() / 2;
  return rotation.interleaved ? column / 2 : column % half;
}

/// How far factors are at most from those of a frequency.
double errorOf(const Factors& factors, int64_t column, float perPosition, double scale, int64_t past, int64_t rows) {
  double error = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const float angle = static_cast<float>(past + row) * perPosition;
    error = std::max({error, std::fabs(factors.cosineOf(row, column) - std::cos(static_cast<double>(angle)) * scale),
                      std::fabs(factors.sineOf(row, column) - std::sin(static_cast<double>(angle)) * scale)});
  }
  return error;
}

/// The angle of position 1, or its pairs' angles, as they are computed.
std::optional<Frequencies> fromAngles(const Rotation& rotation, Value angleValue, Evaluator& evaluator, std::string& why) {
  const int64_t dim = typeOf(rotation.x).getShape().back(), half = dim / 2;
  const tfm::StepSize two = evaluator.smallSteps().front();
  auto angles = evaluator.evaluate(angleValue, two);
  auto factors = angles ? factorsOf(rotation, two, evaluator, why) : std::nullopt;
  if (!factors) {
    why = why.empty() ? "factors cannot be evaluated: " + evaluator.reason() : why;
    return std::nullopt;
  }
  const int64_t stride = angles->size() / two.sequence;
  if (stride != half && stride != dim) {
    why = "factors do not have head_dim entries per position";
    return std::nullopt;
  }
  Frequencies found{{}, factors->cosineOf(0, 0)};
  // One angle per pair, or one per element.
  const int64_t step = rotation.interleaved && stride == dim ? 2 : 1;
  for (int64_t j = 0; j < half; ++j)
    found.perPosition.push_back(static_cast<float>(angles->values[stride + j * step]));
  return found;
}

/// The angle of position 1, then of twice as late ones, each of which tells it twice as exactly; at last the float32 around it that fits best.
std::optional<Frequencies> fromTable(const Rotation& rotation, int64_t rows, Evaluator& evaluator, std::string& why) {
  rows = std::min({rows, kMostRowsRead, evaluator.context()});
  auto factors = rows >= 2 ? factorsOf(rotation, {rows, 0}, evaluator, why) : std::nullopt;
  if (!factors) {
    why = why.empty() ? "its table has no two positions" : why;
    return std::nullopt;
  }
  Frequencies found{{}, factors->cosineOf(0, 0)};
  for (int64_t j = 0; j < factors->dim / 2; ++j) {
    const int64_t column = rotation.interleaved ? 2 * j : j;
    double perPosition = 0;
    for (int64_t row = 1; row < rows; row *= 2) {
      const double angle = std::atan2(factors->sineOf(row, column), factors->cosineOf(row, column));
      const double turns = std::round((perPosition * static_cast<double>(row) - angle) / kTurn);
      perPosition = (angle + turns * kTurn) / static_cast<double>(row);
    }
    float best = static_cast<float>(perPosition), candidate = best;
    for (int i = 0; i < 4; ++i)
      candidate = std::nextafter(candidate, -INFINITY);
    double least = INFINITY;
    for (int i = 0; i < 9; ++i, candidate = std::nextafter(candidate, INFINITY)) {
      const double error = errorOf(*factors, column, candidate, found.scale, 0, rows);
      if (error < least) {
        least = error;
        best = candidate;
      }
    }
    if (least > kTolerance) {
      why = "tables are not cosine and sine of position times frequency";
      return std::nullopt;
    }
    found.perPosition.push_back(best);
  }
  return found;
}

}  // namespace

std::optional<Frequencies> readFrequencies(const Rotation& rotation, bool inEncoder, Evaluator& evaluator, std::string& why) {
  const Value angles = anglesOf(rotation.cosine);
  const int64_t rows = angles ? 0 : rowsOfTable(rotation.cosine);
  if (!angles && rows == 0) {
    why = "factors are neither computed with one cosine nor looked up in one table";
    return std::nullopt;
  }
  std::optional<Frequencies> found = angles ? fromAngles(rotation, angles, evaluator, why) : fromTable(rotation, rows, evaluator, why);
  if (!found)
    return std::nullopt;
  for (tfm::StepSize step : evaluator.smallSteps()) {
    if ((inEncoder && step.past > 0) || (rows > 0 && step.past + step.sequence > rows))
      continue;
    auto factors = factorsOf(rotation, step, evaluator, why);
    if (!factors)
      return std::nullopt;
    for (int64_t column = 0; column < factors->dim; ++column)
      if (errorOf(*factors, column, found->perPosition[pairOf(rotation, column)], found->scale, step.past, step.sequence) > kTolerance) {
        why = "factors are not cosine and sine of position times frequency, at positions from " + std::to_string(step.past);
        return std::nullopt;
      }
  }
  return found;
}

}  // namespace quantc::raise
