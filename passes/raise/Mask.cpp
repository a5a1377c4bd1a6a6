#include "passes/raise/Mask.h"

#include <algorithm>
#include <cmath>

#include "dialects/tfm/InterpreterMath.h"
#include "passes/raise/Matching.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace quantc::raise {

using namespace mlir;

namespace {

/// Whether some constant that a term is computed with lies between the longest step that is always evaluated and the context: a window that only
/// the whole context shows.
bool mayHaveLongWindow(ArrayRef<MaskTerm> terms, Evaluator& evaluator) {
  bool found = false;
  visitProducers(llvm::map_to_vector(terms, [](const MaskTerm& term) { return term.value; }), [&](Operation* op) {
    auto value = op->getNumResults() == 1 ? scalarOf(op->getResult(0)) : std::nullopt;
    found |= value && std::fabs(*value) > static_cast<double>(Evaluator::kLongestUsualSquare) &&
             std::fabs(*value) < static_cast<double>(evaluator.context());
    return !found;
  });
  return found;
}

/// Leaves one head of [..., heads, rows, keys] where they are equal, or, `biased`, hide the same; false where they do not.
bool keepOneHead(tfm::Array& array, bool biased) {
  size_t leading = array.shape.size() < 2 ? 0 : array.shape.size() - 2;
  if (llvm::all_of(ArrayRef(array.shape).take_front(leading), [](int64_t extent) { return extent == 1; }))
    return true;
  const int64_t count = array.shape[leading] * array.shape[leading + 1];
  for (int64_t i = 0; i < array.size(); ++i) {
    double value = array.values[i], first = array.values[i % count];
    if (biased ? (value <= kHidden) != (first <= kHidden) : value != first)
      return false;
  }
  array.values.resize(static_cast<size_t>(std::min(array.size(), count)));
  for (size_t axis = 0; axis < leading; ++axis)
    array.shape[axis] = 1;
  return true;
}

/// visible[query * total + key] of one step; nullopt when a value is neither 0 nor hugely negative.
std::optional<std::vector<bool>> visibility(ArrayRef<MaskTerm> terms, Evaluator& evaluator, tfm::StepSize step, std::string& why,
                                            const Evaluator::Given* given = nullptr) {
  int64_t total = step.source ? step.source : step.sequence + (evaluator.hasPast() ? step.past : 0);
  std::vector<bool> visible(step.sequence * total, true), multiplied(visible.size(), false);
  for (const MaskTerm& term : terms) {
    auto array = evaluator.evaluate(term.value, step, given);
    if (!array) {
      why = "mask cannot be evaluated: " + evaluator.reason();
      return std::nullopt;
    }
    int64_t rank = static_cast<int64_t>(array->shape.size());
    if (!keepOneHead(*array, term.biased)) {
      why = "mask differs between heads";
      return std::nullopt;
    }
    SmallVector<int64_t> inner(array->shape.end() - std::min<int64_t>(rank, 2), array->shape.end()), shape{step.sequence, total};
    for (int64_t back = 1; back <= static_cast<int64_t>(inner.size()); ++back)
      if (inner[inner.size() - back] != 1 && inner[inner.size() - back] != shape[2 - back]) {
        why = "mask does not have the shape of the scores";
        return std::nullopt;
      }
    array->shape = inner;
    tfm::Array full = tfm::interpret::strided(*array, 0, tfm::interpret::broadcastStrides(inner, shape), shape);
    bool adds = term.use == MaskTerm::Use::added || term.use == MaskTerm::Use::subtracted;
    for (size_t i = 0; i < visible.size(); ++i) {
      double value = term.use == MaskTerm::Use::subtracted ? -full.values[i] : full.values[i];
      if (term.use == MaskTerm::Use::multiplied) {
        multiplied[i] = multiplied[i] || value != 1;
        continue;
      }
      bool hides = adds ? value <= kHidden : (value != 0) == (term.use == MaskTerm::Use::dropWhere);
      if (adds && !hides && value != 0 && !term.biased) {
        why = "mask adds " + std::to_string(value) + " to a score";
        return std::nullopt;
      }
      visible[i] = visible[i] && !hides;
    }
  }
  for (size_t i = 0; i < visible.size(); ++i)
    if (visible[i] && multiplied[i]) {
      why = "mask multiplies a score that it does not hide";
      return std::nullopt;
    }
  return visible;
}

bool agrees(const std::vector<bool>& visible, tfm::StepSize step, int64_t total, MaskClass mask) {
  for (int64_t row = 0; row < step.sequence; ++row)
    for (int64_t key = 0; key < total; ++key) {
      int64_t position = total - step.sequence + row;
      bool expected = mask.kind == tfm::MaskKind::full || (key <= position && (mask.window == 0 || key > position - mask.window));
      if (visible[row * total + key] != expected)
        return false;
    }
  return true;
}

/// Arguments that the terms are computed from.
SmallVector<Value> argumentsOf(ArrayRef<MaskTerm> terms) {
  SmallVector<Value> pending, found;
  for (const MaskTerm& term : terms)
    pending.push_back(term.value);
  llvm::SmallPtrSet<Operation*, 32> seen;
  while (!pending.empty()) {
    Value value = pending.pop_back_val();
    Operation* op = value.getDefiningOp();
    if (!op && !llvm::is_contained(found, value))
      found.push_back(value);
    if (op && seen.insert(op).second)
      pending.append(op->operand_begin(), op->operand_end());
  }
  return found;
}

/// What a mask that hides nothing by itself does with the argument that it is computed from: nothing, or it hides the keys whose element is 0.
std::optional<MaskClass> classifyPadding(ArrayRef<MaskTerm> terms, Value argument, Evaluator& evaluator, std::string& why) {
  constexpr int64_t kTokens = 5;
  const std::vector<std::vector<double>> patterns = {{1, 1, 1, 1, 0}, {0, 1, 1, 1, 1}, {1, 0, 1, 0, 0}, {0, 0, 1, 0, 1}};
  bool ignores = true, hides = true;
  for (const std::vector<double>& pattern : patterns) {
    Evaluator::Given given{argument, pattern};
    auto visible = visibility(terms, evaluator, {kTokens, 0}, why, &given);
    if (!visible)
      return std::nullopt;
    for (int64_t row = 0; row < kTokens; ++row)
      for (int64_t key = 0; key < kTokens; ++key) {
        ignores &= (*visible)[row * kTokens + key];
        hides &= (*visible)[row * kTokens + key] == (pattern[key] != 0);
      }
  }
  if (ignores)
    return MaskClass{tfm::MaskKind::full};
  if (hides)
    return MaskClass{tfm::MaskKind::padding, 0, argument};
  why = "mask hides something else than the keys where its input is 0";
  return std::nullopt;
}

/// Slopes of a term that grows by them from key to key at every step, whatever the query; nullopt for any other, also for one that is flat.
std::optional<std::vector<double>> slopesOf(const MaskTerm& term, int64_t heads, Evaluator& evaluator) {
  constexpr double kTolerance = 1e-5;
  std::optional<std::vector<double>> slopes;
  for (tfm::StepSize step : evaluator.smallSteps()) {
    auto array = evaluator.evaluate(term.value, step);
    int64_t total = step.sequence + (evaluator.hasPast() ? step.past : 0), rank = array ? static_cast<int64_t>(array->shape.size()) : 0;
    if (rank < 3 || array->shape[rank - 1] != total || array->shape[rank - 3] != heads ||
        array->size() != heads * array->shape[rank - 2] * total)
      return std::nullopt;
    if (!slopes) {
      if (total < 2)
        return std::nullopt;
      slopes.emplace();
      for (int64_t head = 0; head < heads; ++head)
        slopes->push_back(array->values[head * array->shape[rank - 2] * total + 1] - array->values[head * array->shape[rank - 2] * total]);
    }
    for (int64_t i = 0; i < array->size(); ++i) {
      double slope = (*slopes)[i / (array->shape[rank - 2] * total)], first = array->values[i / total * total];
      if (std::fabs(array->values[i] - first - slope * static_cast<double>(i % total)) > kTolerance * (1 + std::fabs(array->values[i])))
        return std::nullopt;
    }
  }
  bool flat = llvm::all_of(*slopes, [](double slope) { return slope == 0; });
  return flat ? std::nullopt : slopes;
}

}  // namespace

