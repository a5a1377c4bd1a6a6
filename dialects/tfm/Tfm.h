// The tfm dialect: include this to use its operations.
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/tfm/SymbolicShape.h"

#include "dialects/tfm/TfmDialect.h.inc"
#include "dialects/tfm/TfmEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/tfm/TfmAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/tfm/TfmTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/tfm/TfmOps.h.inc"

namespace quantc::tfm {

/// Type of a weight expression; null when `expr` is not one or does not fit together.
mlir::RankedTensorType typeOfWeight(mlir::Attribute expr);

/// What code - zero point can be, by the types alone or by the zero points where they are a constant of one value. Both ends 0 where that is not
/// known to fit into 16 bits.
struct CodeRange {
  int64_t least, most;
};
CodeRange codeRangeOf(DequantizedAttr attr);

/// The scheme name of activations.
constexpr llvm::StringLiteral kActivationScheme = "act8";

/// Attribute of an argument of integers: what its elements are unless the caller sets them. A padding mask has 1.
constexpr llvm::StringLiteral kInitialAttribute = "tfm.initial";

}  // namespace quantc::tfm
