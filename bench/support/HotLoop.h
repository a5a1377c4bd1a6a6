// The loop of a kernel in which the multiplications are, and the loops around it: found in its assembly text, and what it does counted from its
// instructions.
#pragma once

#include <string>
#include <vector>

#include "targets/Target.h"

namespace quantc::bench {

struct LoopCode {
  std::string label;
  std::vector<std::string> lines;  ///< instructions only, the branch back last
  std::string vectorState;         ///< riscv64: the vset instruction that is in force where the loop begins; empty elsewhere
};

/// A loop around another: what it does itself, and loops in it that multiply nothing.
struct SurroundingLoop {
  LoopCode own;
  std::vector<LoopCode> others;
};

struct HotLoop : LoopCode {
  int64_t multiplyAdds = 0;             ///< of narrow integers, per iteration
  std::vector<SurroundingLoop> around;  ///< from the inside out
};

/// The innermost loop with the most multiply-adds. Throws std::runtime_error when no loop has any.
HotLoop findHotLoop(const std::string& assembly, Architecture architecture);

}  // namespace quantc::bench
