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
};

/// Classifies terms that depend on positions alone by evaluating them for several steps up to the full context; nullopt with a reason in `why`.
/// A causal mask stands for itself, whatever else an argument could hide: caches hold no padding.
std::optional<MaskClass> classifyMask(llvm::ArrayRef<MaskTerm> terms, Evaluator& evaluator, std::string& why);

}  // namespace quantc::raise
