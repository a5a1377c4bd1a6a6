// What a mask that is added to attention scores lets through.
#pragma once

#include <string>

#include "passes/raise/Probe.h"

namespace quantc::raise {

/// What is added to a score that counts for nothing, or less, after all scales: exp of the difference to any sensible score is 0.
constexpr double kHidden = -1e4;

struct MaskClass {
  tfm::MaskKind kind;
  int64_t window = 0;     // 0: none
  mlir::Value padding{};  // of kind padding: the argument that has a 0 for every key that no query sees
};

/// A mask is added to the scores or subtracted, or is a condition that keeps (keepWhere) or drops them. One that multiplies is 1 wherever no other hides.
struct MaskTerm {
  mlir::Value value;
  enum class Use { added, subtracted, multiplied, keepWhere, dropWhere } use;
  double scale = 1;     // that what is added is multiplied by
  bool biased = false;  // besides hiding it adds what takeDistanceBias found
};

/// What a term of this value adds to the scores as the softmax sees them.
double effective(const MaskTerm& term, double value);
/// Whether a score with this value of the term counts for nothing.
bool hides(const MaskTerm& term, double value);

/// Takes the terms out that add slope * position of the key, one slope per head (ALiBi), and gives the sum of the slopes; none when there is no such term.
llvm::SmallVector<float> takeSlopes(llvm::SmallVectorImpl<MaskTerm>& terms, int64_t heads, Extent extent, Evaluator& evaluator);

/// Biases by the distance of a key from its query, as tfm.attention has them: `table` [heads, distances], of which `before` come before that of 0.
struct DistanceBias {
  mlir::Attribute table;
  int64_t before;
};

/// Finds a term that adds a row of a weight [buckets, heads], chosen by the distance alone, to every score that it does not hide, and marks it biased. The
/// table reaches as far as its positions ask for. nullopt with a reason in `why` where there is such a lookup that is no such bias, without a reason where there is none.
std::optional<DistanceBias> takeDistanceBias(llvm::MutableArrayRef<MaskTerm> terms, int64_t heads, Extent extent, Evaluator& evaluator,
                                             std::string& why);

/// Classifies a mask of the positions of an encoder's sequence, at most `longest`: full, or nullopt with a reason in `why`.
std::optional<MaskClass> classifySourceMask(llvm::ArrayRef<MaskTerm> terms, int64_t longest, Evaluator& evaluator, std::string& why);

/// Classifies terms that depend on positions alone; nullopt with a reason in `why`. It is proven for tables, of which every element is looked at. What is
/// computed is sampled: all rows of steps up to 256 positions, and of longer ones up to the full context the first and last rows and those around every
/// constant (Probe). A causal mask stands for itself, whatever else an argument could hide: caches hold no padding.
std::optional<MaskClass> classifyMask(llvm::ArrayRef<MaskTerm> terms, Extent extent, Evaluator& evaluator, std::string& why);

}  // namespace quantc::raise
