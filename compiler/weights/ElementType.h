// Stored element types as MLIR types.
#pragma once

#include "compiler/weights/WeightFile.h"
#include "mlir/IR/BuiltinTypes.h"

namespace quantc {

/// f32, f16, bf16, f64, signless integers, `ui8` and the like for the unsigned, i1 for booleans.
mlir::Type elementType(StoredType type, mlir::MLIRContext* context);

/// tensor<2x3xf16> of a stored tensor.
mlir::RankedTensorType tensorType(const StoredTensor& tensor, mlir::MLIRContext* context);

}  // namespace quantc
