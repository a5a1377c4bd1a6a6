#include "passes/raise/Mask.h"

#include <algorithm>
#include <cmath>

#include "passes/raise/Matching.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace quantc::raise {

using namespace mlir;

namespace {

constexpr int64_t kMostPaddedRows = 64;  // of a step that padding is tried with, otherwise some of them

SmallVector<Value> valuesOf(ArrayRef<MaskTerm> terms) {
  return llvm::map_to_vector(terms, [](const MaskTerm& term) { return term.value; });
}

/// What one step's rows see.
struct Visibility {
  Probe::Step step;
  std::vector<bool> sees;  // [rows, total]

  bool at(size_t row, int64_t key) const { return sees[row * static_cast<size_t>(step.total()) + static_cast<size_t>(key)]; }
  /// Keys that the last row sees.
  int64_t seenByLast() const { return std::count(sees.end() - step.total(), sees.end(), true); }
};

/// A term's elements of some rows, [heads, rows, total], or of one head where all are equal or, biased, hide the same; nullopt with a reason in `why`.
std::optional<std::vector<double>> rowsOfTerm(const MaskTerm& term, Probe& probe, const Probe::Step& step, std::string& why,
                                              const Evaluator::Given* given, int64_t* heads = nullptr) {
  const SmallVector<int64_t> shape = probe.shapeOf(term.value, step.size);
  const size_t rank = shape.size();
  const int64_t total = step.total(), width = rank > 0 ? shape[rank - 1] : 1, height = rank > 1 ? shape[rank - 2] : 1;
  if ((width != 1 && width != total) || (height != 1 && height != step.size.sequence)) {
    why = "mask does not have the shape of the scores";
    return std::nullopt;
  }
  int64_t count = 1;
  for (int64_t extent : ArrayRef(shape).drop_back(std::min<size_t>(rank, 2)))
    count *= extent;
  std::vector<double> result;
  for (int64_t head = 0; head < count; ++head) {
    std::vector<int64_t> rows;
    for (int64_t row : step.rows)
      rows.push_back(head * height + (height == 1 ? 0 : row));
    if (height == 1)
      rows.resize(1);
    auto values = probe.rows(term.value, step.size, rows, width, given);
    if (!values) {
      why = "mask cannot be evaluated: " + probe.reason();
      return std::nullopt;
    }
    std::vector<double> full;
    full.reserve(step.rows.size() * static_cast<size_t>(total));
    for (size_t row = 0; row < step.rows.size(); ++row)
      for (int64_t key = 0; key < total; ++key)
        full.push_back((*values)[(height == 1 ? 0 : row) * static_cast<size_t>(width) + static_cast<size_t>(width == 1 ? 0 : key)]);
    if (heads || head == 0) {
      result.insert(result.end(), full.begin(), full.end());
      continue;
    }
    for (size_t i = 0; i < full.size(); ++i)
      if (term.biased ? hides(term, full[i]) != hides(term, result[i]) : full[i] != result[i]) {
        why = "mask differs between heads";
        return std::nullopt;
      }
  }
  if (heads)
    *heads = count;
  return result;
}

/// What the rows of a step see; nullopt when a value that is added is neither 0 nor hugely negative.
std::optional<Visibility> visibility(ArrayRef<MaskTerm> terms, Probe& probe, const Probe::Step& step, std::string& why,
                                     const Evaluator::Given* given = nullptr) {
  Visibility found{step, std::vector<bool>(step.rows.size() * static_cast<size_t>(step.total()), true)};
  std::vector<bool> multiplied(found.sees.size(), false);
  for (const MaskTerm& term : terms) {
    auto values = rowsOfTerm(term, probe, step, why, given);
    if (!values)
      return std::nullopt;
    for (size_t i = 0; i < values->size(); ++i) {
      const double value = (*values)[i];
      if (term.use == MaskTerm::Use::multiplied) {
        multiplied[i] = multiplied[i] || value != 1;
        continue;
      }
      const bool adds = term.use == MaskTerm::Use::added || term.use == MaskTerm::Use::subtracted, hidden = hides(term, value);
      if (adds && !hidden && value != 0 && !term.biased) {
        why = "mask adds " + std::to_string(effective(term, value)) + " to a score, expected 0, or " + std::to_string(kHidden) +
              " or less to hide it";
        return std::nullopt;
      }
      found.sees[i] = found.sees[i] && !hidden;
    }
  }
  for (size_t i = 0; i < multiplied.size(); ++i)
    if (found.sees[i] && multiplied[i]) {
      why = "mask multiplies a score that it does not hide";
      return std::nullopt;
    }
  return found;
}

/// Whether the rows see what those of a mask do; where they do not, `why` says which.
bool agrees(const Visibility& visible, MaskClass mask, std::string& why) {
  const tfm::StepSize size = visible.step.size;
  const int64_t total = visible.step.total();
  for (size_t row = 0; row < visible.step.rows.size(); ++row)
    for (int64_t key = 0; key < total; ++key) {
      const int64_t position = total - size.sequence + visible.step.rows[row];
      const bool expected = mask.kind == tfm::MaskKind::full || (key <= position && (mask.window == 0 || key > position - mask.window));
      if (visible.at(row, key) == expected)
        continue;
      why = "mask is neither causal nor a window: of " + std::to_string(total) + " positions, position " + std::to_string(position) +
            (expected ? " does not see " : " sees ") + "position " + std::to_string(key);
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

/// What a mask that hides nothing by itself does with the argument that it is computed from: nothing, or it hides the keys whose element is 0. Its rows are
/// looked at for several patterns of short sequences and of the longest.
std::optional<MaskClass> classifyPadding(ArrayRef<MaskTerm> terms, Value argument, Probe& probe, std::string& why) {
  bool ignores = true, hidesKeys = true;
  for (const Probe::Step& probed : probe.steps()) {
    const int64_t tokens = probed.size.sequence;
    if (tokens < 5 && tokens != 1)
      continue;
    Probe::Step step = probed;
    if (tokens > kMostPaddedRows)
      step.rows = {0, tokens / 3, tokens - 2, tokens - 1};
    // One token, and keys that are hidden at the end, at the beginning, here and there.
    using IsPadding = bool (*)(int64_t key, int64_t tokens);
    for (IsPadding isPadding : {IsPadding([](int64_t key, int64_t tokens) { return key > 0 && key >= tokens - 1 - tokens / 5; }),
                                IsPadding([](int64_t key, int64_t tokens) { return key < tokens / 3; }),
                                IsPadding([](int64_t key, int64_t) { return key % 3 == 1 || key % 7 == 4; }),
                                IsPadding([](int64_t key, int64_t tokens) { return key != tokens / 2 && key != tokens - 1; })}) {
      Evaluator::Given given{argument, {}};
      for (int64_t key = 0; key < tokens; ++key)
        given.elements.push_back(isPadding(key, tokens) ? 0 : 1);
      auto visible = visibility(terms, probe, step, why, &given);
      if (!visible)
        return std::nullopt;
      for (size_t row = 0; row < step.rows.size(); ++row)
        for (int64_t key = 0; key < tokens; ++key) {
          ignores &= visible->at(row, key);
          hidesKeys &= visible->at(row, key) == (given.elements[key] != 0);
        }
    }
  }
  if (ignores)
    return MaskClass{tfm::MaskKind::full};
  if (hidesKeys)
    return MaskClass{tfm::MaskKind::padding, 0, argument};
  why = "mask hides something else than the keys where its input is 0";
  return std::nullopt;
}

/// Slopes of a term that grows by them from key to key at every step, whatever the query; nullopt for any other, also for one that is flat.
std::optional<std::vector<double>> slopesOf(const MaskTerm& term, int64_t heads, Extent extent, Evaluator& evaluator) {
  constexpr double kTolerance = 1e-5;
  const int64_t rank = typeOf(term.value).getRank();
  if (rank < 3)
    return std::nullopt;
  Probe probe(evaluator, term.value, extent);
  std::vector<double> slopes;
  for (const Probe::Step& probed : probe.steps()) {
    const SmallVector<int64_t> shape = probe.shapeOf(term.value, probed.size);
    const int64_t total = probed.total();
    Probe::Step step = probed;
    if (shape[rank - 2] == 1)
      step.rows = {step.rows.back()};
    int64_t count = 0;
    std::string why;
    auto values = shape[rank - 1] == total ? rowsOfTerm(term, probe, step, why, nullptr, &count) : std::nullopt;
    if (!values || count != heads || shape[rank - 3] != heads)
      return std::nullopt;
    const int64_t elements = static_cast<int64_t>(step.rows.size()) * total;
    if (slopes.empty()) {
      if (total < 2)
        return std::nullopt;
      for (int64_t head = 0; head < heads; ++head)
        slopes.push_back((*values)[head * elements + 1] - (*values)[head * elements]);
      if (llvm::all_of(slopes, [](double slope) { return slope == 0; }))
        return std::nullopt;
    }
    for (int64_t i = 0; i < heads * elements; ++i) {
      const double slope = slopes[i / elements], first = (*values)[i / total * total], value = (*values)[i];
      if (std::fabs(value - first - slope * static_cast<double>(i % total)) > kTolerance * (1 + std::fabs(value)))
        return std::nullopt;
    }
  }
  return slopes;
}

}  // namespace

double effective(const MaskTerm& term, double value) { return (term.use == MaskTerm::Use::subtracted ? -value : value) * term.scale; }

bool hides(const MaskTerm& term, double value) {
  switch (term.use) {
  case MaskTerm::Use::keepWhere: return value == 0;
  case MaskTerm::Use::dropWhere: return value != 0;
  case MaskTerm::Use::multiplied: return false;
  default: return effective(term, value) <= kHidden;
  }
}

SmallVector<float> takeSlopes(SmallVectorImpl<MaskTerm>& terms, int64_t heads, Extent extent, Evaluator& evaluator) {
  SmallVector<float> sums;
  for (size_t i = 0; i < terms.size();) {
    auto slopes = terms[i].use == MaskTerm::Use::added ? slopesOf(terms[i], heads, extent, evaluator) : std::nullopt;
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

std::optional<MaskClass> classifySourceMask(ArrayRef<MaskTerm> terms, int64_t longest, Evaluator& evaluator, std::string& why) {
  Probe probe(evaluator, valuesOf(terms), Extent{longest, false});
  std::vector<int64_t> lengths{1, 3, 2, longest};
  for (int64_t length = 12; length < longest; length += length / 2)
    lengths.push_back(length);
  for (int64_t length : lengths) {
    for (int64_t sequence : {1, 2, 3}) {
      Probe::Step step{{sequence, 0, 1, length}, {0}};
      step.rows.resize(static_cast<size_t>(sequence));
      for (int64_t row = 0; row < sequence; ++row)
        step.rows[row] = row;
      auto visible = length > longest ? std::nullopt : visibility(terms, probe, step, why);
      if (!visible && length <= longest)
        return std::nullopt;
      if (visible && llvm::is_contained(visible->sees, false)) {
        why = "mask hides positions of the encoder's sequence";
        return std::nullopt;
      }
    }
  }
  return MaskClass{tfm::MaskKind::full};
}

std::optional<MaskClass> classifyMask(ArrayRef<MaskTerm> terms, Extent extent, Evaluator& evaluator, std::string& why) {
  MaskClass full{tfm::MaskKind::full}, causal{tfm::MaskKind::causal};
  if (terms.empty())
    return full;
  Probe probe(evaluator, valuesOf(terms), extent);
  std::vector<Visibility> results;
  int64_t window = 0;
  for (const Probe::Step& step : probe.steps()) {
    auto visible = visibility(terms, probe, step, why);
    if (!visible)
      return std::nullopt;
    // The last query of any step sees as many keys as the window has, once there are that many.
    if (const int64_t seen = visible->seenByLast(); seen < step.total())
      window = std::max(window, seen);
    results.push_back(std::move(*visible));
  }
  auto allAgree = [&](MaskClass candidate) {
    return llvm::all_of(results, [&](const Visibility& visible) { return agrees(visible, candidate, why); });
  };
  if (allAgree(full)) {
    SmallVector<Value> arguments = extent.hasPast ? SmallVector<Value>() : argumentsOf(terms);
    if (arguments.size() > 1) {
      why = "mask is computed from several inputs";
      return std::nullopt;
    }
    return arguments.empty() ? full : classifyPadding(terms, arguments[0], probe, why);
  }
  for (MaskClass candidate : {causal, MaskClass{tfm::MaskKind::causal, window}})
    if (allAgree(candidate))
      return candidate;
  return std::nullopt;
}

}  // namespace quantc::raise
