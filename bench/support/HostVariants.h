// The code variants that the processor at hand runs.
#pragma once

#include <vector>

#include "targets/Target.h"

namespace quantc::bench {

/// In the order of targets.inc, the best last.
std::vector<TargetVariant> hostVariants();

}  // namespace quantc::bench
