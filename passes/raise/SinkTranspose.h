// Patterns of Simplify that move transposes of channels and positions behind elementwise operations.
#pragma once

#include "mlir/IR/PatternMatch.h"

namespace quantc {

void addSinkTransposePatterns(mlir::RewritePatternSet& patterns);

}  // namespace quantc
