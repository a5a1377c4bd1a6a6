// LLVM's models of processors, by llvm-mca.
#pragma once

#include <string>
#include <vector>

#include "bench/support/HotLoop.h"

namespace quantc::bench {

/// A row of cores.inc.
struct Core {
  const char* architecture;
  const char* variant;
  const char* name;
  const char* mcpu;
  const char* mattr;
  const char* unit;
  int registers, step;
  int64_t macs;
  int manyPercent;
  double hertz;
  bool decoupled;
};
const std::vector<Core>& allCores();

struct Cycles {
  double simulated = 0;   ///< per iteration, loads from the first-level cache, dependencies and the core's width counted
  double throughput = 0;  ///< per iteration, bound by the busiest unit alone
};

class MachineModel {
public:
  /// `command` runs llvm-mca.
  explicit MachineModel(std::string command) : command(std::move(command)) {}

  /// Throws std::runtime_error with llvm-mca's message.
  Cycles ofLoop(const Core& core, const LoopCode& loop) const;
  /// Multiply-adds per cycle of nothing but the core's unit.
  double peak(const Core& core) const;

private:
  Cycles analyse(const Core& core, const std::string& text) const;
  std::string command;
};

}  // namespace quantc::bench
