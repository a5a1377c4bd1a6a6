// What a mask that is added to attention scores lets through.
#pragma once

#include <string>

#include "passes/raise/Evaluation.h"

namespace quantc::raise {

struct MaskClass {
  tfm::MaskKind kind;
  int64_t window = 0;     // 0: none
  mlir::Value padding{};  // of kind padding: the argument that has a 0 for every key that no query sees
};

/// A mask is added to the scores, or is a condition that keeps (keepWhere) or drops them.
struct MaskTerm {
  mlir::Value value;
  enum class Use { added, keepWhere, dropWhere } use;
  double scale = 1;  // of what is added
};

/// Takes the terms out that add slope * position of the key, one slope per head (ALiBi), and gives the sum of the slopes; none when there is no such term.
llvm::SmallVector<float> takeSlopes(llvm::SmallVectorImpl<MaskTerm>& terms, int64_t heads, Evaluator& evaluator);

/// Classifies terms that depend on positions alone by evaluating them for several steps up to the full context; nullopt with a reason in `why`.
/// A causal mask stands for itself, whatever else an argument could hide: caches hold no padding.
std::optional<MaskClass> classifyMask(llvm::ArrayRef<MaskTerm> terms, Evaluator& evaluator, std::string& why);

}  // namespace quantc::raise
