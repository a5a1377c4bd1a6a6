// What raise-experts tells passes after it.
#pragma once

#include "llvm/ADT/StringRef.h"

namespace quantc::raise {

/// Marks a tfm.linear of whose result experts are chosen.
constexpr llvm::StringLiteral kRouterAttribute = "tfm.router";

}  // namespace quantc::raise
