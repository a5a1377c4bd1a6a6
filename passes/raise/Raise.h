// The way from primitive operations to the canonical form.
#pragma once

#include "mlir/Pass/PassManager.h"

namespace quantc {

/// Adds the raise passes, for modules, in their order. What is raised already goes through unharmed.
void buildRaisePipeline(mlir::OpPassManager& manager);

}  // namespace quantc
