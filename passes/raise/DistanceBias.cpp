// Biases by the distance of key and query (Raffel et al. 2020), which graphs look up by bucket for every pair.
#include <cmath>

#include "passes/raise/Mask.h"
#include "passes/raise/Matching.h"

namespace quantc::raise {

using namespace mlir;

namespace {

constexpr int64_t kMostPositions = 2048;  // whose square is evaluated
constexpr double kTolerance = 1e-6;

/// The only lookup of rows of a weight [buckets, heads] that a value is computed from; null where there is none or several.
tfm::GatherOp lookupOf(Value value, int64_t heads) {
  SmallVector<tfm::GatherOp> found;
  visitProducers(value, [&](Operation* op) {
    auto gather = dyn_cast<tfm::GatherOp>(op);
    if (gather && weightExprOf(gather.getOperand()) && gather.getAxis() == 0 && typeOf(gather.getOperand()).getRank() == 2 &&
        typeOf(gather.getOperand()).getDimSize(1) == heads && isa<FloatType>(typeOf(gather.getOperand()).getElementType()))
      found.push_back(gather);
    return true;
  });
  return found.size() == 1 ? found.front() : tfm::GatherOp();
}

/// The bucket of each distance from 1 - positions to positions - 1; nullopt where that depends on something else.
std::optional<std::vector<int64_t>> bucketsOf(Value indices, int64_t rows, int64_t positions, Evaluator& evaluator) {
  auto array = evaluator.evaluate(indices, {positions, 0});
  if (!array || array->size() != positions * positions)
    return std::nullopt;
  std::vector<int64_t> buckets(static_cast<size_t>(2 * positions - 1), -1);
  for (int64_t i = 0; i < array->size(); ++i) {
    int64_t &bucket = buckets[i % positions - i / positions + positions - 1], index = static_cast<int64_t>(array->values[i]);
    if (index < 0 || index >= rows || (bucket >= 0 && bucket != index))
      return std::nullopt;
    bucket = index;
  }
  return buckets;
}

/// Whether what a term adds to a score that it does not hide is its bias, in all rows that a probe looks at.
bool addsBias(const MaskTerm& term, ArrayRef<int64_t> buckets, const tfm::Array& table, Extent extent, Evaluator& evaluator) {
  const int64_t heads = table.shape[1], most = (static_cast<int64_t>(buckets.size()) - 1) / 2;
  Probe probe(evaluator, term.value, extent);
  for (const Probe::Step& step : probe.steps()) {
    const int64_t sequence = step.size.sequence, past = step.size.past, total = step.total();
    const SmallVector<int64_t> shape = probe.shapeOf(term.value, step.size);
    if (tfm::elementCount(shape) != heads * sequence * total || shape.back() != total)
      return false;
    for (int64_t head = 0; head < heads; ++head) {
      std::vector<int64_t> rows(step.rows);
      for (int64_t& row : rows)
        row += head * sequence;
      auto values = probe.rows(term.value, step.size, rows, total);
      if (!values)
        return false;
      for (size_t i = 0; i < values->size(); ++i) {
        const int64_t key = static_cast<int64_t>(i) % total, distance = key - (past + step.rows[i / static_cast<size_t>(total)]);
        const double bias = table.values[buckets[distance + most] * heads + head], value = (*values)[i];
        if (!hides(term, value) && std::fabs(value - bias) > kTolerance * (1 + std::fabs(bias)))
          return false;
      }
    }
  }
  return true;
}

}  // namespace

std::optional<DistanceBias> takeDistanceBias(MutableArrayRef<MaskTerm> terms, int64_t heads, Extent extent, Evaluator& evaluator,
                                             std::string& why) {
  const int64_t positions = extent.positions;
  for (MaskTerm& term : terms) {
    tfm::GatherOp lookup = term.use == MaskTerm::Use::added && term.scale == 1 ? lookupOf(term.value, heads) : tfm::GatherOp();
    if (!lookup)
      continue;
    if (positions > kMostPositions) {
      why = "biases by distance are evaluated for at most " + std::to_string(kMostPositions) + " positions, there are " +
            std::to_string(positions);
      return std::nullopt;
    }
    auto table = evaluator.evaluate(lookup.getOperand(), {1, 0});
    auto buckets = table ? bucketsOf(lookup.getIndices(), table->shape[0], positions, evaluator) : std::nullopt;
    if (!buckets || positions < 2 || !addsBias(term, *buckets, *table, extent, evaluator)) {
      why = "mask adds rows of a table that are not chosen by distance alone";
      return std::nullopt;
    }
    MLIRContext* context = lookup.getContext();
    Attribute columns = permuted(weightExprOf(lookup.getOperand()), {1, 0});
    SmallVector<Attribute> parts;
    for (int64_t bucket : *buckets)
      parts.push_back(tfm::SlicedAttr::get(context, columns, 1, bucket, bucket + 1));
    term.biased = true;
    return DistanceBias{tfm::ConcatenatedAttr::get(context, parts, 1), positions - 1};
  }
  return std::nullopt;
}

}  // namespace quantc::raise