SmallVector<float> takeSlopes(SmallVectorImpl<MaskTerm>& terms, int64_t heads, Evaluator& evaluator) {
  SmallVector<float> sums;
  for (size_t i = 0; i < terms.size();) {
    auto slopes = terms[i].use == MaskTerm::Use::added ? slopesOf(terms[i], heads, evaluator) : std::nullopt;
    if (!slopes) {
      ++i;
      continue;
    }
    sums.resize(static_cast<size_t>(heads), 0);
    for (size_t head = 0; head < sums.size(); ++head)
      sums[head] += static_cast<float>((*slopes)[head] * terms[i].scale);
    terms.erase(terms.begin() + i);
  }
  return sums;
}

std::optional<MaskClass> classifySourceMask(ArrayRef<MaskTerm> terms, Evaluator& evaluator, std::string& why) {
  for (tfm::StepSize step : {tfm::StepSize{1, 0, 1, 1}, {2, 0, 1, 3}, {3, 0, 1, 2}, {1, 0, 1, Evaluator::kLongestUsualSquare}}) {
    auto visible = visibility(terms, evaluator, step, why);
    if (!visible)
      return std::nullopt;
    if (llvm::is_contained(*visible, false)) {
      why = "mask hides positions of the encoder's sequence";
      return std::nullopt;
    }
  }
  return MaskClass{tfm::MaskKind::full};
}

