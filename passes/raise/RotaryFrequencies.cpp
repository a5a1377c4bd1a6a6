#include "passes/raise/RotaryFrequencies.h"

#include <cmath>
#include <limits>

#include "passes/raise/Matching.h"

namespace quantc::raise {

using namespace mlir;

namespace {

constexpr double kTolerance = 1e-6;
constexpr double kRounding = 1.5e-7;  // of an angle, relative to it: float32 where it is computed and where its frequency is
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

/// Cosines and sines [rows, head_dim] of some rows of a step.
struct Factors {
  std::vector<double> cosine, sine;
  int64_t dim;

  double cosineOf(size_t row, int64_t column) const { return cosine[row * static_cast<size_t>(dim) + static_cast<size_t>(column)]; }
  double sineOf(size_t row, int64_t column) const { return sine[row * static_cast<size_t>(dim) + static_cast<size_t>(column)]; }
};

std::optional<Factors> factorsOf(const Rotation& rotation, const Probe::Step& step, Probe& probe, std::string& why) {
  const int64_t dim = typeOf(rotation.x).getShape().back();
  for (Value factor : {rotation.cosine, rotation.sine})
    if (tfm::elementCount(probe.shapeOf(factor, step.size)) != step.size.sequence * dim) {
      why = "factors do not have head_dim entries per position";
      return std::nullopt;
    }
  auto cosine = probe.rows(rotation.cosine, step.size, step.rows, dim);
  auto sine = cosine ? probe.rows(rotation.sine, step.size, step.rows, dim) : std::nullopt;
  if (!sine) {
    why = "factors cannot be evaluated: " + probe.reason();
    return std::nullopt;
  }
  return Factors{std::move(*cosine), std::move(*sine), dim};
}

Probe::Step firstRows(int64_t rows) {
  Probe::Step step{{rows, 0}, {}};
  for (int64_t row = 0; row < rows; ++row)
    step.rows.push_back(row);
  return step;
}

int64_t pairOf(const Rotation& rotation, int64_t column) {
  const int64_t half = typeOf(rotation.x).getShape().back() / 2;
  return rotation.interleaved ? column / 2 : column % half;
}

/// How far the factors of a row are from those of a frequency, in multiples of what rounding the angle explains.
double errorOf(const Factors& factors, size_t row, int64_t column, float perPosition, double scale, int64_t position) {
  const float angle = static_cast<float>(position) * perPosition;
  const double error = std::max(std::fabs(factors.cosineOf(row, column) - std::cos(static_cast<double>(angle)) * scale),
                                std::fabs(factors.sineOf(row, column) - std::sin(static_cast<double>(angle)) * scale));
  return error / (kTolerance + kRounding * std::fabs(angle) * std::fabs(scale));
}

/// The angle of position 1, or its pairs' angles, as they are computed.
std::optional<Frequencies> fromAngles(const Rotation& rotation, Value angleValue, Probe& probe, Evaluator& evaluator, std::string& why) {
  const int64_t dim = typeOf(rotation.x).getShape().back(), half = dim / 2;
  const Probe::Step two = firstRows(2);
  auto angles = evaluator.evaluate(angleValue, two.size);
  auto factors = angles ? factorsOf(rotation, two, probe, why) : std::nullopt;
  if (!factors) {
    why = why.empty() ? "factors cannot be evaluated: " + evaluator.reason() : why;
    return std::nullopt;
  }
  const int64_t stride = angles->size() / two.size.sequence;
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
std::optional<Frequencies> fromTable(const Rotation& rotation, int64_t rows, Probe& probe, std::string& why) {
  rows = std::min(rows, kMostRowsRead);
  auto factors = rows >= 2 ? factorsOf(rotation, firstRows(rows), probe, why) : std::nullopt;
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
      double error = 0;
      for (int64_t row = 0; row < rows; ++row)
        error = std::max(error, errorOf(*factors, row, column, candidate, found.scale, row));
      if (error < least) {
        least = error;
        best = candidate;
      }
    }
    if (least > 1) {
      why = "tables are not cosine and sine of position times frequency";
      return std::nullopt;
    }
    found.perPosition.push_back(best);
  }
  return found;
}

}  // namespace

std::optional<Frequencies> readFrequencies(const Rotation& rotation, Extent extent, Evaluator& evaluator, std::string& why) {
  const Value angles = anglesOf(rotation.cosine);
  const int64_t rows = angles ? 0 : rowsOfTable(rotation.cosine);
  if (!angles && rows == 0) {
    why = "factors are neither computed with one cosine nor looked up in one table";
    return std::nullopt;
  }
  extent.positions = evaluablePositions({rotation.cosine, rotation.sine}, extent, evaluator);
  Probe probe(evaluator, {rotation.cosine, rotation.sine}, extent);
  std::optional<Frequencies> found =
      angles ? fromAngles(rotation, angles, probe, evaluator, why) : fromTable(rotation, std::min(rows, extent.positions), probe, why);
  if (!found)
    return std::nullopt;
  found->positions = extent.positions;
  int64_t shortestWrong = std::numeric_limits<int64_t>::max(), wrongPosition = 0;
  for (const Probe::Step& step : probe.steps()) {
    auto factors = factorsOf(rotation, step, probe, why);
    if (!factors)
      return std::nullopt;
    std::optional<int64_t> wrong;
    for (size_t row = 0; row < step.rows.size() && !wrong; ++row)
      for (int64_t column = 0; column < factors->dim && !wrong; ++column)
        if (const int64_t position = step.size.past + step.rows[row];
            !(errorOf(*factors, row, column, found->perPosition[pairOf(rotation, column)], found->scale, position) <= 1))
          wrong = position;
    if (wrong && step.total() < shortestWrong) {
      shortestWrong = step.total();
      wrongPosition = *wrong;
    }
  }
  if (shortestWrong != std::numeric_limits<int64_t>::max()) {
    why = "rotary factors are not cosine and sine of position times one frequency: they differ at position " +
          std::to_string(wrongPosition) + " of a sequence of " + std::to_string(shortestWrong);
    return std::nullopt;
  }
  return found;
}

}  // namespace quantc::raise
