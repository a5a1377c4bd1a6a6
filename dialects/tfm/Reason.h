// Why something was not recognised, kept until the model is found to need it.
#pragma once

#include "llvm/ADT/StringRef.h"

namespace quantc::tfm {

/// A discardable attribute of an operation: why it is not a part of what it looked like, as text.
constexpr llvm::StringLiteral kReasonAttribute = "tfm.reason";

}  // namespace quantc::tfm
