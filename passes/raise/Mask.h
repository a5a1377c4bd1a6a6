// What a mask that is added to attention scores lets through.
#pragma once

#include <string>

#include "passes/raise/Evaluation.h"

namespace quantc::raise {

struct MaskClass {
  tfm::MaskKind kind;
  int64_t window;  // 0: none
};

/// A mask is added to the scores, or is a condition that keeps (keepWhere) or drops them.
struct MaskTerm {
  mlir::Value value;
  enum class Use { added, keepWhere, dropWhere } use;
};

/// Classifies terms that depend on positions alone by evaluating them for several steps up to the full context; nullopt with a reason in `why`.
std::optional<MaskClass> classifyMask(llvm::ArrayRef<MaskTerm> terms, Evaluator& evaluator, std::string& why);

}  // namespace quantc::raise