std::optional<MaskClass> classifyMask(ArrayRef<MaskTerm> terms, Evaluator& evaluator, std::string& why) {
  std::optional<MaskClass> full = MaskClass{tfm::MaskKind::full}, causal = MaskClass{tfm::MaskKind::causal}, windowed;
  if (terms.empty())
    return full;
  std::vector<tfm::StepSize> steps = evaluator.longSteps(mayHaveLongWindow(terms, evaluator));
  std::vector<std::vector<bool>> results;
  std::vector<int64_t> totals;
  for (tfm::StepSize step : steps) {
    auto visible = visibility(terms, evaluator, step, why);
    if (!visible)
      return std::nullopt;
    int64_t total = static_cast<int64_t>(visible->size()) / step.sequence;
    // The last query of any step sees as many keys as the window has, once there are that many.
    int64_t seen = std::count(visible->end() - total, visible->end(), true);
    if (seen < total && (!windowed || windowed->window < seen))
      windowed = MaskClass{tfm::MaskKind::causal, seen};
    results.push_back(std::move(*visible));
    totals.push_back(total);
  }
  for (std::optional<MaskClass> candidate : {full, causal, windowed}) {
    bool all = candidate.has_value();
    for (size_t i = 0; i < steps.size() && all; ++i)
      all = agrees(results[i], steps[i], totals[i], *candidate);
    SmallVector<Value> arguments =
        all && candidate->kind == tfm::MaskKind::full && !evaluator.hasPast() ? argumentsOf(terms) : SmallVector<Value>();
    if (arguments.size() > 1) {
      why = "mask is computed from several inputs";
      return std::nullopt;
    }
    if (arguments.size() == 1)
      return classifyPadding(terms, arguments[0], evaluator, why);
    if (all)
      return candidate;
  }
  why = "mask is neither causal nor a window";
  return std::nullopt;
}

}  // namespace quantc::raise
